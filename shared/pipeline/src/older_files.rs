//! The restore of files that the older job backed up: open → decrypt → read once → bucket or folder.

use std::sync::Arc;
use std::time::Instant;

use file_archive::{Overwrite, ReadAt, Restore, RestoreReport, Selection, Target, Volume};
use legacy::Content;
use serde::Serialize;

use crate::deadline::Deadline;
use crate::error::Error;
use crate::older_place::{Decrypted, OlderKeys, OlderPlace};
use crate::progress::Progress;

/// Names of a list that are told one by one.
const NAMED: usize = 1000;

/// One restore of files of one such backup, of all its parts.
pub struct OlderFilesRestore<'a> {
    /// Where the file is; of several parts, any of them.
    pub place: OlderPlace,
    /// The vault's bucket, if it is known: nothing is restored into it.
    pub vault: Option<&'a str>,
    /// What it is decrypted with.
    pub keys: &'a OlderKeys,
    /// Which of its files.
    pub selection: Selection,
    /// Where they go.
    pub target: Target,
    /// What happens to files that are there already.
    pub overwrite: Overwrite,
    /// Only look what would be done.
    pub dry_run: bool,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

/// The report of a restore of files of an older backup.
#[derive(Clone, Debug, Serialize)]
pub struct OlderFilesReport {
    /// `ok`, or `incomplete` if a file failed.
    pub status: &'static str,
    /// The files that were read, in their order.
    pub files: Vec<String>,
    /// Where the files went: a bucket, or a folder.
    pub target: String,
    /// Nothing was written: this is what would have been.
    pub dry_run: bool,
    /// What became of every selected file.
    #[serde(flatten)]
    pub restored: RestoreReport,
    /// Selected files without bytes: the older job wrote what it could not read so, too.
    pub empty: u64,
    /// The first of them.
    pub empty_files: Vec<String>,
    /// What someone should know.
    pub warnings: Vec<String>,
    /// Wall time.
    pub seconds: f64,
}

impl OlderFilesRestore<'_> {
    /// Restores. All parts are decrypted, and all their files compared with their checksums, before the first is written.
    ///
    /// # Errors
    /// [`Error`], when the backup can't be read. Files that were restored until then stay.
    pub async fn run(self) -> Result<OlderFilesReport, Error> {
        let clock = Instant::now();
        let name = self.place.name();
        if let Target::Bucket(bucket) = &self.target
            && self.vault == Some(bucket.name())
        {
            return Err(Error::TargetIsVault { bucket: bucket.name().to_owned() });
        }
        let (files, volumes) = self.deadline.reading(self.open()).await??;
        let (empty, empty_files) = self.empty(&volumes)?;
        let target = match &self.target {
            Target::Bucket(bucket) => format!("bucket {}", bucket.name()),
            Target::Folder(folder) => format!("folder {}", folder.path().display()),
        };
        let Self { selection, target: into, overwrite, dry_run, deadline, .. } = self;
        let restore = Restore { selection, target: into, overwrite, dry_run };
        let mut report = RestoreReport::default();
        let work = async {
            for volume in &volumes {
                restore.volume(volume, &mut report).await?;
            }
            Ok::<_, Error>(())
        };
        deadline.publishing(work).await??;
        if report.selected == 0 && restore.selection != Selection::All {
            return Err(Error::OlderNothingSelected { name });
        }
        if !report.adds_up() {
            return Err(Error::Stopped("the counting of files"));
        }
        let mut warnings = Vec::new();
        if files.len() > 1 || legacy::PartName::of(&name).is_some() {
            warnings.push(format!(
                "whether parts after the last of these {} are missing, nothing in them tells",
                files.len()
            ));
        }
        if empty > 0 {
            warnings.push(format!(
                "{empty} files have no bytes: objects that the older job could not read look the same, and replace nothing"
            ));
        }
        let status = if report.failed == 0 { "ok" } else { "incomplete" };
        let seconds = clock.elapsed().as_secs_f64();
        Ok(OlderFilesReport { status, files, target, dry_run, restored: report, empty, empty_files, warnings, seconds })
    }

    async fn open(&self) -> Result<(Vec<String>, Vec<Volume>), Error> {
        let (mut names, mut zips) = (Vec::new(), Vec::new());
        for place in self.place.parts().await? {
            let file = place.open(self.keys).await?;
            let name = place.name();
            if file.content() != Content::Zip {
                return Err(Error::OlderNoFiles { name });
            }
            let zip: Arc<dyn ReadAt> = Arc::new(Decrypted(file.plaintext().clone(), self.progress.clone()));
            zips.push((name.clone(), zip));
            names.push(name);
        }
        // Every byte is read to be checked, and again to be restored.
        let bytes = zips.iter().map(|(_, zip)| zip.length()).sum::<u64>();
        self.progress.expect(2 * bytes);
        self.deadline.estimate(&self.place.name(), 2 * bytes)?;
        Ok((names, Volume::open_older(zips).await?))
    }

    fn empty(&self, volumes: &[Volume]) -> Result<(u64, Vec<String>), Error> {
        let (mut count, mut names) = (0, Vec::new());
        for file in volumes.iter().flat_map(Volume::files) {
            let file = file?;
            if file.bytes == 0 && self.selection.matches(&file.key) {
                count += 1;
                if names.len() < NAMED {
                    names.push(file.key);
                }
            }
        }
        Ok((count, names))
    }
}
