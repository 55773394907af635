use std::fmt;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::catalog::CatalogError;

/// Why there is no dump. Nothing that was read before may be taken for one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database isn't reached.
    #[error(transparent)]
    Connect(#[from] pg_client::Error),
    /// The catalog can't be turned into SQL.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The server refused a statement.
    #[error("{act}")]
    Query {
        /// What was being done.
        act: String,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A name in a database in SQL_ASCII holds bytes that are no UTF-8, in which clients read names.
    #[error("{act}: there are names that are not in UTF-8 HINT: Rename them; only rows may hold any bytes.")]
    NotUtf8 {
        /// What was being done.
        act: String,
        /// The server's answer, with the bytes.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The connection ended.
    #[error("{act}: the connection to the database was lost{}", because(reason.as_ref()))]
    Lost {
        /// What was being done.
        act: String,
        /// What the server or the network said.
        reason: Option<String>,
        /// The client's error.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A standby had to cancel our statement to go on replaying.
    #[error(
        "{act}: the standby cancelled it to go on replaying HINT: Raise max_standby_streaming_delay or set hot_standby_feedback at the standby, or dump the primary."
    )]
    RecoveryConflict {
        /// What was being done.
        act: String,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Tables or sequences that may not be read.
    #[error(
        "role {role} may not read {} HINT: GRANT SELECT on them, and USAGE on their schemas, to the role.",
        named(objects)
    )]
    NotReadable {
        /// Our role.
        role: String,
        /// All of them.
        objects: Vec<String>,
    },
    /// Tables whose policies hide rows from us.
    #[error(
        "row security hides rows of {} from role {role} HINT: Dump as a role with BYPASSRLS, or as the tables' owner if it isn't forced upon that one (NO FORCE ROW LEVEL SECURITY).",
        named(tables)
    )]
    RowSecurity {
        /// Our role.
        role: String,
        /// All of them.
        tables: Vec<String>,
    },
    /// Both of these.
    #[error(
        "role {role} may not read {}, and row security hides rows of {} from it HINT: GRANT SELECT on them, and USAGE on their schemas, to the role, and dump as the tables' owner or with BYPASSRLS.",
        named(objects),
        named(tables)
    )]
    NotReadWhole {
        /// Our role.
        role: String,
        /// All that may not be read.
        objects: Vec<String>,
        /// All tables with hidden rows.
        tables: Vec<String>,
    },
    /// Patterns that no relation's name matches.
    #[error(
        "no matching tables were found for {} HINT: A name without a schema is looked for in the search path, and folded to lower case unless it is in double quotes.",
        matched(patterns)
    )]
    NoMatch {
        /// All of them.
        patterns: Vec<String>,
    },
    /// A pattern that names another database than the one that is dumped.
    #[error(
        "the pattern {pattern:?} names another database than {database} HINT: Connect to the database that holds the table."
    )]
    AnotherDatabase {
        /// The pattern.
        pattern: String,
        /// The database that is dumped.
        database: String,
    },
    /// The locks were not granted in time.
    #[error("lock the tables: waited {} s for {table} in vain, {blockers} HINT: Let it end, or dump at another time.", waited.as_secs())]
    LockTimeout {
        /// The table that is locked by another session, if it is known.
        table: String,
        /// How long, over all attempts.
        waited: Duration,
        /// Who holds it.
        blockers: Blockers,
    },
    /// Tables come and go faster than they are locked.
    #[error(
        "the database's tables changed during each of {attempts} attempts to lock them, last: {} HINT: Dump while no migration runs.",
        named(objects)
    )]
    TablesMove {
        /// How often we began again.
        attempts: u32,
        /// What changed last.
        objects: Vec<String>,
    },
    /// Definitions that were changed while they were read.
    #[error(
        "{} changed while the catalog was read, in each of {attempts} attempts HINT: Dump while no migration runs.",
        named(objects)
    )]
    DefinitionsMove {
        /// How often we began again.
        attempts: u32,
        /// What changed last.
        objects: Vec<String>,
    },
    /// A slice's locks were refused for too long.
    #[error("table {table} could not be read for {} s: another session holds it or its indexes HINT: Dump while it is not re-indexed or altered.", waited.as_secs())]
    SliceRefused {
        /// The table.
        table: String,
        /// For how long.
        waited: Duration,
    },
    /// Someone waited too long for one of our locks.
    #[error(
        "gave way to a session that waited {} s for a lock of the dump: pid {pid}, {query:?} HINT: Dump while no migration runs, or raise yield_to_ddl_after.",
        waited.as_secs()
    )]
    GaveWay {
        /// Who waited.
        pid: i32,
        /// For what statement.
        query: String,
        /// How long.
        waited: Duration,
    },
    /// A row that wouldn't fit into memory.
    #[error(
        "a row of table {table} is longer than {limit} bytes of text: {} HINT: Raise the limit and the memory, or shorten the row.",
        place(ctid.as_ref(), *row)
    )]
    RowTooLong {
        /// The table.
        table: String,
        /// Where the row is, `(page,item)`; `None` if it could not be found out.
        ctid: Option<String>,
        /// How many rows were read before it.
        row: u64,
        /// The limit.
        limit: u64,
    },
    /// COPY sent what it never sends.
    #[error("the server's COPY of table {table} sent {what}")]
    CopyText {
        /// The table.
        table: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Two connections of one run reached two servers.
    #[error(
        "the connections of one dump reached different servers HINT: Connect to an instance, not to a name or a pooler that spreads connections."
    )]
    AnotherServer,
    /// Text can't be written in the database's encoding.
    #[error("write the definitions in the database's encoding {encoding}")]
    Encoding {
        /// The encoding.
        encoding: String,
        /// The server's answer.
        #[source]
        source: tokio_postgres::Error,
    },
    /// More sections than a backup can number.
    #[error("the dump has more than 4294967295 sections HINT: Raise section_bytes.")]
    TooManySections,
    /// A part of the dump ended without saying why.
    #[error("a reader of the dump ended without a result")]
    ReaderDied,
    /// The dump was asked for sections after it had failed or ended.
    #[error("the dump has already failed or been stopped")]
    Stopped,
    /// The dump was finished before its end.
    #[error("the dump was finished before its last section was taken")]
    Unfinished,
}

