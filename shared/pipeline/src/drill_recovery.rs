//! The drill with the escrow's private key: it alone opens the newest backups, and what it opens is what was backed up.

use std::collections::BTreeSet;
use std::time::Instant;

use envelope::Identities;
use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use vault::{Backup, Drill, Kind, Selector, Vault};

use crate::check::{BackupCheck, CheckReport, Share};
use crate::deadline::Deadline;
use crate::drill;
use crate::error::Error;
use crate::progress::Progress;
use crate::publish::TOOL;

/// One drill with a private key.
pub struct RecoveryDrill<'a> {
    /// Where the backups are, and where the record goes.
    pub vault: &'a Vault,
    /// PEM of the private key, PKCS #8. Nothing else is tried.
    pub private_key: &'a str,
    /// How much of each backup is read: all ends and indexes of its volumes anyway.
    pub share: Share,
    /// Told how far the run is.
    pub progress: Progress,
}

/// The report of a drill that succeeded.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveryDrillReport {
    /// `ok`: what did not open is an error instead.
    pub status: &'static str,
    /// The newest backup of each source, opened with nothing but the private key.
    pub opened: Vec<CheckReport>,
    /// When the drill began.
    #[serde(with = "rfc3339")]
    pub began: OffsetDateTime,
    /// Wall time.
    pub seconds: f64,
}

/// What the vault keeps of it.
#[derive(Debug, Serialize)]
struct Record<'a> {
    format: u32,
    backups: Vec<&'a str>,
    #[serde(with = "rfc3339")]
    began: OffsetDateTime,
    #[serde(with = "rfc3339")]
    finished: OffsetDateTime,
    tool: &'static str,
    rows: u64,
    files: u64,
    stored_bytes: u64,
    source_bytes: u64,
}

impl RecoveryDrill<'_> {
    /// Opens the newest backup of each source: its manifest, every volume's header, last frame and index, and of the contents as much as the
    /// share says; digests are compared as in a restore.
    ///
    /// # Errors
    /// [`Error::NothingToRecover`]; [`Error::NotRecoverable`] with each backup that does not open, and why, after all were tried; a key that
    /// is none, or a vault that can't be listed.
    pub async fn run(self) -> Result<RecoveryDrillReport, Error> {
        let (clock, began) = (Instant::now(), OffsetDateTime::now_utc());
        let identities = Identities::new().rsa(None, self.private_key);
        let identities = identities
            .map_err(|source| Error::Envelope { part: "read the private key of the drill".to_owned(), source })?;
        let newest = newest(self.vault).await?;
        if newest.is_empty() {
            return Err(Error::NothingToRecover { bucket: self.vault.bucket().to_owned() });
        }
        let (mut opened, mut failed) = (Vec::new(), Vec::new());
        for backup in newest {
            let check = BackupCheck {
                vault: self.vault,
                identities: &identities,
                kind: backup.kind,
                backup: Selector::Id(backup.id.clone()).into(),
                share: self.share,
                deadline: Deadline::default(),
                progress: self.progress.clone(),
            };
            match check.run().await {
                Ok(report) => opened.push(report),
                // What S3 refuses says nothing of the key.
                Err(Error::Vault(error @ vault::Error::Call { .. })) => return Err(error.into()),
                Err(error) => failed.push(format!("backup {} {}", backup.id, why(&error))),
            }
        }
        if !failed.is_empty() {
            return Err(Error::NotRecoverable { opened: opened.len(), failed });
        }
        Ok(RecoveryDrillReport { status: "ok", opened, began, seconds: clock.elapsed().as_secs_f64() })
    }
}

impl RecoveryDrillReport {
    /// Leaves the record in the vault; its key.
    ///
    /// # Errors
    /// [`Error::NotRecorded`].
    pub async fn record(&self, vault: &Vault) -> Result<String, Error> {
        let sum = |count: fn(&CheckReport) -> u64| self.opened.iter().map(count).fold(0, u64::saturating_add);
        let record = Record {
            format: 1,
            backups: self.opened.iter().map(|report| report.backup.as_str()).collect(),
            began: self.began,
            finished: OffsetDateTime::now_utc(),
            tool: TOOL,
            rows: sum(|report| report.rows),
            files: sum(|report| report.files),
            stored_bytes: sum(|report| report.stored_bytes),
            source_bytes: sum(|report| report.source_bytes),
        };
        drill::write(vault, Drill::Recovery, "recovery", &record).await
    }
}

/// The newest backup of each source of each kind that `latest` could mean.
async fn newest(vault: &Vault) -> Result<Vec<Backup>, Error> {
    let mut newest = Vec::new();
    for kind in Kind::ALL {
        let mut sources = BTreeSet::new();
        // Newest first.
        for backup in vault.list(Some(kind)).await?.backups {
            if backup.timely() && sources.insert(backup.id.name().to_owned()) {
                newest.push(backup);
            }
        }
    }
    Ok(newest)
}

/// Why a backup did not open, for whoever holds the key.
fn why(error: &Error) -> String {
    match error {
        Error::Envelope { source: envelope::Error::NoMatchingKey { recipients }, .. } => {
            format!("has no rsa recipient, and is encrypted for {} only", recipients.join(", "))
        }
        Error::Envelope { source: envelope::Error::Unwrap { recipient, others, .. }, .. } => {
            let all = std::iter::once(recipient).chain(others.iter().map(|(recipient, _)| recipient));
            let all: Vec<_> = all.map(String::as_str).collect();
            format!("is encrypted for {}, which is not this key", all.join(", "))
        }
        other => format!("is not sound: {}", told(other)),
    }
}

/// An error with its causes.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", told(source)),
        None => error.to_string(),
    }
}
