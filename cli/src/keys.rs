//! What a command can decrypt with, and encrypt for.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use envelope::{Identities, KmsRecipient, Recipients, RsaRecipient, WrappingKeys};
use zeroize::Zeroizing;

/// Without a key file, AWS KMS is asked.
#[derive(Args)]
pub(crate) struct KeyFiles {
    /// PEM file of the private key of an RSA recipient.
    #[arg(long, env = "OFFSITE_PRIVATE_KEY", value_name = "FILE")]
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

/// Whoever is to decrypt a backup. At least one is needed.
#[derive(Args)]
#[group(id = "recipients", required = true, multiple = true)]
pub(crate) struct RecipientKeys {
    /// PEM file of the public key of an RSA recipient, as `offsite keygen` makes it; may be given again.
    #[arg(long, env = "OFFSITE_PUBLIC_KEY", value_name = "FILE")]
    public_key: Vec<PathBuf>,
    /// ARN of a KMS key that the caller may make data keys with.
    #[arg(long, env = "OFFSITE_KMS_KEY", value_name = "ARN")]
    kms_key: Option<String>,
    /// JSON file that maps names of wrapping keys to 64 hex digits; the last by name encrypts.
    #[arg(long, value_name = "FILE")]
    wrapping_keys: Option<PathBuf>,
}

impl RecipientKeys {
    pub(crate) async fn recipients(&self) -> Result<Recipients> {
        let mut recipients = Recipients::new();
        if let Some(arn) = &self.kms_key {
            let client = aws_sdk_kms::Client::new(&crate::place::aws_config().await);
            recipients = recipients.kms(KmsRecipient::new(client, arn.clone()));
        }
        for path in &self.public_key {
            // `escrow-2026.pub.pem` is the key escrow-2026.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = name.trim_end_matches(".pem").trim_end_matches(".pub");
            let recipient = RsaRecipient::from_pem(name, &*read(path)?).with_context(|| path.display().to_string())?;
            recipients = recipients.rsa(recipient);
        }
        if let Some(path) = &self.wrapping_keys {
            let keys = WrappingKeys::from_json(&read(path)?).with_context(|| path.display().to_string())?;
            recipients = recipients.secret(keys.newest());
        }
        Ok(recipients)
    }
}

pub(crate) fn read(path: &PathBuf) -> Result<Zeroizing<String>> {
    std::fs::read_to_string(path).map(Zeroizing::new).with_context(|| format!("read {}", path.display()))
}
