//! What the manifest of a files backup says.

use file_archive::{Affected, Archive, ProblemKind, VolumeTotals};
use time::OffsetDateTime;
use vault::{BackupId, Kind, LockStatus, Manifest, ObjectTotals, Source, StoredObject, VolumeContents, Warning};

use crate::backup_files::FilesBackup;
use crate::error::Error;
use crate::publish::{TOOL, standing_warnings};

/// What is known of a backup before its volumes are.
pub(crate) struct FilesManifest<'a> {
    pub(crate) backup: &'a FilesBackup<'a>,
    pub(crate) id: &'a BackupId,
    pub(crate) started: OffsetDateTime,
    pub(crate) lock: Option<LockStatus>,
}

impl FilesManifest<'_> {
    /// The manifest, once all volumes are stored.
    ///
    /// # Errors
    /// [`Error::Incomplete`] if not every volume of the archive was stored.
    pub(crate) fn of(self, volumes: Vec<StoredObject>, archive: &Archive) -> Result<Manifest, Error> {
        let contents: Vec<_> = archive.volumes().iter().map(contents).collect();
        if volumes.len() != contents.len() {
            let what = format!("the archive has {} volumes, and {} were stored", contents.len(), volumes.len());
            return Err(Error::Incomplete { backup: self.id.to_string(), what });
        }
        let (files, bytes) =
            contents.iter().fold((0, 0), |(files, bytes), volume| (files + volume.files, bytes + volume.bytes));
        let mut warnings: Vec<_> = archive.problems().kinds.iter().map(|(kind, of)| warning(*kind, of)).collect();
        warnings.extend(standing_warnings(self.backup.recipients, self.lock));
        let bucket = self.backup.source.name().to_owned();
        let prefix = self.backup.archive.prefix.clone().unwrap_or_default();
        Ok(Manifest {
            format: 1,
            backup: self.id.clone(),
            environment: self.backup.vault.environment().clone(),
            kind: Kind::Files,
            source: Source { name: bucket, version: None },
            scheduled: self.backup.scheduled,
            started: self.started,
            // Nothing that was stored before is missing; of what came later, some is there.
            snapshot: self.started,
            finished: OffsetDateTime::now_utc(),
            tool: TOOL.into(),
            lock: self.lock,
            volumes,
            objects: vec![ObjectTotals { schema: None, name: prefix, rows: files, bytes, digest: None }],
            inventory: [("file".to_owned(), files)].into(),
            warnings,
            contents,
            requirements: serde_json::Value::Null,
        })
    }
}

fn contents(volume: &VolumeTotals) -> VolumeContents {
    VolumeContents {
        files: volume.files,
        bytes: volume.bytes,
        first: volume.first_key.clone(),
        last: volume.last_key.clone(),
    }
}

fn warning(kind: ProblemKind, affected: &Affected) -> Warning {
    let why = match kind {
        ProblemKind::Denied => "are not in this backup: reading them is denied",
        ProblemKind::Archived => {
            "are not in this backup: they lie in an archive class and must be restored from there first"
        }
        ProblemKind::CustomerKey => "are not in this backup: they are encrypted with a customer's own key (SSE-C)",
        ProblemKind::Changing => "are not in this backup: they were replaced again and again while they were read",
        ProblemKind::TooLarge => "are not in this backup: they are larger than a volume may be",
        ProblemKind::Deleted => "were deleted after they had been listed",
        ProblemKind::HiddenMetadata => {
            "have user metadata that S3 does not tell over HTTP, and that is not in this backup"
        }
        _ => "are not in this backup as they are in the bucket",
    };
    Warning {
        code: format!("files_{}", kind.as_str()),
        names: affected.first.iter().map(|problem| problem.key.clone()).collect(),
        message: format!("{} objects {why}", affected.count),
    }
}
