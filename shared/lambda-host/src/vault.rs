use anyhow::{Context, Result};
use vault::{Environment, LockPolicy, Vault};

use crate::region::in_region;
use crate::variables::Variables;

/// Which vault, as the template's parameters say.
pub struct VaultSettings {
    bucket: String,
    environment: Environment,
    owner: Option<String>,
    region: Option<String>,
    lock: LockPolicy,
}

impl VaultSettings {
    /// From `OFFSITE_ENVIRONMENT`, `OFFSITE_VAULT_*`, `OFFSITE_REQUIRE_LOCK` and `OFFSITE_LOCK_DAYS`.
    ///
    /// # Errors
    /// The name of a variable that is missing or malformed.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        let lock = match variables.flag("OFFSITE_REQUIRE_LOCK")? {
            None | Some(true) => LockPolicy::Required { days: variables.parsed("OFFSITE_LOCK_DAYS")? },
            Some(false) => LockPolicy::NotRequired,
        };
        Ok(Self {
            bucket: variables.required("OFFSITE_VAULT_BUCKET")?.to_owned(),
            environment: variables.required("OFFSITE_ENVIRONMENT")?.parse().context("OFFSITE_ENVIRONMENT")?,
            owner: variables.optional("OFFSITE_VAULT_OWNER").map(str::to_owned),
            region: variables.optional("OFFSITE_VAULT_REGION").map(str::to_owned),
            lock,
        })
    }

    /// What a backup asks of the vault's lock.
    pub fn lock(&self) -> LockPolicy {
        self.lock
    }

    /// A client of the vault with the function's own role, in the vault's Region.
    pub fn open(&self, config: &aws_config::SdkConfig) -> Vault {
        let config = &in_region(config, self.region.as_deref());
        Vault::connect(config, &self.bucket, self.environment.clone(), self.owner.as_deref())
    }
}
