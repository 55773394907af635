//! How long a restore will take, by what its backup says.
//!
//! A sum of what is there to be done: bytes that are fetched, copied and read back; rows; entries of indexes; objects. `python3
//! tests/bench/estimate.py` measured these rates on two processors, and shows how far off the sum is. A server elsewhere is faster or slower.

use std::time::Duration;

use tokio::time::Instant;

use crate::choice::Content;
use crate::error::Error;
use crate::options::RestoreOptions;
use crate::plan::Plan;
use crate::report::RestoreReport;
use crate::source::SectionSource;

/// Connecting, creating the database, naming it.
const START: f64 = 1.0;
/// Of SQL, by four connections.
const BYTES_PER_SECOND: f64 = 120e6;
const ROWS_PER_SECOND: f64 = 1.2e6;
/// Made by indexes, keys and checks of foreign keys.
const ENTRIES_PER_SECOND: f64 = 2e6;
/// Into indexes that are there, row by row.
const ENTRIES_PER_SECOND_IN_PLACE: f64 = 0.2e6;
const OBJECTS_PER_SECOND: f64 = 2000.0;
/// An existing database: everything is read once before, and then goes through one connection.
const EXISTING: f64 = 2.1;

/// What a backup holds beside rows: as its manifest counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extent {
    /// Objects of any kind.
    pub objects: u64,
    /// Indexes, keys, and foreign keys.
    pub indexes: u64,
}

impl Extent {
    /// Of so many objects, so many of which are indexes, keys or foreign keys.
    pub fn new(objects: u64, indexes: u64) -> Self {
        Self { objects, indexes }
    }
}

/// What is to be done, and about how long it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    bytes: u64,
    rows: u64,
    indexes: u64,
    needed: Duration,
}

impl Estimate {
    /// `None` of a backup that does not tell what it holds before it is read.
    pub(crate) fn of(plan: &Plan, source: &impl SectionSource, options: &RestoreOptions) -> Option<Self> {
        source.entries()?;
        let (_, bytes) = plan.read(source);
        let all = source.tables();
        let count = all.len().max(1) as f64;
        let chosen = plan.edit.totals(all);
        let rows: u64 = chosen.iter().map(|table| table.digest.rows()).sum();
        let content = options.choice.content;
        let (objects, indexes) = match content {
            // They are there, and grow with every row.
            Content::Data => (0, options.extent.indexes),
            Content::All | Content::Schema => (options.extent.objects, options.extent.indexes),
        };
        // Which table an index is of, the backup doesn't count: so every row is in as many as a table has on average.
        let entries = rows as f64 * indexes as f64 / count;
        let objects = objects as f64 * if content == Content::Schema { 1.0 } else { chosen.len() as f64 / count };
        let work = bytes as f64 / BYTES_PER_SECOND + rows as f64 / ROWS_PER_SECOND;
        let made = entries / ENTRIES_PER_SECOND + objects / OBJECTS_PER_SECOND;
        let seconds = match (options.choice.existing, content) {
            (false, _) => START + work + made,
            (true, Content::Data) => START + EXISTING * work + entries / ENTRIES_PER_SECOND_IN_PLACE,
            (true, Content::All | Content::Schema) => START + EXISTING * (work + made),
        };
        Some(Self { bytes, rows, indexes, needed: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX) })
    }

    /// The time until the deadline, if that is less than what is needed.
    fn lacks(&self, options: &RestoreOptions) -> Option<Duration> {
        let left = options.deadline?.saturating_duration_since(Instant::now());
        (self.needed > left).then_some(left)
    }

    /// Refuses what would be given up before its end.
    pub(crate) fn must_fit(&self, options: &RestoreOptions) -> Result<(), Error> {
        match self.lacks(options).filter(|_| !options.ignore_estimate) {
            None => Ok(()),
            Some(left) => Err(self.too_long(left)),
        }
    }

    /// What a dry run says of it.
    pub(crate) fn tell(&self, options: &RestoreOptions, report: &mut RestoreReport) {
        report.estimated_seconds = Some(self.needed.as_secs());
        if let Some(left) = self.lacks(options) {
            report.warnings.push(self.too_long(left).to_string());
        }
    }

    fn too_long(&self, left: Duration) -> Error {
        let Self { bytes, rows, indexes, needed } = *self;
        Error::TakesTooLong { rows, bytes, indexes, needed, left }
    }
}
