//! What a run over files tells whoever invoked it.

use std::time::Duration;

use file_archive::RestoreReport;
use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use vault::{Backup, Manifest, Summary, Warning};

/// The report of a successful backup of files.
#[derive(Clone, Debug, Serialize)]
pub struct FilesBackupReport {
    /// `ok`: a failed run reports an error instead.
    pub status: &'static str,
    /// The backup's id.
    pub backup: String,
    /// The source bucket.
    pub bucket: String,
    /// What was stored before this instant is in the backup as it was then, or as it was a little later.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub source_bytes: u64,
    /// Bytes stored in the vault, manifest and summary not counted.
    pub stored_bytes: u64,
    /// Volumes stored.
    pub volumes: u64,
    /// Who can decrypt it.
    pub recipients: Vec<String>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// Wall time.
    pub seconds: f64,
}

impl FilesBackupReport {
    pub(crate) fn of(manifest: &Manifest, summary: &Summary, took: Duration) -> Self {
        Self {
            status: "ok",
            backup: manifest.backup.to_string(),
            bucket: manifest.source.name.clone(),
            snapshot: manifest.snapshot,
            files: summary.rows,
            source_bytes: summary.source_bytes,
            stored_bytes: summary.bytes,
            volumes: summary.volumes.len() as u64,
            recipients: summary.recipients.clone(),
            warnings: manifest.warnings.clone(),
            seconds: took.as_secs_f64(),
        }
    }
}

/// The report of a restore of files.
#[derive(Clone, Debug, Serialize)]
pub struct FilesRestoreReport {
    /// `ok`, or `incomplete` if a file failed.
    pub status: &'static str,
    /// The backup's id.
    pub backup: String,
    /// The bucket that was backed up.
    pub source: String,
    /// Where the files went: a bucket, or a folder.
    pub target: String,
    /// Nothing was written: this is what would have been.
    pub dry_run: bool,
    /// How long it would take at least, said by a dry run.
    pub estimated_seconds: Option<u64>,
    /// The instant that the backup shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// What is not as it should be with this backup in the vault, and with newer ones that were passed over for that.
    pub findings: Vec<String>,
    /// What became of every selected file.
    #[serde(flatten)]
    pub restored: RestoreReport,
    /// What was warned of when the backup was made.
    pub backup_warnings: Vec<Warning>,
    /// Wall time.
    pub seconds: f64,
}

impl FilesRestoreReport {
    pub(crate) fn of(
        backup: &Backup,
        manifest: &Manifest,
        target: String,
        dry_run: bool,
        restored: RestoreReport,
        took: Duration,
    ) -> Self {
        Self {
            status: if restored.failed == 0 { "ok" } else { "incomplete" },
            backup: backup.id.to_string(),
            source: manifest.source.name.clone(),
            target,
            dry_run,
            estimated_seconds: None,
            snapshot: manifest.snapshot,
            findings: backup.findings.iter().map(ToString::to_string).collect(),
            restored,
            backup_warnings: manifest.warnings.clone(),
            seconds: took.as_secs_f64(),
        }
    }
}
