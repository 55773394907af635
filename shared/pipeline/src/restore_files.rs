//! The restore of files: manifest → download → decrypt → inflate → compare → bucket or folder.

use std::time::Instant;

use envelope::Identities;
use file_archive::{Overwrite, Restore, RestoreReport, Selection, Target};
use vault::{BackupChoice, Vault};

use crate::deadline::Deadline;
use crate::error::Error;
use crate::progress::Progress;
use crate::report_files::FilesRestoreReport;
use crate::stored_files::StoredFiles;

/// One restore of files of one backup.
pub struct FilesRestore<'a> {
    /// Where the backup is.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// Which backup.
    pub backup: BackupChoice,
    /// Which of its files.
    pub selection: Selection,
    /// Where they go, given the name of the bucket that was backed up.
    pub target: &'a (dyn Fn(&str) -> Target + Sync),
    /// What happens to files that are there already.
    pub overwrite: Overwrite,
    /// Only look what would be done.
    pub dry_run: bool,
    /// Begin, though all files can't be moved in the time that is left.
    pub ignore_estimate: bool,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

impl FilesRestore<'_> {
    /// Restores. A file is compared with its SHA-256 before it is there; files that fail are in the report, and others go on.
    ///
    /// # Errors
    /// [`Error`], when the backup can't be read. Files that were restored until then stay.
    pub async fn run(self) -> Result<FilesRestoreReport, Error> {
        let clock = Instant::now();
        let Self { vault, identities, backup, selection, target, overwrite, deadline, progress, .. } = self;
        let dry_run = self.dry_run;
        let stored = deadline.reading(StoredFiles::find(vault, identities, &backup, progress)).await??;
        let target = target(&stored.manifest().source.name);
        let name = match &target {
            Target::Bucket(bucket) if bucket.name() == vault.bucket() => {
                return Err(Error::TargetIsVault { bucket: bucket.name().to_owned() });
            }
            Target::Bucket(bucket) => format!("bucket {}", bucket.name()),
            Target::Folder(folder) => format!("folder {}", folder.path().display()),
        };
        let volumes = stored.volumes(&selection);
        // Of a few files out of many, nobody knows how large they are before the volume is open.
        if selection == Selection::All {
            stored.estimate(&volumes, if dry_run || self.ignore_estimate { Deadline::default() } else { deadline })?;
        }
        tracing::info!(backup = %stored.backup().id, into = name, "the restore begins");
        let restore = Restore { selection, target, overwrite, dry_run };
        let mut report = RestoreReport::default();
        let work = async {
            for number in volumes {
                restore.volume(&stored.open(number).await?, &mut report).await?;
            }
            Ok::<_, Error>(())
        };
        deadline.publishing(work).await??;
        if report.selected == 0 && restore.selection != Selection::All {
            return Err(Error::NothingSelected { backup: stored.backup().id.to_string() });
        }
        if !report.adds_up() {
            return Err(Error::Stopped("the counting of files"));
        }
        let needed = Deadline::needed(report.written_bytes, report.written);
        let mut report =
            FilesRestoreReport::of(stored.backup(), stored.manifest(), name, dry_run, report, clock.elapsed());
        report.estimated_seconds = dry_run.then_some(needed.as_secs().max(1));
        Ok(report)
    }
}
