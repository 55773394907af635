//! What a run tells whoever invoked it.

use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use vault::{Backup, Manifest, Summary, Warning};

use crate::manifest::not_in_backup;

/// The report of a successful backup of a database.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseBackupReport {
    /// `ok`: a failed run reports an error instead.
    pub status: &'static str,
    /// The backup's id.
    pub backup: String,
    /// The source database's name.
    pub database: String,
    /// The instant that the backup shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// Tables with rows of their own, empty ones included.
    pub tables: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of the rows as text.
    pub source_bytes: u64,
    /// Bytes stored in the vault, manifest and summary not counted.
    pub stored_bytes: u64,
    /// Volumes stored.
    pub volumes: u64,
    /// Their parts that can be read alone.
    pub sections: u64,
    /// Who can decrypt it.
    pub recipients: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// What the run cost the source's server.
    pub load: Load,
    /// Wall time.
    pub seconds: f64,
}

/// What a dump cost the server it read.
#[derive(Clone, Debug, Serialize)]
pub struct Load {
    /// How long tables were locked against changes of their definition.
    pub locks_held_seconds: f64,
    /// How long the snapshot kept the server from vacuuming what died since.
    pub snapshot_held_seconds: f64,
    /// Sessions that waited for the dump: what they ran, and for how long.
    pub blocked: Vec<String>,
}

impl Load {
    pub(crate) fn of(dumped: &pg_dump::Summary) -> Self {
        Self {
            locks_held_seconds: dumped.locks_held.as_secs_f64(),
            snapshot_held_seconds: dumped.xmin_held.as_secs_f64(),
            blocked: dumped.blocked.iter().map(blocked).collect(),
        }
    }
}

fn blocked(session: &pg_dump::BlockedSession) -> String {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    format!(
        "process {} of role {} waited {:.1} s: {}",
        session.pid,
        known(&session.user),
        session.waited.as_secs_f64(),
        known(&session.query)
    )
}

impl DatabaseBackupReport {
    pub(crate) fn of(manifest: &Manifest, summary: &Summary, sections: u64, load: Load, took: Duration) -> Self {
        Self {
            status: "ok",
            backup: manifest.backup.to_string(),
            database: manifest.source.name.clone(),
            snapshot: manifest.snapshot,
            tables: summary.objects,
            rows: summary.rows,
            source_bytes: summary.source_bytes,
            stored_bytes: summary.bytes,
            volumes: summary.volumes.len() as u64,
            sections,
            recipients: summary.recipients.clone(),
            warnings: manifest.warnings.clone(),
            load,
            seconds: took.as_secs_f64(),
        }
    }
}

/// The report of a successful restore of a database.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseRestoreReport {
    /// `ok`: a failed run reports an error instead.
    pub status: &'static str,
    /// The backup's id.
    pub backup: String,
    /// The name of the database that was backed up.
    pub source: String,
    /// The instant that the backup shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// What is not as it should be with this backup in the vault, and with newer ones that were passed over for that.
    pub findings: Vec<String>,
    /// What was applied and compared. Of a partial backup it isn't called `equal`, though all that is in it was compared.
    #[serde(flatten)]
    pub restored: pg_restore::RestoreReport,
    /// What the source had and a partial backup has not, or not whole.
    pub not_in_backup: Vec<String>,
    /// What was warned of when the backup was made.
    pub backup_warnings: Vec<Warning>,
    /// Wall time.
    pub seconds: f64,
}

impl DatabaseRestoreReport {
    pub(crate) fn of(
        backup: &Backup,
        manifest: &Manifest,
        mut restored: pg_restore::RestoreReport,
        took: Duration,
    ) -> Self {
        let not_in_backup = not_in_backup(&manifest.warnings);
        restored.equal &= not_in_backup.is_empty();
        Self {
            status: "ok",
            backup: backup.id.to_string(),
            source: manifest.source.name.clone(),
            snapshot: manifest.snapshot,
            findings: backup.findings.iter().map(ToString::to_string).collect(),
            restored,
            not_in_backup,
            backup_warnings: manifest.warnings.clone(),
            seconds: took.as_secs_f64(),
        }
    }
}
