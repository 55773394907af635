use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use sql_volume::TableTotals;

use crate::compare::reader::Name;
use crate::options::{Phase, Progress};

/// What a restore did. Its counts add up: the rows of all COPY blocks, of all tables' totals and, if compared, of all tables read back
/// are the same number, unless rows are among what needs a superuser.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Name of the new database.
    pub database: String,
    /// `server_version` of the target.
    pub server_version: String,
    /// About how long it will take, said by a dry run.
    pub estimated_seconds: Option<u64>,
    /// Nothing was changed: the counts say what would be done.
    pub dry_run: bool,
    /// Sections applied.
    pub sections: u64,
    /// Statements executed, COPY included.
    pub statements: u64,
    /// Tables that rows were copied into (or that are empty and were meant to be).
    pub tables: u64,
    /// Rows copied.
    pub rows: u64,
    /// Bytes of SQL applied.
    pub bytes: u64,
    /// Large objects in the database.
    pub large_objects: u64,
    /// The backup is there, all of it and as it was: every row, every definition, the value of every sequence and every large object
    /// was read back and is equal, and nothing was left out or changed on its way.
    pub equal: bool,
    /// All rows that were restored were read back and are equal to what was backed up. `false` only if that was not asked for: a
    /// difference is an error.
    pub rows_equal: bool,
    /// What was not restored because only a superuser, or a role that the restoring one is no member of, may do it.
    pub needs_superuser: Vec<String>,
    /// Tables whose rows are among that: there is nothing to compare.
    #[serde(skip)]
    pub(crate) not_filled: BTreeSet<Name>,
    /// What was not restored because it needs a table that was not chosen.
    pub left_out: Vec<String>,
    /// What is not as it was backed up, by name: the first of [`RestoreReport::differing`]. Rows that differ are an error.
    pub differences: Vec<String>,
    /// How many differences there are.
    pub differing: u64,
    /// What could not be read back, and why.
    pub not_compared: Vec<String>,
    /// What was read back.
    pub compared: Compared,
    /// How long it took.
    pub durations: Durations,
    /// Databases with a provisional name that this run did not make: another restore is at them, or left them behind.
    pub leftovers: Vec<String>,
    /// What someone should know, by name.
    pub warnings: Vec<String>,
}

impl RestoreReport {
    /// Says whether the backup is there as it was. `whole`: all of it was asked for.
    pub(crate) fn judge(&mut self, whole: bool) {
        let Self { needs_superuser, left_out, not_compared, differing, .. } = self;
        let nothing_else = needs_superuser.is_empty() && left_out.is_empty() && not_compared.is_empty();
        self.equal = self.rows_equal && whole && nothing_else && *differing == 0;
    }

    /// The tables that were filled.
    pub(crate) fn filled(&self, tables: Vec<TableTotals>) -> Vec<TableTotals> {
        let filled = |table: &TableTotals| !self.not_filled.contains(&(table.schema.clone(), table.table.clone()));
        tables.into_iter().filter(filled).collect()
    }

    /// How far it is while it applies.
    pub(crate) fn progress(&self) -> Progress {
        Progress { phase: Phase::Applying, sections: self.sections, bytes: self.bytes, rows: self.rows }
    }
}

/// What was read back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compared {
    /// Tables.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of COPY text, without line ends.
    pub bytes: u64,
    /// Entries of the dump that define, comment or grant something.
    pub definitions: u64,
    /// Sequences.
    pub sequences: u64,
    /// Large objects.
    pub large_objects: u64,
}

/// Seconds per phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Durations {
    /// Applying sections.
    pub apply: f64,
    /// Reading back.
    pub compare: f64,
    /// Gathering statistics.
    pub analyze: f64,
    /// All, with checks before, creating and naming.
    pub total: f64,
}

/// Seconds to milliseconds' precision.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
