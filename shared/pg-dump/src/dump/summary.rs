use std::collections::BTreeMap;
use std::time::Duration;

use crate::watch::BlockedSession;

/// A table whose rows a dump holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpedTable {
    /// Schema.
    pub schema: String,
    /// Name.
    pub table: String,
    /// The columns that COPY carries, in its order.
    pub columns: Vec<String>,
    /// Columns that are recomputed, and not compared.
    pub generated: Vec<String>,
}

/// Something that isn't in the dump, or isn't as one might expect, without being an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// Of what kind, for machines: `unlogged-on-standby`, `not-dumped`, `extension-table-changed`, ….
    pub code: &'static str,
    /// What it is about.
    pub objects: Vec<String>,
}

/// What a finished dump says of itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The tables whose rows it holds.
    pub tables: Vec<DumpedTable>,
    /// Number of objects, by kind.
    pub inventory: BTreeMap<String, u64>,
    /// What isn't in it.
    pub warnings: Vec<Warning>,
    /// Sections.
    pub sections: u32,
    /// From the first lock to the end.
    pub locks_held: Duration,
    /// How long the snapshot held back xmin, and with it vacuuming.
    pub xmin_held: Duration,
    /// Sessions that waited for a lock of the dump, the longest first.
    pub blocked: Vec<BlockedSession>,
}
