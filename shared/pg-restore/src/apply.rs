//! Sections → statements → PostgreSQL, on one connection; several of them share the work ([`crate::crew`]).

use bytes::Bytes;
use pg_client::{ConnectOptions, Session};
use sql_text::{SqlText, Statement, setting, split};
use sql_volume::{DigestSeed, RowDigest, SectionEntry, SectionKind};

use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::session;
use crate::statement::Act;

mod copy;
mod excerpt;
pub(crate) mod post_data;

/// How often a statement is run that another connection of the same restore was in the way of.
const ATTEMPTS: u32 = 5;

/// A function of the session's own that executes a statement which can't be sent as it is.
pub(crate) const EXECUTOR: &str = "offsite_execute";

/// A connection that applies sections. Several can share the work: each applies the preamble first.
pub(crate) struct Applier {
    session: Session,
    seed: DigestSeed,
    /// The encoding of the SQL, if it isn't UTF-8, as its preamble sets it.
    encoding: Option<String>,
    executor: bool,
}

/// What a section did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) statements: u64,
    pub(crate) rows: Option<RowDigest>,
}

impl Applied {
    /// Counts the statements of another piece of the same section.
    pub(crate) fn add(&mut self, other: Self) {
        self.statements += other.statements;
    }
}

/// A statement with what error messages need.
struct Current<'a> {
    entry: &'a SectionEntry,
    sql: &'a SqlText<'a>,
}

impl Applier {
    pub(crate) async fn connect(options: &ConnectOptions, seed: DigestSeed) -> Result<Self, Error> {
        let act = || format!("connect to the new database {}", options.dbname);
        let failed = |source| Error::Step { act: act(), source };
        let session = session::open(options).await.map_err(failed)?;
        // Nothing before the renaming needs to be durable, and that makes all before it so.
        if let Err(error) = session.client.batch_execute("SET synchronous_commit = off").await {
            return Err(failed(Failure::of(&session, error, Rows::None)));
        }
        Ok(Self { session, seed, encoding: None, executor: false })
    }

    /// Applies a section, up to the first statement that fails.
    pub(crate) async fn section(&mut self, entry: &SectionEntry, sql: Bytes) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        for statement in split(&sql) {
            let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
            let current = Current { entry, sql: statement.sql() };
            match &statement {
                Statement::Sql(_) => self.execute(&current).await?,
                Statement::CopyFromStdin { rows, .. } => {
                    if applied.rows.is_some() {
                        let what = format!("section {} has more than one COPY", entry.seq);
                        return Err(Error::Contradiction { what });
                    }
                    applied.rows = Some(self.copy(&current, sql.slice(rows.clone())).await?);
                }
            }
            applied.statements += 1;
        }
        Ok(applied)
    }

    /// Executes statements one after the other.
    pub(crate) async fn acts(&mut self, acts: &[Act]) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        for act in acts {
            let mut attempt = 1;
            loop {
                let current = Current { entry: &act.entry, sql: &act.sql() };
                match self.execute(&current).await {
                    Ok(()) => break,
                    Err(Error::Statement { source, .. }) if source.is_deadlock() && attempt < ATTEMPTS => attempt += 1,
                    Err(error) => return Err(error),
                }
            }
            applied.statements += 1;
        }
        Ok(applied)
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    async fn execute(&mut self, current: &Current<'_>) -> Result<(), Error> {
        let text = current.sql.text;
        if let Some((name, encoding)) = setting(text)
            && name == "client_encoding"
        {
            // The session stays in UTF-8, for its messages and for what this crate says; the SQL is converted by the server.
            let utf8 = encoding.eq_ignore_ascii_case("UTF8") || encoding.eq_ignore_ascii_case("UTF-8");
            self.encoding = (!utf8).then_some(encoding);
            return Ok(());
        }
        let direct = std::str::from_utf8(text).ok().filter(|text| self.encoding.is_none() || text.is_ascii());
        let done = match direct {
            Some(text) => self.session.client.batch_execute(text).await,
            None => self.execute_converted(text).await,
        };
        done.map_err(|error| self.failed(current, error))
    }

    /// Has the server convert a statement from the dump's encoding to the database's and execute it, since the protocol's client
    /// sends only UTF-8, to which not every byte of every encoding can be converted.
    async fn execute_converted(&mut self, text: &[u8]) -> Result<(), tokio_postgres::Error> {
        let client = &self.session.client;
        if !self.executor {
            let body = "BEGIN EXECUTE pg_catalog.convert_from(statement, encoding); END";
            let sql = format!(
                "CREATE FUNCTION pg_temp.{EXECUTOR}(statement bytea, encoding pg_catalog.name) RETURNS void LANGUAGE plpgsql \
                 AS '{body}'"
            );
            client.batch_execute(&sql).await?;
            self.executor = true;
        }
        let sql = format!("SELECT pg_temp.{EXECUTOR}($1, $2)");
        client.execute(&sql, &[&text, &self.encoding()]).await.map(|_| ())
    }

    fn encoding(&self) -> &str {
        self.encoding.as_deref().unwrap_or("UTF8")
    }

    fn failed(&self, current: &Current<'_>, error: tokio_postgres::Error) -> Error {
        let Current { entry, sql } = *current;
        let rows = match entry.kind {
            SectionKind::Preamble | SectionKind::PreData => Rows::None,
            _ => Rows::AtHand,
        };
        Error::Statement {
            object: excerpt::object(entry, sql),
            section: entry.seq,
            line: sql.line,
            excerpt: excerpt::beginning(entry.kind, sql.text),
            source: Failure::of(&self.session, error, rows),
        }
    }
}
