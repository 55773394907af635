//! Drills: a backup is restored for no other reason than to see that it comes back, and the vault keeps the record of it.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use vault::{Backup, BackupId, Drill, Kind, Manifest, Vault};

use crate::error::Error;
use crate::publish::TOOL;

/// What is left in the vault of a drill that succeeded. It is in the clear: no name of a table, file or role.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DrillRecord<F> {
    format: u32,
    /// The backup's id.
    backup: String,
    kind: Kind,
    #[serde(with = "rfc3339")]
    snapshot: OffsetDateTime,
    #[serde(with = "rfc3339")]
    began: OffsetDateTime,
    #[serde(with = "rfc3339")]
    finished: OffsetDateTime,
    tool: &'static str,
    #[serde(flatten)]
    figures: F,
}

/// Leaves the record of a restore drill, which ended well just now; its key.
pub(crate) async fn record<F: Serialize + Sync>(
    vault: &Vault,
    backup: &Backup,
    manifest: &Manifest,
    took: Duration,
    figures: F,
) -> Result<String, Error> {
    let finished = OffsetDateTime::from(SystemTime::now());
    let record = DrillRecord {
        format: 1,
        backup: backup.id.to_string(),
        kind: backup.kind,
        snapshot: manifest.snapshot,
        began: finished - took,
        finished,
        tool: TOOL,
        figures,
    };
    let drill = Drill::Restore(backup.kind);
    write(vault, drill, &manifest.source.name, &record).await
}

/// To a millisecond.
pub(crate) fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// Leaves a record in the vault; its key.
pub(crate) async fn write(
    vault: &Vault,
    drill: Drill,
    name: &str,
    record: &(impl Serialize + Sync),
) -> Result<String, Error> {
    let id = BackupId::new(OffsetDateTime::now_utc(), name)?;
    let stored = vault.record_drill(drill, &id, record).await;
    stored.map(|stored| stored.key).map_err(|source| Error::NotRecorded { source })
}
