use anyhow::{Context, Result};
use vault::{Environment, Vault};

use crate::variables::Variables;

/// Which vault, as the template's parameters say.
pub struct VaultSettings {
    bucket: String,
    environment: Environment,
    owner: Option<String>,
}

impl VaultSettings {
    /// From `OFFSITE_ENVIRONMENT` and `OFFSITE_VAULT_*`.
    ///
    /// # Errors
    /// The name of a variable that is missing or malformed.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        Ok(Self {
            bucket: variables.required("OFFSITE_VAULT_BUCKET")?.to_owned(),
            environment: variables.required("OFFSITE_ENVIRONMENT")?.parse().context("OFFSITE_ENVIRONMENT")?,
            owner: variables.optional("OFFSITE_VAULT_OWNER").map(str::to_owned),
        })
    }

    /// A client of the vault with the function's own role.
    pub fn open(&self, config: &aws_config::SdkConfig) -> Vault {
        Vault::connect(config, &self.bucket, self.environment.clone(), self.owner.as_deref())
    }
}
