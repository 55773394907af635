use std::collections::BTreeMap;

use anyhow::{Context, Result};
use envelope::{Identities, KmsRecipient, Recipients, RsaRecipient, WrappingKeys};

use crate::region::{in_region, region_of};
use crate::secrets::Secrets;
use crate::variables::Variables;

/// Whose keys open the backups, as the template's parameters say.
pub struct KeySettings {
    kms_key: Option<String>,
    rsa: BTreeMap<String, String>,
    wrapping_keys: Option<String>,
}

impl KeySettings {
    /// From `OFFSITE_KMS_KEY`, `OFFSITE_RSA_RECIPIENTS` and `OFFSITE_WRAPPING_KEYS_SECRET`.
    ///
    /// # Errors
    /// The name of a variable that is malformed.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        let rsa = match variables.optional("OFFSITE_RSA_RECIPIENTS") {
            Some(json) => serde_json::from_str(json).context(
                "the environment variable OFFSITE_RSA_RECIPIENTS is no JSON map of names to PEM public keys",
            )?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            kms_key: variables.optional("OFFSITE_KMS_KEY").map(str::to_owned),
            rsa,
            wrapping_keys: variables.optional("OFFSITE_WRAPPING_KEYS_SECRET").map(str::to_owned),
        })
    }

    /// Who a backup is encrypted for.
    ///
    /// # Errors
    /// A key that can't be read, by name.
    pub async fn recipients(&self, config: &aws_config::SdkConfig, secrets: &Secrets) -> Result<Recipients> {
        let mut recipients = Recipients::new();
        if let Some(arn) = &self.kms_key {
            recipients = recipients.kms(KmsRecipient::new(kms(config, arn), arn.clone()));
        }
        for (name, pem) in &self.rsa {
            recipients = recipients.rsa(RsaRecipient::from_pem(name, pem)?);
        }
        if let Some(secret) = &self.wrapping_keys {
            let newest = self.wrapping_keys(secret, secrets).await?.newest();
            recipients = recipients.secret(newest);
        }
        Ok(recipients)
    }

    /// What a restore can decrypt with.
    ///
    /// # Errors
    /// A key that can't be read, by name.
    pub async fn identities(&self, config: &aws_config::SdkConfig, secrets: &Secrets) -> Result<Identities> {
        let mut identities = Identities::new();
        if let Some(arn) = &self.kms_key {
            identities = identities.kms(kms(config, arn));
        }
        if let Some(secret) = &self.wrapping_keys {
            identities = identities.wrapping_keys(self.wrapping_keys(secret, secrets).await?);
        }
        Ok(identities)
    }

    async fn wrapping_keys(&self, secret: &str, secrets: &Secrets) -> Result<WrappingKeys> {
        let json = secrets.read(secret).await?;
        WrappingKeys::from_json(&json).with_context(|| format!("the secret {secret} of the wrapping keys"))
    }
}

/// KMS where the key is: in the vault's Region, which need not be the function's.
fn kms(config: &aws_config::SdkConfig, arn: &str) -> aws_sdk_kms::Client {
    aws_sdk_kms::Client::new(&in_region(config, region_of(arn)))
}

#[cfg(test)]
mod tests {
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    #[test]
    fn key_is_asked_for_in_its_own_region() {
        let here = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        let here = here.region(Region::from_static("eu-central-1")).build();
        let client = super::kms(&here, "arn:aws:kms:eu-west-1:111122223333:key/1234");
        assert_eq!(client.config().region().map(AsRef::as_ref), Some("eu-west-1"));
    }
}
