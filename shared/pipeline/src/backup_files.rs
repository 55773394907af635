//! The backup of a bucket: list → get → ZIP → encrypt → upload → (all volumes complete) → manifest → summary.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use envelope::{Encryptor, Recipients};
use file_archive::{Archive, ArchiveOptions, Bucket, Estimate, VolumeTotals};
use futures_util::{Stream, StreamExt, stream};
use time::OffsetDateTime;
use tokio_util::io::StreamReader;
use vault::{BackupId, Kind, LockPolicy, StoredObject, Vault};

use crate::context::{context, volume_part};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::manifest_files::FilesManifest;
use crate::progress::Progress;
use crate::publish::Publish;
use crate::report_files::FilesBackupReport;

/// How long the bucket is listed for an estimate: a run that can't fit has to say so within its first minute.
const ESTIMATING: Duration = Duration::from_secs(45);

/// One backup of the files of one bucket.
pub struct FilesBackup<'a> {
    /// Where it goes.
    pub vault: &'a Vault,
    /// Who can decrypt it.
    pub recipients: &'a Recipients,
    /// Where it comes from.
    pub source: &'a Bucket,
    /// What is read, and when a volume closes.
    pub archive: ArchiveOptions,
    /// When the schedule meant it to run.
    pub scheduled: Option<OffsetDateTime>,
    /// What is asked of the vault's lock.
    pub lock: LockPolicy,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

impl FilesBackup<'_> {
    /// Makes the backup. It is visible once [`Vault::commit`] has succeeded, and not before.
    ///
    /// # Errors
    /// [`Error`]; then nothing is visible as a backup.
    pub async fn run(self) -> Result<FilesBackupReport, Error> {
        let clock = Instant::now();
        let started = OffsetDateTime::now_utc();
        if self.recipients.is_empty() {
            return Err(Error::NoRecipient);
        }
        let lock = self.vault.check_lock_policy(self.lock).await?;
        let id = BackupId::new(started, self.source.name())?;
        let mut archive = Archive::open(self.source, self.archive.clone());
        tracing::info!(backup = %id, "the listing begins");
        let work = async {
            // Both at once: a run that fits loses no time to the estimate, and one that doesn't has published nothing.
            let (volumes, ()) = tokio::try_join!(self.upload(&id, &mut archive), self.estimate())?;
            Ok(volumes)
        };
        let uploaded = self.deadline.publishing(work).await.and_then(|uploaded| uploaded);
        let volumes = match (uploaded, archive.take_failure()) {
            // The uploader saw the archive's error as a text in its source: the error itself says more.
            (_, Some(failure)) => return Err(failure.into()),
            (uploaded, None) => uploaded?,
        };
        let manifest = FilesManifest { backup: &self, id: &id, started, lock }.of(volumes, &archive)?;
        let publish = Publish { vault: self.vault, recipients: self.recipients, kind: Kind::Files, id: &id };
        let summary = self.deadline.publishing(publish.describe(&manifest)).await??;
        // The one commit point. Not under the deadline: a request that was given up might still be obeyed.
        self.vault.commit(&id, Kind::Files, &summary).await?;
        Ok(FilesBackupReport::of(&manifest, &summary, clock.elapsed()))
    }

    async fn upload(&self, id: &BackupId, archive: &mut Archive) -> Result<Vec<StoredObject>, Error> {
        let mut stored = Vec::new();
        while !archive.exhausted() {
            let number = u32::try_from(stored.len() + 1).map_err(|_| Error::Stopped("the numbering of volumes"))?;
            let part = volume_part(number);
            let read = archive.progress();
            let passed = AtomicU64::new(0);
            let plaintext = self.in_time(archive.open_volume()).inspect(|piece| {
                passed.fetch_add(piece.as_ref().map_or(0, |bytes| bytes.len() as u64), Ordering::Relaxed);
                self.progress.reach(read.bytes());
            });
            let context = context(self.vault.environment(), Kind::Files, id, &part);
            let encrypted = Encryptor::new(StreamReader::new(Box::pin(plaintext)), self.recipients, context)
                .await
                .map_err(|source| Error::Envelope { part: format!("encrypt {part} of backup {id}"), source })?;
            stored.push(self.vault.write_volume(id, Kind::Files, number, "zip", encrypted).await?);
            whole(&part, archive.volumes(), stored.len(), passed.into_inner())
                .map_err(|what| Error::Incomplete { backup: id.to_string(), what })?;
        }
        Ok(stored)
    }

    /// What is read of the bucket, as long as reading is allowed.
    fn in_time<S>(&self, plaintext: S) -> impl Stream<Item = io::Result<Bytes>> + Send
    where
        S: Stream<Item = io::Result<Bytes>> + Send,
    {
        let deadline = self.deadline;
        stream::unfold(Box::pin(plaintext), move |mut plaintext| async move {
            let next = match deadline.reading(plaintext.next()).await {
                Ok(next) => next?,
                Err(late) => Err(io::Error::other(late)),
            };
            Some((next, plaintext))
        })
    }

    /// Fails, with the figure, if the bucket can't be read in the time that is left.
    async fn estimate(&self) -> Result<(), Error> {
        let begun = Instant::now();
        let fits = |so_far: &Estimate| self.deadline.fits(so_far.bytes, so_far.files);
        let enough = |so_far: &Estimate| !fits(so_far) || begun.elapsed() > ESTIMATING;
        let prefix = self.archive.prefix.as_deref();
        // What keeps the bucket from being listed fails the archive's own listing too, which says why.
        let Ok(estimate) = self.source.estimate(prefix, enough).await else { return Ok(()) };
        self.progress.expect(estimate.bytes);
        self.deadline.estimate_files(self.source.name(), estimate.bytes, estimate.files)
    }
}

/// Compares what the archive says it has made with the volumes that were stored, and with the bytes of the last of them.
fn whole(part: &str, made: &[VolumeTotals], stored: usize, bytes: u64) -> Result<(), String> {
    if made.len() != stored {
        return Err(format!("the archive has made {} volumes, and {stored} were stored", made.len()));
    }
    match made.last() {
        Some(last) if last.zip_bytes != bytes => {
            Err(format!("the archive has made {} bytes of {part}, and {bytes} were stored", last.zip_bytes))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn volume_that_was_not_stored_to_its_end_is_not_whole() {
        let made = [700, 900].map(|zip_bytes| VolumeTotals { zip_bytes, ..VolumeTotals::default() });
        assert_eq!(whole("volume-0002", &made, 2, 900), Ok(()));
        let less = whole("volume-0002", &made, 2, 899).unwrap_err();
        assert!(less.contains("900 bytes of volume-0002") && less.contains("899"), "{less}");
        assert!(whole("volume-0002", &made, 2, 901).is_err());
        // Its stream was not read to the end: only then does the archive count it.
        let early = whole("volume-0002", &made[..1], 2, 900).unwrap_err();
        assert!(early.contains("1 volumes") && early.contains("2 were stored"), "{early}");
    }
}
