use std::fmt;
use std::time::Duration;

use sql_text::SplitError;
use sql_volume::RowDigest;

use crate::failure::Failure;
use crate::source::SourceError;

/// Why a restore is given up at its deadline.
pub(crate) const OUT_OF_TIME: &str = "its time is up";
const MORE_TIME: &str = " HINT: Nothing of it was kept. The program `offsite` restores without a limit: run it on a machine near the server.";

/// Why a backup was not restored. No database has the target's name then, and what this run created is dropped, unless the error is
/// [`Error::LeftBehind`] or [`Error::Uncertain`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No database can have this name.
    #[error("{name:?} can't be the name of a database: {reason}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A restore never overwrites.
    #[error("database {name} exists already HINT: Choose another name, or drop or rename that database first.")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The server lacks something. Nothing was changed.
    #[error("the server can't take the backup of database {database} yet:{}{}", list(.missing), roles_hint(.missing))]
    NotReady {
        /// The source database.
        database: String,
        /// Everything that is missing.
        missing: Vec<Missing>,
    },
    /// Rows have nothing to be put into.
    #[error(
        "a new database has no tables that rows alone could be restored into HINT: Restore all, or into an existing database."
    )]
    DataIntoNew,
    /// The backup doesn't tell its sections before it is read.
    #[error("this backup can only be restored whole HINT: Restore it whole, and take from there what is wanted.")]
    OnlyWhole,
    /// Names in the backup aren't in UTF-8.
    #[error(
        "tables can't be chosen from a backup in encoding {encoding} HINT: Restore it whole, and take from there what is wanted."
    )]
    TablesOfEncoding {
        /// The encoding.
        encoding: String,
    },
    /// A pattern means nothing.
    #[error("the backup has no table, view or sequence for {} HINT: A pattern without a schema means schema public.", patterns.join(", "))]
    NoSuchTable {
        /// The patterns that match nothing.
        patterns: Vec<String>,
    },
    /// A partition's rows can't be told from those of the others.
    #[error(
        "the rows of {table} are stored among those of {root}, whose partition it is HINT: Choose {root} with all its partitions."
    )]
    RowsElsewhere {
        /// The partition.
        table: String,
        /// The partitioned table.
        root: String,
    },
    /// Another restore is at it.
    #[error("another restore into database {database} is under way HINT: Wait until it is done, or end it.")]
    UnderWay {
        /// The database.
        database: String,
    },
    /// The same restore is at it.
    #[error(
        "restore request {request_id} is under way already HINT: Its report will say how it ended; this second run has changed nothing."
    )]
    RequestUnderWay {
        /// The request's id.
        request_id: String,
    },
    /// It would be given up. Nothing was changed.
    #[error(
        "restoring {rows} rows ({bytes} bytes of SQL, {indexes} indexes and constraints) takes about {} s, and there are {} s left, so nothing was begun HINT: Give the function its full 15 minutes and more memory, restore some tables only, or run `offsite restore database` on a machine near the server, where nothing ends it. Whoever knows better says `ignore_estimate`.",
        needed.as_secs(), left.as_secs()
    )]
    TakesTooLong {
        /// Rows to be restored.
        rows: u64,
        /// Bytes of SQL.
        bytes: u64,
        /// Indexes and constraints of the whole backup.
        indexes: u64,
        /// About.
        needed: Duration,
        /// Until the deadline.
        left: Duration,
    },
    /// The existing database isn't as the backup needs it. Nothing was changed.
    #[error("the database can't take these rows:{}", list(.why))]
    Unfit {
        /// All that is wrong.
        why: Vec<String>,
    },
    /// Rows would come beside others. Nothing was changed.
    #[error("these tables hold rows already: {} HINT: `truncate` on conflict empties them first, in the same transaction.", tables.join(", "))]
    NotEmpty {
        /// The tables.
        tables: Vec<String>,
    },
    /// Large objects are referred to by their numbers, and others have these. Nothing was changed.
    #[error(
        "the database has large objects of the same numbers already: {} HINT: `truncate` on conflict with rows alone \
         replaces them, in the same transaction.", some(.numbers)
    )]
    LargeObjectsTaken {
        /// Their numbers.
        numbers: Vec<u32>,
    },
    /// Tables can't be emptied. Nothing was changed.
    #[error("tables that others refer to can't be emptied: {} HINT: Choose those tables, too.", keys.join(", "))]
    ReferredTo {
        /// The foreign keys.
        keys: Vec<String>,
    },
    /// Others use the table. Nothing was changed.
    #[error("{act}: others use it HINT: Stop the application while its tables are filled.")]
    Locked {
        /// What was tried.
        act: String,
        /// PostgreSQL's words.
        #[source]
        source: Failure,
    },
    /// The server was lost while it committed.
    #[error(
        "the connection was lost while the changes to database {database} were committed HINT: All of them are there, or none: look."
    )]
    CommitUncertain {
        /// The database.
        database: String,
        /// How the connection was lost.
        #[source]
        source: Failure,
    },
    /// A role could not be made.
    #[error("make the roles that are missing")]
    Roles(#[source] Failure),
    /// A step around the restore failed.
    #[error("{act}")]
    Step {
        /// What was tried.
        act: String,
        /// Why it failed.
        #[source]
        source: Failure,
    },
    /// The server was lost while it created the database.
    #[error(
        "the connection was lost while database {name} was created HINT: It may exist: then drop it, nothing is in it."
    )]
    Uncertain {
        /// Its provisional name.
        name: String,
        /// How the connection was lost.
        #[source]
        source: Failure,
    },
    /// The backup can't be read.
    #[error("read the backup")]
    Source(#[source] SourceError),
    /// The backup was read, but its end was not verified.
    #[error("verify the end of the backup")]
    Unverified(#[source] SourceError),
    /// The backup contradicts itself.
    #[error("the backup contradicts itself: {what}")]
    Contradiction {
        /// Where and how.
        what: String,
    },
    /// A section isn't a sequence of statements.
    #[error("split section {section} into statements")]
    Split {
        /// The section's `seq`.
        section: u32,
        /// Where and why.
        #[source]
        source: SplitError,
    },
    /// A statement failed.
    #[error("restore {object}: line {line} of section {section}, {excerpt}")]
    Statement {
        /// Kind and name of what the statement belongs to, as the dump says.
        object: String,
        /// The section's `seq`.
        section: u32,
        /// The statement's line in the section, from 1.
        line: usize,
        /// The statement's beginning, never rows.
        excerpt: String,
        /// Why it failed.
        #[source]
        source: Failure,
    },
    /// COPY stored another number of rows than it was given.
    #[error("table {table} took {stored} of the {sent} rows of section {section}")]
    RowsLost {
        /// The table.
        table: String,
        /// The section's `seq`.
        section: u32,
        /// Rows in the section.
        sent: u64,
        /// Rows that PostgreSQL counted.
        stored: u64,
    },
    /// What was read back isn't what was backed up.
    #[error("what was restored differs from what was backed up:{}", list(.differences))]
    Differs {
        /// All tables that differ.
        differences: Vec<Difference>,
    },
    /// The login data of a drill lead to the source's database. Nothing was touched.
    #[error(
        "the drill's login data name database {database}, which is what was backed up: they may be the application's own \
         HINT: Give the drill a server and a login of its own, and let its secret name another database, such as postgres; it is not restored into."
    )]
    DrillOnSource {
        /// The source's name.
        database: String,
    },
    /// The server of a drill may be the source's. Nothing was touched.
    #[error(
        "the drill's server has a database {database}, as the source's has: it may be the source's own \
         HINT: Give the drill a server of its own, or say by the parameter DrillOnSourceServer that this one is meant; the drill changes no database but its own."
    )]
    DrillOnSourceServer {
        /// The source's name.
        database: String,
    },
    /// What a drill restored isn't all what was backed up.
    #[error("what the drill restored differs from what was backed up:{}{}{} HINT: Restore on a server of the source's major version; if it differs there, too, keep the backup and report it.", list(.differences), more(*.unnamed), uncompared(.not_compared))]
    DrillDiffers {
        /// The first differences, by name.
        differences: Vec<String>,
        /// How many more there are.
        unnamed: u64,
        /// What could not be read back, and why.
        not_compared: Vec<String>,
    },
    /// The restored database is not as its owner expects it to be.
    #[error("the restored database fails {} of the drill's checks: {} HINT: All that was backed up came back equal. Look whether the source fails them, too.", failed.len(), failed.join("; "))]
    ChecksFailed {
        /// Each by its name, and why.
        failed: Vec<String>,
    },
    /// Given up by [`crate::RestoreOptions::deadline`] or [`crate::RestoreOptions::cancel`].
    #[error("the restore was given up because {reason}{}", if *.reason == OUT_OF_TIME { MORE_TIME } else { "" })]
    GivenUp {
        /// Why.
        reason: &'static str,
    },
    /// A task ended with the runtime, or panicked.
    #[error("the restore was interrupted")]
    Interrupted,
    /// The system has no random numbers.
    #[error("draw a random number: {0}")]
    Random(String),
    /// The restore failed for the reason behind it, and what it created is still there.
    #[error("database {name} is left behind, because dropping it failed too ({}) HINT: Drop it: it is incomplete.", chain(.drop))]
    LeftBehind {
        /// Its provisional name.
        name: String,
        /// Why it wasn't dropped.
        drop: Box<Error>,
        /// Why the restore failed.
        #[source]
        source: Box<Error>,
    },
}

