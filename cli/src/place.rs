//! Where the vault is.

use anyhow::Result;
use clap::Args;
use vault::{Environment, LockPolicy, Vault};

/// The vault and the environment within it.
#[derive(Args)]
pub(crate) struct VaultPlace {
    /// The vault's bucket.
    #[arg(long, env = "OFFSITE_VAULT_BUCKET", value_name = "BUCKET")]
    vault: String,
    /// The account that owns the bucket; another owner's bucket of that name is refused.
    #[arg(long, env = "OFFSITE_VAULT_OWNER", value_name = "ACCOUNT")]
    vault_owner: Option<String>,
    /// The environment whose backups are meant.
    #[arg(long, env = "OFFSITE_ENVIRONMENT", value_name = "NAME")]
    environment: Environment,
}

impl VaultPlace {
    pub(crate) async fn open(&self) -> Result<Vault> {
        let config = aws_config().await;
        Ok(Vault::connect(&config, &self.vault, self.environment.clone(), self.vault_owner.as_deref()))
    }
}

/// The same for a command that needs it for backups in the vault, and not for files of older tools.
#[derive(Args)]
pub(crate) struct VaultPlaceIfAny {
    /// The vault's bucket.
    #[arg(long, env = "OFFSITE_VAULT_BUCKET", value_name = "BUCKET")]
    vault: Option<String>,
    /// The account that owns the bucket; another owner's bucket of that name is refused.
    #[arg(long, env = "OFFSITE_VAULT_OWNER", value_name = "ACCOUNT")]
    vault_owner: Option<String>,
    /// The environment whose backups are meant.
    #[arg(long, env = "OFFSITE_ENVIRONMENT", value_name = "NAME")]
    environment: Option<Environment>,
}

impl VaultPlaceIfAny {
    /// Its bucket, if it is given.
    pub(crate) fn bucket(&self) -> Option<&str> {
        self.vault.as_deref()
    }

    /// The place, if it is given and this is its bucket.
    pub(crate) fn of_bucket(&self, bucket: &str) -> Option<VaultPlace> {
        (self.vault.as_deref() == Some(bucket) && self.environment.is_some()).then(|| self.needed())
    }

    /// The place. Ends the program, as for wrong usage, if it is not given.
    pub(crate) fn needed(&self) -> VaultPlace {
        let (Some(vault), Some(environment)) = (self.vault.clone(), self.environment.clone()) else {
            let why =
                "a backup in the vault needs --vault and --environment; a file's path or s3://BUCKET/KEY does not\n";
            clap::Error::raw(clap::error::ErrorKind::MissingRequiredArgument, why).exit()
        };
        VaultPlace { vault, vault_owner: self.vault_owner.clone(), environment }
    }
}

/// What is asked of the vault's lock.
#[derive(Args)]
pub(crate) struct VaultLock {
    /// Days of COMPLIANCE retention that the vault must give to every object by default; any number if absent.
    #[arg(long, env = "OFFSITE_LOCK_DAYS", value_name = "DAYS")]
    lock_days: Option<u32>,
    /// Take a vault without such a lock, for a trial: its backups may be deleted.
    #[arg(long, conflicts_with = "lock_days")]
    without_lock: bool,
}

impl VaultLock {
    pub(crate) fn policy(&self) -> LockPolicy {
        if self.without_lock { LockPolicy::NotRequired } else { LockPolicy::Required { days: self.lock_days } }
    }
}

/// Credentials and Region as every AWS tool finds them.
pub(crate) async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
