//! Objects in the vault that are no backup of ours: what an older tool left, copied here to be locked as well.

use crate::connect::Vault;
use crate::error::Error;
use crate::object::ObjectReader;

impl Vault {
    /// A reader of an object of any key: of its oldest version, as of all that is in the vault. A delete marker hides nothing.
    ///
    /// # Errors
    /// [`Error::Call`]; [`Error::NotFound`] if it is not there.
    pub async fn other_object(&self, key: &str) -> Result<ObjectReader, Error> {
        let oldest = self.versions(key).await?.remove(key).and_then(|mut key| key.versions.pop());
        let Some(oldest) = oldest else {
            let (place, what) = (format!("bucket {}", self.bucket()), format!("object {key:?}"));
            return Err(Error::NotFound { place, what, findings: Vec::new() });
        };
        Ok(self.object(key, oldest.version.as_deref(), oldest.bytes))
    }

    /// Keys of any kind that begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn other_keys(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let keys = self.versions(prefix).await?.into_iter();
        Ok(keys.filter(|(_, key)| !key.versions.is_empty()).map(|(name, _)| name).collect())
    }
}