/// What a server lacks for a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// The role that restores may not create databases.
    CreateDatabase {
        /// The role.
        role: String,
    },
    /// The server is a standby.
    Standby,
    /// The backup is of a newer major version.
    NewerServer {
        /// Of the source.
        source: String,
        /// Of the target.
        target: String,
    },
    /// A role.
    Role(String),
    /// An extension that can't be created.
    Extension(String),
    /// A tablespace.
    Tablespace(String),
    /// A tablespace in which the role that restores may not create.
    TablespacePrivilege(String),
    /// A locale of the operating system.
    Locale(String),
    /// An encoding.
    Encoding(String),
    /// A locale provider, or what it needs.
    Provider(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateDatabase { role } => write!(f, "role {role} may not create databases (ALTER ROLE … CREATEDB)"),
            Self::Standby => write!(f, "it is a standby (connect to the primary)"),
            Self::NewerServer { source, target } => {
                write!(f, "the backup is of PostgreSQL {source}, and it is {target} (use a server at least as new)")
            }
            Self::Role(name) => write!(f, "role {name} is missing (CREATE ROLE)"),
            Self::Extension(name) => write!(f, "extension {name} is not available (install it at the server)"),
            Self::Tablespace(name) => write!(f, "tablespace {name} is missing (CREATE TABLESPACE)"),
            Self::TablespacePrivilege(name) => {
                write!(f, "tablespace {name} may not be used (GRANT CREATE ON TABLESPACE)")
            }
            Self::Locale(name) => write!(f, "locale {name} is missing (install it in the operating system)"),
            Self::Encoding(name) => write!(f, "encoding {name} is unknown"),
            Self::Provider(what) => f.write_str(what),
        }
    }
}

