//! The drill of files: a random sample is restored into a folder, read back, compared, and deleted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use envelope::Identities;
use file_archive::{Folder, Overwrite, RestoreReport, Selection, Target};
use serde::Serialize;
use vault::{BackupChoice, Kind, Selector, Vault};

use crate::deadline::Deadline;
use crate::drill;
use crate::error::Error;
use crate::progress::Progress;
use crate::report_files::FilesRestoreReport;
use crate::restore_files::FilesRestore;
use crate::stored_files::StoredFiles;

/// One drill of one backup of files.
pub struct FilesDrill<'a> {
    /// Where the backup is, and where the record goes.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// Which backup.
    pub backup: BackupChoice,
    /// How many of its files.
    pub sample: Sample,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

/// A random part of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// So many files at most.
    pub files: u64,
    /// So many bytes at most, which the folder for temporary files has to hold.
    pub bytes: u64,
    /// What the choice follows from; drawn if absent.
    pub seed: Option<u64>,
}

/// As much as the temporary storage of a function holds, and half of it is left.
impl Default for Sample {
    fn default() -> Self {
        Self { files: 1000, bytes: 256 << 20, seed: None }
    }
}

/// The report of a drill that succeeded.
#[derive(Clone, Debug, Serialize)]
pub struct FilesDrillReport {
    /// `ok`: a failed drill reports an error instead.
    pub status: &'static str,
    /// What it was of.
    pub kind: Kind,
    /// The backup's id.
    pub backup: String,
    /// The bucket that was backed up.
    pub source: String,
    /// Files that were restored, read back, and equal.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files of the backup.
    pub of_files: u64,
    /// Files that were drawn and left out, because the sample would have had more bytes than it may.
    pub too_large: u64,
    /// What the choice follows from, in hexadecimal.
    pub seed: String,
    /// Finding the backup, choosing, and restoring.
    pub restore_seconds: f64,
    /// Reading back and comparing.
    pub proving_seconds: f64,
    /// What is not as it should be with this backup in the vault.
    pub findings: Vec<String>,
    /// The key of what the vault keeps of it.
    pub record: String,
    /// Wall time.
    pub seconds: f64,
}

/// What the vault keeps of it.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    restore_seconds: f64,
    proving_seconds: f64,
    files: u64,
    bytes: u64,
    of_files: u64,
    seed: &'a str,
}

impl FilesDrill<'_> {
    /// Drills. Whatever happens, what it restores is deleted.
    ///
    /// # Errors
    /// [`Error`]: then the vault has no record of it. [`Error::NotRecorded`] if that alone failed.
    pub async fn run(self) -> Result<FilesDrillReport, Error> {
        let clock = Instant::now();
        let Self { vault, identities, deadline, progress, .. } = self;
        let seed = match self.sample.seed {
            Some(seed) => seed,
            None => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
                u64::from_be_bytes(bytes)
            }
        };
        let stored = deadline.reading(StoredFiles::find(vault, identities, &self.backup, progress.clone())).await??;
        let (backup, manifest) = (stored.backup().clone(), stored.manifest().clone());
        let of_files: u64 = manifest.contents.iter().map(|contents| contents.files).sum();
        let (drawn, mut place) = (places(of_files, self.sample.files, seed), 0);
        let mut files: Vec<(String, u64)> = Vec::new();
        let listing = stored.list(&Selection::All, |file| {
            if drawn.contains(&place) {
                files.push((file.key, file.bytes));
            }
            place += 1;
            Ok::<_, Error>(())
        });
        deadline.reading(listing).await??;
        let drawn = files.len();
        let files = within(files, self.sample.bytes, seed);
        let too_large = (drawn - files.len()) as u64;
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        if files.is_empty() && of_files > 0 {
            return Err(Error::NoSample { backup: backup.id.to_string(), bytes: self.sample.bytes });
        }
        let count = files.len() as u64;
        let selection = Selection::Keys(Arc::new(files.into_iter().map(|(key, _)| key).collect()));

        let scratch = tempfile::tempdir().map_err(|source| Error::Scratch { source })?;
        let folder = Folder::open(scratch.path())?;
        let restore = |dry_run, overwrite| {
            let (folder, selection, progress) = (folder.clone(), selection.clone(), progress.clone());
            let backup = BackupChoice::from(Selector::Id(backup.id.clone()));
            async move {
                let target = &move |_: &str| Target::Folder(folder.clone());
                let ignore_estimate = false;
                FilesRestore {
                    vault,
                    identities,
                    backup,
                    selection,
                    target,
                    overwrite,
                    dry_run,
                    ignore_estimate,
                    deadline,
                    progress,
                }
                .run()
                .await
            }
        };
        let (mut restored, mut same) = (RestoreReport::default(), RestoreReport::default());
        let mut restore_seconds = drill::rounded(clock.elapsed().as_secs_f64());
        let mut proving_seconds = 0.0;
        if count > 0 {
            let FilesRestoreReport { restored: report, .. } = restore(false, Overwrite::Never).await?;
            restored = report;
            restore_seconds = drill::rounded(clock.elapsed().as_secs_f64());
            // Of each file on disk, the SHA-256 is taken anew.
            let FilesRestoreReport { restored: report, seconds, .. } = restore(true, Overwrite::IfDifferent).await?;
            (same, proving_seconds) = (report, drill::rounded(seconds));
        }
        scratch.close().map_err(|source| Error::Scratch { source })?;
        if let Some(what) = differing(count, bytes, &restored, &same) {
            return Err(Error::FilesDiffer { backup: backup.id.to_string(), what });
        }
        let mut report = FilesDrillReport {
            status: "ok",
            kind: Kind::Files,
            backup: backup.id.to_string(),
            source: manifest.source.name.clone(),
            files: count,
            bytes,
            of_files,
            too_large,
            seed: format!("{seed:016x}"),
            restore_seconds,
            proving_seconds,
            findings: backup.findings.iter().map(ToString::to_string).collect(),
            record: String::new(),
            seconds: 0.0,
        };
        let figures = Figures { restore_seconds, proving_seconds, files: count, bytes, of_files, seed: &report.seed };
        let took = clock.elapsed();
        report.record = drill::record(vault, &backup, &manifest, took, figures).await?;
        report.seconds = drill::rounded(clock.elapsed().as_secs_f64());
        Ok(report)
    }
}

