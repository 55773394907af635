use anyhow::Result;
use file_archive::Bucket;

use crate::variables::Variables;

/// The application's bucket, as the template's parameters say.
pub struct BucketSettings {
    name: Option<String>,
    owner: Option<String>,
}

impl BucketSettings {
    /// From `OFFSITE_FILES_BUCKET` and `OFFSITE_FILES_BUCKET_OWNER`.
    pub fn from_variables(variables: &Variables) -> Self {
        Self {
            name: variables.optional("OFFSITE_FILES_BUCKET").map(str::to_owned),
            owner: variables.optional("OFFSITE_FILES_BUCKET_OWNER").map(str::to_owned),
        }
    }

    /// A client of the bucket with the function's own role.
    ///
    /// # Errors
    /// If no bucket is set.
    pub fn open(&self, config: &aws_config::SdkConfig) -> Result<Bucket> {
        let name = self.name.as_deref();
        let name = name.ok_or_else(|| {
            anyhow::anyhow!(
                "the environment variable OFFSITE_FILES_BUCKET is not set. HINT: The template sets it from its parameter FilesBucket."
            )
        })?;
        Ok(Bucket::connect(config, name, self.owner.as_deref()))
    }

    /// Another bucket, or this one; only this one's owner is known.
    pub fn other(&self, name: &str, config: &aws_config::SdkConfig) -> Bucket {
        let owner = self.owner.as_deref().filter(|_| self.name.as_deref() == Some(name));
        Bucket::connect(config, name, owner)
    }
}
