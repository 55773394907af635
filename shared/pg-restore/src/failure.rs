use std::fmt;

use pg_client::Session;
use tokio_postgres::error::DbError;

mod discreet;

/// PostgreSQL's words on some files that it could not extend: not what to do.
const LOOK_AT_THE_DISK: &str = "Check free disk space.";
/// What to do about a connection that the server ended.
const LOST: &str = "Look into the server's log for why it ended; then restore again.";

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The server refused it.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The connection was lost.
    #[error("the connection was lost{} HINT: {LOST}", .why.as_deref().map(|why| format!(": {why}")).unwrap_or_default())]
    Lost {
        /// What the connection's end said.
        why: Option<String>,
        /// What the statement met.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The statement could not be sent or its answer not be read.
    #[error("speak with the server")]
    Protocol(#[source] tokio_postgres::Error),
    /// The connection was not made.
    #[error(transparent)]
    Connect(Box<pg_client::Error>),
}

impl From<pg_client::Error> for Failure {
    fn from(error: pg_client::Error) -> Self {
        Self::Connect(Box::new(error))
    }
}

/// What the server said. Once rows are at hand, without what may hold their values: the DETAIL of violated constraints names the
/// key's columns only, quoted values in messages are masked, and of the context the line and the column of a COPY are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`, perhaps in the server's language.
    pub severity: String,
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// DETAIL.
    pub detail: Option<String>,
    /// HINT.
    pub hint: Option<String>,
    /// Where it happened: `COPY t, line 3, column a`.
    pub context: Option<String>,
}

/// Whether the statement may have met rows: then messages are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    None,
    AtHand,
}

impl Failure {
    pub(crate) fn of(session: &Session, error: tokio_postgres::Error, rows: Rows) -> Self {
        match error.as_db_error() {
            Some(server) => Self::Server(Box::new(ServerError::of(server, rows))),
            None if is_lost(&error) => Self::Lost { why: session.why_lost().map(str::to_owned), source: error },
            None => Self::Protocol(error),
        }
    }

    /// The SQLSTATE, if the server answered.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(&error.code),
            _ => None,
        }
    }

    /// The server's message, if it answered.
    pub(crate) fn message(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(&error.message),
            _ => None,
        }
    }

    /// Whether another transaction was in the way, and gave this one up for it.
    pub(crate) fn is_deadlock(&self) -> bool {
        self.code() == Some("40P01")
    }

    /// Whether another connection may have more luck.
    pub(crate) fn is_lost(&self) -> bool {
        // Class 57: the server or an administrator ended the session.
        matches!(self, Self::Lost { .. } | Self::Connect(_)) || self.code().is_some_and(|code| code.starts_with("57P"))
    }
}

/// tokio-postgres keeps its kinds to itself. What can't be encoded, such as a NUL in a statement, is `InvalidInput` to it.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_closed() || io.is_some_and(|io| io.kind() != std::io::ErrorKind::InvalidInput)
}

impl ServerError {
    pub(crate) fn of(error: &DbError, rows: Rows) -> Self {
        let (message, detail) = match rows {
            Rows::None => (error.message().to_owned(), error.detail().map(str::to_owned)),
            Rows::AtHand => discreet::words(error.code().code(), error.message(), error.detail()),
        };
        Self {
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message,
            detail,
            hint: error.hint().map(str::to_owned),
            context: error.where_().and_then(discreet::place),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.severity, self.code, self.message)?;
        if let Some(context) = &self.context {
            write!(f, " ({context})")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " DETAIL: {detail}")?;
        }
        let said = self.hint.as_deref().filter(|said| *said != LOOK_AT_THE_DISK);
        if let Some(hint) = said.or_else(|| advice(&self.code)) {
            write!(f, " HINT: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

/// What to do, where PostgreSQL says nothing of it.
fn advice(code: &str) -> Option<&'static str> {
    match code {
        // disk_full
        "53100" => Some("Give the server more disk space; then restore again."),
        // out_of_memory
        "53200" => Some("Give the server more memory; then restore again."),
        // admin_shutdown, crash_shutdown, cannot_connect_now
        "57P01" | "57P02" | "57P03" => Some(LOST),
        _ => None,
    }
}
