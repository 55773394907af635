//! Whether a backup could be restored, without a restore: all of it decrypted, unpacked and compared with what it says of itself.

use std::time::{Duration, Instant};

use envelope::Identities;
use serde::Serialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use vault::{Backup, BackupChoice, Kind, Vault};

use crate::deadline::Deadline;
use crate::error::Error;
use crate::progress::Progress;

/// One check of one backup.
pub struct BackupCheck<'a> {
    /// Where the backup is.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// What it is of.
    pub kind: Kind,
    /// Which backup.
    pub backup: BackupChoice,
    /// What of it.
    pub share: Share,
    /// When to give up.
    pub deadline: Deadline,
    /// Told how far the run is.
    pub progress: Progress,
}

/// How much of a large backup is checked at once: it is cut into parts of so many stored bytes, of which each turn takes the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Stored bytes of a part.
    pub budget: u64,
    /// Number of the run, such as the day: so that as many turns as there are parts cover all.
    pub turn: u64,
}

impl Share {
    /// All of a backup.
    pub const ALL: Self = Self { budget: u64::MAX, turn: 0 };

    pub(crate) fn of(self, total: u64) -> Part {
        let parts = total.div_ceil(self.budget.max(1)).max(1);
        Part { total: total.max(1), parts, part: self.turn % parts }
    }
}

/// One of so many parts of something of `total` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    total: u64,
    pub(crate) parts: u64,
    /// From 0.
    pub(crate) part: u64,
}

impl Part {
    /// Whether what begins at this byte belongs to it. Everything belongs to exactly one part.
    pub(crate) fn has(self, start: u64) -> bool {
        let part = u128::from(start.min(self.total - 1)) * u128::from(self.parts) / u128::from(self.total);
        part == u128::from(self.part)
    }
}

/// The report of a backup that is sound, as far as it was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// `ok`: what is not sound is an error instead.
    pub status: &'static str,
    /// The backup's id.
    pub backup: String,
    /// What it is of.
    pub kind: Kind,
    /// The instant that it shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// Everything was read, and every row or file compared.
    pub whole: bool,
    /// The part of the backup that was read, from 1.
    pub part: u64,
    /// Parts that it has; the following runs take the next ones.
    pub parts: u64,
    /// Volumes whose ends, indexes and totals were verified: all.
    pub volumes: u64,
    /// Stored bytes that were read, of a database.
    pub stored_bytes: u64,
    /// Sections of a database that were decrypted, unpacked and compared with their digests.
    pub sections: u64,
    /// Rows of which digests were compared.
    pub rows: u64,
    /// Files whose bytes were compared with their checksum and SHA-256.
    pub files: u64,
    /// Bytes of these rows or files.
    pub source_bytes: u64,
    /// Findings about the backup's objects, in words.
    pub findings: Vec<String>,
    /// Wall time.
    pub seconds: f64,
}

impl CheckReport {
    pub(crate) fn of(backup: &Backup, part: Part, volumes: usize, took: Duration) -> Self {
        Self {
            status: "ok",
            backup: backup.id.to_string(),
            kind: backup.kind,
            snapshot: backup.summary.snapshot,
            whole: part.parts == 1,
            part: part.part + 1,
            parts: part.parts,
            volumes: volumes as u64,
            stored_bytes: 0,
            sections: 0,
            rows: 0,
            files: 0,
            source_bytes: 0,
            findings: backup.findings.iter().map(ToString::to_string).collect(),
            seconds: took.as_secs_f64(),
        }
    }
}

impl BackupCheck<'_> {
    /// Checks.
    ///
    /// # Errors
    /// [`Error`], which names what is not as it should be: then this backup must not be relied on.
    pub async fn run(self) -> Result<CheckReport, Error> {
        let clock = Instant::now();
        let deadline = self.deadline;
        let checked = deadline.publishing(async {
            match self.kind {
                Kind::Database => self.database().await,
                Kind::Files => self.files().await,
            }
        });
        let mut report = checked.await??;
        report.seconds = clock.elapsed().as_secs_f64();
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_turns_as_there_are_parts_take_everything_once() {
        for (total, budget) in [(0, 10), (1, 10), (10, 10), (11, 10), (99, 10), (1 << 40, 7 << 30), (5, u64::MAX)] {
            let parts = Share { budget, turn: 0 }.of(total).parts;
            let step = (total / 1000).max(1) as usize;
            for start in (0..total.max(1)).step_by(step) {
                let taken = (0..parts).filter(|turn| Share { budget, turn: turn + 3 * parts }.of(total).has(start));
                assert_eq!(taken.count(), 1, "{start} of {total} by {budget}");
            }
        }
        assert_eq!(Share { budget: 10, turn: 7 }.of(25), Part { total: 25, parts: 3, part: 1 });
        assert_eq!(Share::ALL.of(u64::MAX).parts, 1);
    }
}
