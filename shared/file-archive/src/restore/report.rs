use serde::Serialize;

use crate::record::FileRecord;

/// So many files of each kind are named; the others are counted.
const NAMED: usize = 1000;

/// What became of every selected file. The counts add up: see [`RestoreReport::adds_up`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// Files that were asked for.
    pub selected: u64,
    /// Their bytes.
    pub selected_bytes: u64,
    /// Files that were written.
    pub written: u64,
    /// Their bytes.
    pub written_bytes: u64,
    /// Files that were there already, and stayed.
    pub existing: u64,
    /// Files that were there already, and the same.
    pub unchanged: u64,
    /// Files that were neither written nor found to be there.
    pub failed: u64,
    /// The first of those that failed.
    pub failures: Vec<FailedFile>,
    /// Written files whose keys can't be paths.
    pub renamed: u64,
    /// The first of them.
    pub renamed_files: Vec<RenamedFile>,
}

/// A file that was not restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedFile {
    /// Its key.
    pub key: String,
    /// What kept it from being restored.
    pub why: String,
}

/// A file that lies in the folder under another name than its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RenamedFile {
    /// Its key.
    pub key: String,
    /// Where it lies.
    pub name: String,
}

impl RestoreReport {
    /// Every selected file is counted exactly once.
    pub fn adds_up(&self) -> bool {
        self.selected == self.written + self.existing + self.unchanged + self.failed
    }

    pub(crate) fn select(&mut self, record: &FileRecord) {
        self.selected += 1;
        self.selected_bytes += record.bytes;
    }

    pub(crate) fn written(&mut self, record: &FileRecord, renamed: bool) {
        self.written += 1;
        self.written_bytes += record.bytes;
        if renamed {
            self.renamed += 1;
            if self.renamed_files.len() < NAMED {
                let name = record.zip_name().to_owned();
                self.renamed_files.push(RenamedFile { key: record.key.clone(), name });
            }
        }
    }

    pub(crate) fn failed(&mut self, key: &str, why: String) {
        self.failed += 1;
        if self.failures.len() < NAMED {
            self.failures.push(FailedFile { key: key.to_owned(), why });
        }
    }
}
