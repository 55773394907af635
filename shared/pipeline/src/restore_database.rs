//! The restore of a database: manifest → download → decrypt → decompress → apply → compare → rename, or commit.

use std::sync::Arc;
use std::time::Instant;

use envelope::Identities;
use pg_client::ConnectOptions;
use pg_restore::{Extent, RestoreOptions, Target};
use vault::{Backup, BackupChoice, Kind, Manifest, Vault};

use crate::deadline::Deadline;
use crate::definitions::AsDumped;
use crate::error::Error;
use crate::manifest;
use crate::progress::Progress;
use crate::report::DatabaseRestoreReport;
use crate::sections::StoredSections;

/// One restore of one backup into a new database, or into an existing one ([`pg_restore::Choice::existing`]).
pub struct DatabaseRestore<'a> {
    /// Where the backup is.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// Which backup.
    pub backup: BackupChoice,
    /// The server, with a database to connect to while the new one does not exist.
    pub target: &'a ConnectOptions,
    /// The database's name; `None` for the source's, if it is new.
    pub into: Option<String>,
    /// How it is applied.
    pub options: RestoreOptions,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

impl DatabaseRestore<'_> {
    /// Restores. A new database gets its name at the very end, when everything was verified; what is done to an existing one is
    /// committed then.
    ///
    /// # Errors
    /// [`Error`]; then no database has the name, and what this run created is dropped; or the existing one is as it was.
    pub async fn run(self) -> Result<DatabaseRestoreReport, Error> {
        let clock = Instant::now();
        let existing = self.options.choice.existing;
        if existing && self.into.is_none() {
            return Err(Error::NoTarget);
        }
        let (backup, manifest, source) = self.deadline.reading(self.open()).await??;
        let options = self.prepared(&manifest);
        let name = self.into.unwrap_or_else(|| manifest.source.name.clone());
        tracing::info!(backup = %backup.id, into = name, bytes = manifest.bytes(), "the restore begins");
        let target = Target { options: self.target.clone(), name };
        let restored = if existing {
            pg_restore::restore_into_existing(target, source, options).await?
        } else {
            pg_restore::restore_into_new(target, source, options).await?
        };
        Ok(DatabaseRestoreReport::of(&backup, &manifest, restored, clock.elapsed()))
    }

    /// The options, with what the manifest tells.
    pub(crate) fn prepared(&self, manifest: &Manifest) -> RestoreOptions {
        let mut options = self.options.clone();
        options.extent = extent(manifest);
        // The restore itself keeps the deadline: it drops what it created before it answers.
        options.deadline = self.deadline.publish_by();
        options.describe = Some(Arc::new(AsDumped));
        options
    }

    /// Finds the backup and verifies its manifest and the ends of its volumes, before anything is changed.
    pub(crate) async fn open(&self) -> Result<(Backup, Manifest, StoredSections), Error> {
        let (backup, manifest) = manifest::find(self.vault, self.identities, Kind::Database, &self.backup).await?;
        // Before an existing database is changed, everything is read once to be verified.
        let times = if self.options.choice.existing { 2 } else { 1 };
        if !self.options.ignore_estimate && !self.options.choice.dry_run && self.options.choice.tables.is_empty() {
            self.deadline.estimate(&format!("backup {}", backup.id), times * manifest.bytes())?;
        }
        let progress = self.progress.clone();
        let source = StoredSections::open(self.vault, self.identities, &backup, &manifest, progress).await?;
        Ok((backup, manifest, source))
    }
}

/// What the manifest counts beside rows.
fn extent(manifest: &Manifest) -> Extent {
    let sum = |counts: &mut dyn Iterator<Item = &u64>| counts.fold(0, |sum: u64, count| sum.saturating_add(*count));
    let indexes = ["INDEX", "CONSTRAINT", "FK CONSTRAINT"];
    let indexes = sum(&mut indexes.iter().filter_map(|kind| manifest.inventory.get(*kind)));
    Extent::new(sum(&mut manifest.inventory.values()), indexes)
}
