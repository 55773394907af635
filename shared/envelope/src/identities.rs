use std::fmt;

use aws_sdk_kms::Client;

use crate::data_key::DataKey;
use crate::error::{Error, UnwrapError};
use crate::header::Header;
use crate::wrapping::describe;
use crate::wrapping::kms::KmsIdentity;
use crate::wrapping::rsa::RsaIdentity;
use crate::wrapping::secret::{SecretRecipient, WrappingKeys};

/// What a reader can decrypt with. Every recipient of a message for whom there is a key is tried, KMS last.
#[derive(Default)]
pub struct Identities {
    kms: Vec<KmsIdentity>,
    rsa: Vec<RsaIdentity>,
    secrets: Vec<SecretRecipient>,
}

impl Identities {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a KMS client, which is asked for whatever KMS key a message names.
    #[must_use]
    pub fn kms(mut self, client: Client) -> Self {
        self.kms.push(KmsIdentity::new(client, None));
        self
    }

    /// Adds a KMS client for these ARNs of keys only.
    #[must_use]
    pub fn kms_keys(mut self, client: Client, key_arns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let keys = key_arns.into_iter().map(Into::into).collect();
        self.kms.push(KmsIdentity::new(client, Some(keys)));
        self
    }

    /// Adds an RSA private key, PKCS #8 without a password (`BEGIN PRIVATE KEY`), for the recipient of a name or for
    /// any *rsa* recipient.
    ///
    /// # Errors
    /// [`Error::Key`], which says what is wrong with it.
    pub fn rsa(mut self, name: Option<&str>, private_key_pem: &str) -> Result<Self, Error> {
        self.rsa.push(RsaIdentity::from_pem(name, private_key_pem)?);
        Ok(self)
    }

    /// Adds a wrapping key.
    #[must_use]
    pub fn secret(mut self, key: SecretRecipient) -> Self {
        self.secrets.push(key);
        self
    }

    /// Adds all keys of a keyring.
    #[must_use]
    pub fn wrapping_keys(mut self, keys: WrappingKeys) -> Self {
        self.secrets.extend(keys.iter().cloned());
        self
    }

    /// Whether there is nothing to decrypt with.
    pub fn is_empty(&self) -> bool {
        self.kms.is_empty() && self.rsa.is_empty() && self.secrets.is_empty()
    }

    /// The data key, from the first recipient whose key works.
    pub(crate) async fn unwrap_data_key(&self, header: &Header) -> Result<DataKey, Error> {
        let mut failures: Vec<(String, UnwrapError)> = Vec::new();
        for encrypted in &header.data_keys {
            let secrets = self.secrets.iter().filter(|secret| secret.fits(encrypted));
            let rsa = self.rsa.iter().filter(|rsa| rsa.fits(encrypted));
            let tries = secrets
                .map(|secret| secret.unwrap(encrypted, &header.serialized_context))
                .chain(rsa.map(|rsa| rsa.unwrap(encrypted)));
            for unwrapped in tries {
                match unwrapped {
                    Ok(data_key) => return Ok(data_key),
                    Err(error) => failures.push((describe(encrypted), error)),
                }
            }
        }
        for encrypted in &header.data_keys {
            for kms in self.kms.iter().filter(|kms| kms.fits(encrypted)) {
                match kms.unwrap(encrypted, &header.context).await {
                    Ok(data_key) => return Ok(data_key),
                    Err(error) => failures.push((describe(encrypted), error)),
                }
            }
        }
        let mut failures = failures.into_iter();
        match failures.next() {
            Some((recipient, source)) => Err(Error::Unwrap { recipient, source, others: failures.collect() }),
            None => Err(Error::NoMatchingKey { recipients: header.data_keys.iter().map(describe).collect() }),
        }
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = formatter.debug_list();
        list.entries(self.kms.iter().map(|_| "kms")).entries(self.rsa.iter().map(RsaIdentity::name));
        list.entries(self.secrets.iter().map(SecretRecipient::to_string)).finish()
    }
}
