//! Volumes → files in a bucket or a folder: only what is selected, only what is missing or differs, and nothing unchecked.

mod bucket;
mod bytes;
mod folder;
mod older;
mod pattern;
mod report;
mod run;
mod volume;

use std::str::FromStr;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use crate::error::Error;
use crate::source::Bucket;
use bucket::BucketTarget;
use run::{Runs, Work};

pub use folder::Folder;
pub use pattern::{Pattern, PatternError, Selection};
pub use report::{FailedFile, RenamedFile, RestoreReport};
pub use volume::{Files, Volume};

/// Files of the target that are looked at at once.
const CHECKS: usize = 64;

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overwrite {
    /// It stays.
    #[default]
    Never,
    /// It stays if its bytes and, in a bucket, its headers are the same.
    IfDifferent,
    /// It is replaced.
    Always,
}

impl FromStr for Overwrite {
    type Err = OverwriteError;

    fn from_str(text: &str) -> Result<Self, OverwriteError> {
        match text {
            "never" => Ok(Self::Never),
            "if-different" => Ok(Self::IfDifferent),
            "always" => Ok(Self::Always),
            _ => Err(OverwriteError(text.to_owned())),
        }
    }
}

/// A word that says nothing of what happens to files that are there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of never, if-different and always")]
pub struct OverwriteError(String);

/// Where files go.
#[derive(Clone)]
pub enum Target {
    /// The same bucket or another one: every file under its key, with its headers, metadata, tags and storage class.
    Bucket(Bucket),
    /// A folder: every file under its name in the ZIP, with its time.
    Folder(Folder),
}

/// A restore of files, volume by volume.
#[derive(Clone)]
pub struct Restore {
    /// Which files.
    pub selection: Selection,
    /// Where they go.
    pub target: Target,
    /// What happens to those that are there.
    pub overwrite: Overwrite,
    /// Only look what would be done.
    pub dry_run: bool,
}

/// What is to be done with a selected file.
pub(crate) enum Decision {
    Write(Condition),
    Existing,
    Unchanged,
    Failed(String),
}

/// What must hold of the target when the file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    None,
    Missing,
    /// It is still the object with this ETag, in quotes.
    Is(String),
}

/// How writing one file ended.
pub(crate) enum Outcome {
    Written,
    /// Somebody else was faster.
    Existing,
}

impl Restore {
    /// Restores what is selected of a volume, and adds it to the report. Files that fail are in the report; others go on.
    ///
    /// # Errors
    /// [`Error::Read`] when the volume can't be read again and again, [`Error::Stopped`]. What was restored until then stays.
    pub async fn volume(&self, volume: &Volume, report: &mut RestoreReport) -> Result<(), Error> {
        let target = Arc::new(Writer::of(&self.target, volume.is_older()));
        let selected = volume.entries().filter(|file| match file {
            Ok((record, _)) => self.selection.matches(&record.key),
            Err(_) => true,
        });
        let (overwrite, older, deciding) = (self.overwrite, volume.is_older(), Arc::clone(&target));
        let decided = stream::iter(selected)
            .map_ok(move |(record, entry)| {
                let target = Arc::clone(&deciding);
                // The older job wrote an object that it could not read as one without bytes.
                let overwrite = if older && record.bytes == 0 { Overwrite::Never } else { overwrite };
                async move {
                    let decision = target.decide(&record, overwrite).await;
                    Ok((record, entry, decision))
                }
            })
            .try_buffered(CHECKS);
        let mut decided = std::pin::pin!(decided);
        let mut runs = Runs::new(volume.clone(), target);
        while let Some((record, entry, decision)) = decided.next().await.transpose()? {
            report.select(&record);
            match decision {
                Decision::Write(_) if self.dry_run => report.written(&record, self.renames(&record)),
                Decision::Write(condition) => {
                    let renamed = self.renames(&record);
                    runs.add(Work { record, entry, condition, renamed }, report).await?;
                }
                Decision::Existing => report.existing += 1,
                Decision::Unchanged => report.unchanged += 1,
                Decision::Failed(why) => report.failed(&record.key, why),
            }
        }
        runs.finish(report).await
    }

    /// A folder can't have a file under every key.
    fn renames(&self, record: &crate::FileRecord) -> bool {
        matches!(self.target, Target::Folder(_)) && record.name.is_some()
    }
}

impl Volume {
    /// Reads files and compares each with its checksum and its SHA-256, as a restore does, and keeps none. `wanted` is told the bytes of
    /// every file, in their order. In the report, a sound file counts as written.
    ///
    /// # Errors
    /// As [`Restore::volume`].
    pub async fn verify(&self, mut wanted: impl FnMut(u64) -> bool, report: &mut RestoreReport) -> Result<(), Error> {
        let mut runs = Runs::new(self.clone(), Arc::new(Writer::Nowhere));
        for file in self.entries() {
            let (record, entry) = file?;
            if wanted(record.bytes) {
                report.select(&record);
                runs.add(Work { record, entry, condition: Condition::None, renamed: false }, report).await?;
            }
        }
        runs.finish(report).await
    }
}

/// Either target, as the restore uses it.
pub(crate) enum Writer {
    Bucket(BucketTarget),
    Folder(Folder),
    /// What was compared is dropped.
    Nowhere,
}

impl Writer {
    fn of(target: &Target, without_headers: bool) -> Self {
        match target {
            Target::Bucket(bucket) => Self::Bucket(BucketTarget::new(bucket.clone(), without_headers)),
            Target::Folder(folder) => Self::Folder(folder.clone()),
        }
    }

    async fn decide(&self, record: &crate::FileRecord, overwrite: Overwrite) -> Decision {
        match self {
            Self::Bucket(bucket) => bucket.decide(record, overwrite).await,
            Self::Folder(folder) => folder.decide(record, overwrite).await,
            Self::Nowhere => Decision::Write(Condition::None),
        }
    }
}

#[cfg(test)]
mod tests;
