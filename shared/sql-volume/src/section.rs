use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What a section of SQL text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SectionKind {
    /// Settings only; every connection that restores applies it first.
    Preamble,
    /// Definitions that data needs: schemas, types, functions, tables, empty large objects.
    PreData,
    /// One whole `COPY … FROM stdin;` … `\.` block.
    TableData,
    /// `setval` calls.
    SequenceValues,
    /// `lo_put` calls.
    LargeObjects,
    /// Definitions that need data: indexes, constraints, triggers.
    PostData,
}

/// A part of the dump that stands alone: whole statements of SQL text.
#[derive(Debug)]
pub struct Section {
    /// What it does.
    pub kind: SectionKind,
    /// Position in the backup, over all volumes, from 0.
    pub seq: u32,
    /// Sections `0..=after` must have been applied before this one; `None` for the preamble.
    pub after: Option<u32>,
    /// The SQL text, in the source database's server encoding.
    pub sql: Vec<u8>,
    /// For table data: which table, and where its rows are in `sql`.
    pub rows: Option<CopyRows>,
}

/// The rows of a `COPY` block within a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyRows {
    /// Schema of the table (unquoted).
    pub schema: String,
    /// Name of the table (unquoted) whose totals these rows count for: the root for a partition whose rows go to the root.
    pub table: String,
    /// Bytes of `Section::sql` that hold the rows, each ended by a newline; the final `\.` line is outside.
    pub range: Range<usize>,
    /// Number of rows.
    pub count: u64,
}
