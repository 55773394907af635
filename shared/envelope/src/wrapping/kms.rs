use std::collections::HashMap;
use std::fmt;

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use zeroize::Zeroizing;

use crate::context::EncryptionContext;
use crate::data_key::{DataKey, KEY_LENGTH};
use crate::error::{Error, UnwrapError};
use crate::header::EncryptedDataKey;

/// The provider id of every official SDK's AWS KMS keyring.
pub(crate) const PROVIDER: &str = "aws-kms";

/// A symmetric KMS key, best in another account than the writer's, who needs `kms:GenerateDataKey` only.
#[derive(Clone)]
pub struct KmsRecipient {
    client: Client,
    key: String,
}

impl KmsRecipient {
    /// `key_arn` is best a key's ARN, so that a moved alias can't change who reads the backups.
    pub fn new(client: Client, key_arn: impl Into<String>) -> Self {
        Self { client, key: key_arn.into() }
    }

    /// Asks KMS for a data key, bound to the whole encryption context.
    pub(crate) async fn generate_data_key(
        &self,
        context: &EncryptionContext,
    ) -> Result<(DataKey, EncryptedDataKey), Error> {
        let failed = |source| Error::GenerateDataKey { key: self.key.clone(), source };
        let answer = self
            .client
            .generate_data_key()
            .key_id(&self.key)
            .number_of_bytes(32)
            .set_encryption_context(pairs(context))
            .send()
            .await
            .map_err(|error| failed(UnwrapError::Kms(words(&error))))?;
        let arn = answer.key_id.filter(|arn| is_key_arn(arn));
        let arn = arn.ok_or_else(|| failed(UnwrapError::KmsAnswer("no ARN of a key")))?;
        let ciphertext = answer.ciphertext_blob.map(Blob::into_inner).filter(|ciphertext| !ciphertext.is_empty());
        let ciphertext = ciphertext.ok_or_else(|| failed(UnwrapError::KmsAnswer("no wrapped data key")))?;
        let data_key = data_key(answer.plaintext).map_err(failed)?;
        let provider_info = arn.into_bytes();
        Ok((data_key, EncryptedDataKey { provider_id: PROVIDER.into(), provider_info, ciphertext }))
    }
}

impl fmt::Display for KmsRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "kms {}", self.key)
    }
}

/// Someone who may call `kms:Decrypt`.
pub(crate) struct KmsIdentity {
    client: Client,
    /// The only keys to ask for; any if `None`.
    keys: Option<Vec<String>>,
}

impl KmsIdentity {
    pub(crate) fn new(client: Client, keys: Option<Vec<String>>) -> Self {
        Self { client, keys }
    }

    pub(crate) fn fits(&self, key: &EncryptedDataKey) -> bool {
        let listed = |keys: &Vec<String>| keys.iter().any(|arn| arn.as_bytes() == key.provider_info);
        key.provider_id == PROVIDER && self.keys.as_ref().is_none_or(listed)
    }

    pub(crate) async fn unwrap(
        &self,
        key: &EncryptedDataKey,
        context: &EncryptionContext,
    ) -> Result<DataKey, UnwrapError> {
        let arn = std::str::from_utf8(&key.provider_info).ok().filter(|arn| is_key_arn(arn));
        let arn = arn.ok_or(UnwrapError::KmsKey)?;
        let answer = self
            .client
            .decrypt()
            .key_id(arn)
            .ciphertext_blob(Blob::new(key.ciphertext.clone()))
            .set_encryption_context(pairs(context))
            .send()
            .await
            .map_err(|error| UnwrapError::Kms(words(&error)))?;
        if answer.key_id.as_deref() != Some(arn) {
            return Err(UnwrapError::KmsAnswer("another key's name"));
        }
        data_key(answer.plaintext)
    }
}

/// `AccessDeniedException: …`, or why there is no answer.
fn words<E: std::error::Error + ProvideErrorMetadata + 'static, R: fmt::Debug + 'static>(
    error: &SdkError<E, R>,
) -> String {
    if let Some(code) = error.code() {
        return format!("{code}: {}{}", error.message().unwrap_or("without a message"), hint(code));
    }
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let causes = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    causes + " HINT: See whether this network leads to KMS: in a VPC by an interface endpoint, or by NAT."
}

fn hint(code: &str) -> &'static str {
    match code {
        "AccessDeniedException" => {
            " HINT: See whether the role's policy and the key's both allow this call, with offsite-environment as in the key's policy."
        }
        "DisabledException" | "KMSInvalidStateException" => {
            " HINT: Enable the key in its own account, or cancel its deletion there."
        }
        "NotFoundException" => " HINT: Check the key's ARN, its Region included.",
        "InvalidSignatureException" => " HINT: Check the clock of this machine, and the credentials.",
        _ => "",
    }
}

fn data_key(plaintext: Option<Blob>) -> Result<DataKey, UnwrapError> {
    let plaintext = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    DataKey::from_slice(&plaintext).ok_or(UnwrapError::KmsAnswer("no data key of 32 bytes"))
}

fn pairs(context: &EncryptionContext) -> Option<HashMap<String, String>> {
    let pairs = || context.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    (!context.is_empty()).then(pairs)
}

/// `arn:aws:kms:eu-central-1:111122223333:key/…`, of any partition: never an alias.
fn is_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "kms", region, account, key]
        if ![partition, region, account].contains(&"") && key.strip_prefix("key/").is_some_and(|id| !id.is_empty()))
}

const _: () = assert!(KEY_LENGTH == 32, "number_of_bytes");

#[cfg(test)]
mod tests {
    use super::is_key_arn;

    #[test]
    fn only_arns_of_keys_are_sent_to_kms() {
        assert!(is_key_arn("arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"));
        assert!(is_key_arn("arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1234"));
        for other in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/backups",
            "arn:aws:kms:eu-central-1:111122223333:alias/backups",
            "arn:aws:kms:eu-central-1:111122223333:key/",
            "arn:aws:kms::111122223333:key/1234",
            "arn:aws:s3:eu-central-1:111122223333:key/1234",
        ] {
            assert!(!is_key_arn(other), "{other}");
        }
    }
}
