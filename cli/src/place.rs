//! Where the vault is.

use anyhow::Result;
use clap::Args;
use vault::{Environment, Vault};

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

/// Credentials and Region as every AWS tool finds them.
pub(crate) async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
