//! What both kinds of backups do before their first byte and after their last one.

use envelope::Recipients;
use vault::{BackupId, Kind, LockStatus, Manifest, Summary, Vault, Warning};

use crate::context::{MANIFEST, context};
use crate::error::Error;

/// Who wrote a backup.
pub(crate) const TOOL: &str = concat!("offsite ", env!("CARGO_PKG_VERSION"));

/// What a person should know of the keys and the lock of a backup.
pub(crate) fn standing_warnings(recipients: &Recipients, lock: Option<LockStatus>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if recipients.only_secret() {
        warnings.push(Warning {
            code: "only_wrapping_keys".into(),
            names: recipients.names(),
            message:
                "whoever administers this account can read the backups, or lose the key: add an RSA or KMS recipient"
                    .into(),
        });
    }
    match lock {
        Some(LockStatus::Locked { .. }) => {}
        Some(LockStatus::NotChecked) => warnings.push(Warning {
            code: "lock_not_checked".into(),
            names: Vec::new(),
            message: "lock not checked: this role may not read the vault's lock configuration".into(),
        }),
        None => warnings.push(Warning {
            code: "lock_not_required".into(),
            names: Vec::new(),
            message: "the vault's lock is not required by an explicit setting: backups may be deleted".into(),
        }),
    }
    warnings
}

/// A backup whose volumes are stored.
pub(crate) struct Publish<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) recipients: &'a Recipients,
    pub(crate) kind: Kind,
    pub(crate) id: &'a BackupId,
}

impl Publish<'_> {
    /// Stores the manifest, which is not visible yet, and makes the summary.
    pub(crate) async fn describe(&self, manifest: &Manifest) -> Result<Summary, Error> {
        let id = self.id;
        let json = serde_json::to_vec(manifest).map_err(|source| Error::Manifest { backup: id.to_string(), source })?;
        let context = context(self.vault.environment(), self.kind, id, MANIFEST);
        let encrypted = envelope::encrypt_to_vec(&json, self.recipients, context)
            .await
            .map_err(|source| Error::Envelope { part: format!("encrypt the manifest of backup {id}"), source })?;
        let stored = self.vault.write_manifest(id, self.kind, encrypted.into()).await?;
        Ok(Summary::of(manifest, stored.sha256, self.recipients.names()))
    }
}