impl Error {
    /// The server's code of what it refused.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Query { source, .. } | Self::Catalog(CatalogError::Query { source, .. }) => source.code(),
            _ => None,
        }
    }
}

/// Sessions that hold what we wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blockers(pub Vec<Blocker>);

/// A session that holds what we wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Its process id.
    pub pid: i32,
    /// Its role, if we may see it.
    pub user: Option<String>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// Its state, such as `idle in transaction`.
    pub state: Option<String>,
    /// The beginning of its last statement, if we may see it.
    pub query: Option<String>,
}

impl fmt::Display for Blockers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("blocked by a session that is gone");
        }
        for (blocker, separator) in self.0.iter().zip(["blocked by "].into_iter().chain(std::iter::repeat(", "))) {
            write!(f, "{separator}pid {}", blocker.pid)?;
            for (name, value) in [("user", &blocker.user), ("application", &blocker.application)] {
                if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                    write!(f, " {name} {value}")?;
                }
            }
            if let Some(state) = &blocker.state {
                write!(f, " ({state})")?;
            }
            if let Some(query) = &blocker.query {
                write!(f, " {query:?}")?;
            }
        }
        Ok(())
    }
}

fn because(reason: Option<&String>) -> String {
    reason.map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// All names: a message that names a few of them lets someone fix a few of them.
fn named(objects: &[String]) -> String {
    objects.join(", ")
}

fn matched(patterns: &[String]) -> String {
    let quoted: Vec<String> = patterns.iter().map(|pattern| format!("{pattern:?}")).collect();
    format!("{} {}", if quoted.len() == 1 { "pattern" } else { "patterns" }, quoted.join(", "))
}

fn place(ctid: Option<&String>, row: u64) -> String {
    match ctid {
        Some(ctid) => format!("ctid {ctid}"),
        None => format!("row {} of its slice", row + 1),
    }
}
