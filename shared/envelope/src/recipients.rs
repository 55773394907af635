use std::collections::BTreeSet;
use std::fmt;

use crate::context::EncryptionContext;
use crate::data_key::DataKey;
use crate::error::Error;
use crate::header::{EncryptedDataKey, MAX_ENCRYPTED_DATA_KEYS};
use crate::wrapping::kms::KmsRecipient;
use crate::wrapping::rsa::RsaRecipient;
use crate::wrapping::secret::SecretRecipient;

/// For whom messages are encrypted: each alone can decrypt them.
#[derive(Clone, Default)]
pub struct Recipients {
    kms: Vec<KmsRecipient>,
    rsa: Vec<RsaRecipient>,
    secrets: Vec<SecretRecipient>,
}

impl Recipients {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the KMS key, which then makes the data keys. With more than one, encrypting fails.
    #[must_use]
    pub fn kms(mut self, recipient: KmsRecipient) -> Self {
        self.kms.push(recipient);
        self
    }

    /// Adds an RSA public key.
    #[must_use]
    pub fn rsa(mut self, recipient: RsaRecipient) -> Self {
        self.rsa.push(recipient);
        self
    }

    /// Adds a wrapping key. Who holds it can decrypt: the writer too.
    #[must_use]
    pub fn secret(mut self, recipient: SecretRecipient) -> Self {
        self.secrets.push(recipient);
        self
    }

    /// Whether there is nobody. Encrypting then fails.
    pub fn is_empty(&self) -> bool {
        self.kms.is_empty() && self.rsa.is_empty() && self.secrets.is_empty()
    }

    /// `kms ARN`, `rsa NAME`, `secret NAME`, in the order of the encrypted data keys.
    pub fn names(&self) -> Vec<String> {
        let kms = self.kms.iter().map(KmsRecipient::to_string);
        let rsa = self.rsa.iter().map(RsaRecipient::to_string);
        kms.chain(rsa).chain(self.secrets.iter().map(SecretRecipient::to_string)).collect()
    }

    /// Whether there are wrapping keys and nothing else: then whoever runs the account can read the backups, or lose
    /// them with the key.
    pub fn only_secret(&self) -> bool {
        self.kms.is_empty() && self.rsa.is_empty() && !self.secrets.is_empty()
    }

    /// A new data key, and it wrapped for each recipient.
    pub(crate) async fn wrap_data_key(
        &self,
        context: &EncryptionContext,
        serialized_context: &[u8],
    ) -> Result<(DataKey, Vec<EncryptedDataKey>), Error> {
        self.check()?;
        let (data_key, mut wrapped) = match self.kms.first() {
            Some(kms) => {
                let (data_key, encrypted) = kms.generate_data_key(context).await?;
                (data_key, vec![encrypted])
            }
            None => (DataKey::random()?, Vec::new()),
        };
        for recipient in &self.rsa {
            wrapped.push(recipient.wrap(&data_key)?);
        }
        for recipient in &self.secrets {
            wrapped.push(recipient.wrap(&data_key, serialized_context)?);
        }
        Ok((data_key, wrapped))
    }

    fn check(&self) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::NoRecipients);
        }
        if let [_, second, ..] = self.kms.as_slice() {
            return Err(Error::DuplicateRecipient(second.to_string()));
        }
        let names = self.names();
        if names.len() > usize::from(MAX_ENCRYPTED_DATA_KEYS) {
            return Err(Error::TooManyRecipients(names.len()));
        }
        let mut seen = BTreeSet::new();
        match names.into_iter().find(|name| !seen.insert(name.clone())) {
            Some(twice) => Err(Error::DuplicateRecipient(twice)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Recipients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}