/// A table of which another thing came back than was backed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Schema and name.
    pub table: String,
    /// What was backed up.
    pub expected: RowDigest,
    /// What was read back.
    pub found: RowDigest,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, expected, found } = self;
        if expected.rows() == found.rows() {
            write!(f, "table {table}: {} rows, of which some differ", expected.rows())
        } else {
            write!(f, "table {table}: {} rows were backed up and {} restored", expected.rows(), found.rows())
        }
    }
}

/// An error with its sources, for the one that is told beside another.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

/// The first numbers of many.
fn some(numbers: &[u32]) -> String {
    let named: Vec<String> = numbers.iter().take(10).map(u32::to_string).collect();
    let rest = numbers.len() - named.len();
    if rest == 0 { named.join(", ") } else { format!("{} and {rest} more", named.join(", ")) }
}

/// For all missing roles at once.
fn roles_hint(missing: &[Missing]) -> &'static str {
    let role = missing.iter().any(|missing| matches!(missing, Missing::Role(_)));
    if role { " HINT: `offsite roles` prints the SQL that makes the roles of a backup." } else { "" }
}

fn more(unnamed: u64) -> String {
    if unnamed == 0 { String::new() } else { format!("; and {unnamed} more") }
}

fn uncompared(what: &[String]) -> String {
    if what.is_empty() { String::new() } else { format!("; not compared:{}", list(what)) }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!(" {item};")).collect::<String>().trim_end_matches(';').to_owned()
}
