//! What a command can decrypt with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use envelope::{Identities, WrappingKeys};
use zeroize::Zeroizing;

/// Without a key file, AWS KMS is asked.
#[derive(Args)]
pub(crate) struct KeyFiles {
    /// PEM file of the private key of an RSA recipient.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// JSON file that maps names of wrapping keys to 64 hex digits, as the secret holds it.
    #[arg(long, value_name = "FILE")]
    wrapping_keys: Option<PathBuf>,
}

impl KeyFiles {
    pub(crate) async fn identities(&self) -> Result<Identities> {
        let mut identities = Identities::new();
        if let Some(path) = &self.private_key {
            let pem = read(path)?;
            identities = identities.rsa(None, &pem).with_context(|| path.display().to_string())?;
        }
        if let Some(path) = &self.wrapping_keys {
            let keys = WrappingKeys::from_json(&read(path)?).with_context(|| path.display().to_string())?;
            identities = identities.wrapping_keys(keys);
        }
        if self.private_key.is_none() && self.wrapping_keys.is_none() {
            identities = identities.kms(aws_sdk_kms::Client::new(&crate::place::aws_config().await));
        }
        Ok(identities)
    }
}

fn read(path: &PathBuf) -> Result<Zeroizing<String>> {
    std::fs::read_to_string(path).map(Zeroizing::new).with_context(|| format!("read {}", path.display()))
}