/// What, of `count` files of `bytes`, was not restored, or is not on disk what the backup says; `None` if all is as it was.
fn differing(count: u64, bytes: u64, restored: &RestoreReport, same: &RestoreReport) -> Option<String> {
    if (restored.written, restored.written_bytes, same.unchanged) == (count, bytes, count) {
        return None;
    }
    let failures = restored.failures.iter().chain(&same.failures).take(10);
    let mut what: Vec<String> = failures.map(|file| format!("{:?}: {}", file.key, file.why)).collect();
    what.push(format!(
        "of {count} files ({bytes} bytes), {} ({} bytes) were restored and {} are equal on disk",
        restored.written, restored.written_bytes, same.unchanged
    ));
    Some(what.join("; "))
}

/// Which of `of` files are drawn, by their places: `wanted` different ones, each as likely as any other.
fn places(of: u64, wanted: u64, seed: u64) -> BTreeSet<u64> {
    if wanted >= of {
        return (0..of).collect();
    }
    let (mut random, mut places) = (Random(seed), BTreeSet::new());
    // Floyd's: of so many places, one more is drawn each time.
    for last in of - wanted..of {
        let drawn = random.below(last + 1);
        if !places.insert(drawn) {
            places.insert(last);
        }
    }
    places
}

/// Those of the files that fit, taken in random order.
fn within(mut files: Vec<(String, u64)>, budget: u64, seed: u64) -> Vec<(String, u64)> {
    let (mut random, mut left, mut fitting) = (Random(!seed), budget, Vec::new());
    while !files.is_empty() {
        let place = random.below(files.len() as u64) as usize;
        let file = files.swap_remove(place);
        if file.1 <= left {
            left -= file.1;
            fitting.push(file);
        }
    }
    fitting
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators): the same numbers from the same seed, for ever.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `end`, by the high half of a product: even enough for any number of files.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use file_archive::FailedFile;

    use super::*;

    #[test]
    fn sample_is_equal_only_if_every_file_was_written_and_is_found_to_be_the_same() {
        let restored = RestoreReport { written: 2, written_bytes: 30, ..RestoreReport::default() };
        let same = RestoreReport { unchanged: 2, ..RestoreReport::default() };
        assert_eq!(differing(2, 30, &restored, &same), None);
        let one = RestoreReport { unchanged: 1, written: 1, ..RestoreReport::default() };
        let said = differing(2, 30, &restored, &one).unwrap();
        assert_eq!(said, "of 2 files (30 bytes), 2 (30 bytes) were restored and 1 are equal on disk");
        let shorter = RestoreReport { written_bytes: 29, ..restored.clone() };
        assert!(differing(2, 30, &shorter, &same).unwrap().contains("2 (29 bytes) were restored"));
        let failures = vec![FailedFile { key: "a".to_owned(), why: "it is gone".to_owned() }];
        let fewer = RestoreReport { written: 1, failures, ..restored };
        assert!(differing(2, 30, &fewer, &same).unwrap().starts_with("\"a\": it is gone; of 2 files"));
    }

    #[test]
    fn every_file_is_as_likely_to_be_drawn() {
        let mut drawn = [0u32; 20];
        for seed in 0..5000 {
            let places = places(20, 6, seed);
            assert_eq!(places.len(), 6);
            places.into_iter().for_each(|place| drawn[place as usize] += 1);
        }
        // 1500 each, give or take five standard deviations of 32.
        assert!(drawn.iter().all(|times| (1340..1660).contains(times)), "{drawn:?}");
        assert_eq!(places(20, 6, 7), places(20, 6, 7));
        assert_eq!(places(3, 6, 7), (0..3).collect());
        assert!(places(0, 6, 7).is_empty() && places(3, 0, 7).is_empty());
    }

    #[test]
    fn sample_keeps_to_its_bytes_whatever_the_order_of_keys() {
        let files: Vec<_> = (0..10).map(|number| (number.to_string(), 10)).collect();
        let mut first = 0;
        for seed in 0..1000 {
            let fitting = within(files.clone(), 35, seed);
            assert_eq!(fitting.len(), 3);
            first += u32::from(fitting.iter().any(|(key, _)| key == "0"));
        }
        // 300, give or take five standard deviations of 14.5.
        assert!((228..372).contains(&first), "{first}");
        assert!(within(files, 9, 1).is_empty());
    }
}
