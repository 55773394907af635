use std::time::Duration;

use sql_text::TablePattern;

/// What of the tables and all else is dumped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Content {
    /// Definitions and rows.
    #[default]
    All,
    /// Definitions: no rows, no values of sequences, no large objects, and materialised views stay empty.
    Schema,
    /// Rows, values of sequences, large objects and the refreshing of materialised views.
    Data,
}

/// How a database is dumped.
#[derive(Clone, Debug)]
pub struct DumpOptions {
    /// What is dumped.
    pub content: Content,
    /// If there are any: only relations that one of them matches, and what belongs to these. Each must match something.
    pub tables: Vec<TablePattern>,
    /// Not the relations that one of them matches, nor what belongs to these.
    pub exclude_tables: Vec<TablePattern>,
    /// Nothing is given an owner.
    pub no_owner: bool,
    /// Nothing is granted or revoked.
    pub no_privileges: bool,
    /// What can't be dumped or read is left out with a warning that names it; otherwise it is an error.
    pub allow_partial: bool,
    /// Connections to the database in all, from 2: one leads and copies, one watches, the others copy.
    pub connections: usize,
    /// A section closes at the first row or statement boundary after so many bytes.
    pub section_bytes: usize,
    /// The longest row, in bytes of COPY text, that may be taken into memory; from 64 KiB.
    pub max_row: u64,
    /// Tables are read in slices of so many bytes, where the server can (14 and later). About a section each: a longer one would go on
    /// while others are at the next table already, and put its sections between theirs.
    pub slice_bytes: u64,
    /// How long locking the tables waits for a lock, each time.
    pub lock_timeout: Duration,
    /// How often locking the tables is tried.
    pub lock_attempts: u32,
    /// How long a slice waits for the locks that its plan needs, before another slice is read first.
    pub slice_lock_timeout: Duration,
    /// How long slices are put off, in all, before the dump fails.
    pub slice_patience: Duration,
    /// How often sessions that wait for ours are looked for.
    pub watch_interval: Duration,
    /// The dump gives way to a session that has waited so long for one of its locks.
    pub yield_to_ddl_after: Duration,
}

impl Default for DumpOptions {
    fn default() -> Self {
        Self {
            content: Content::All,
            tables: Vec::new(),
            exclude_tables: Vec::new(),
            no_owner: false,
            no_privileges: false,
            allow_partial: false,
            connections: 4,
            section_bytes: 8 << 20,
            max_row: 32 << 20,
            slice_bytes: 8 << 20,
            lock_timeout: Duration::from_secs(10),
            lock_attempts: 4,
            slice_lock_timeout: Duration::from_secs(5),
            slice_patience: Duration::from_secs(600),
            watch_interval: Duration::from_secs(15),
            yield_to_ddl_after: Duration::from_secs(60),
        }
    }
}
