//! Sections → statements → PostgreSQL, on one connection; several of them share the work ([`crate::crew`]).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pg_client::{ConnectOptions, Session};
use sql_text::quote::qualified;
use sql_text::{SqlText, Statement, setting, split};
use sql_volume::{DigestSeed, RowDigest, SectionEntry, SectionKind};
use tokio_postgres::error::DbError;

use crate::compare::reader::Name;
use crate::edit::{Edit, Edited};
use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::proof::{Said, Settings};
use crate::report::RestoreReport;
use crate::session;
use crate::statement::Act;
use crate::statement::roles::{Roles, Use};
use crate::statement::subject::sequence_of;
use crate::statement::words::Words;

mod copy;
mod excerpt;
mod extension;
mod forgiven;
pub(crate) mod post_data;

/// How often a statement is run that another connection of the same restore was in the way of.
const ATTEMPTS: u32 = 5;

/// A function of the session's own that executes a statement which can't be sent as it is.
pub(crate) const EXECUTOR: &str = "offsite_execute";

/// A connection that applies sections. Several can share the work: each applies the preamble first.
pub(crate) struct Applier {
    session: Session,
    seed: DigestSeed,
    orders: Orders,
    /// Whether all is one transaction, so that what may fail does so behind a savepoint.
    transaction: bool,
    /// The encoding of the SQL, if it isn't UTF-8, as its preamble sets it.
    encoding: Option<String>,
    executor: bool,
    settings: Settings,
    /// Extensions' tables and sequences that the role may not write, once that was asked.
    of_others: Option<BTreeSet<Name>>,
    /// Whether an owner that is refused now is refused for good.
    last_try: bool,
}

/// What all connections of a restore go by, and tell each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) edit: Arc<Edit>,
    /// What was not made, as pg_dump's headers call it: `EXTENSION postgis`.
    unmade: Arc<Mutex<BTreeSet<String>>>,
    /// What the executed statements say is there, if that is to be compared.
    said: Option<Arc<Mutex<Said>>>,
    /// Statements that give something an owner, and were refused so far, and in which words.
    owners: Arc<Mutex<Vec<(Act, String)>>>,
}

impl Orders {
    pub(crate) fn new(edit: Edit, said: Option<Arc<Mutex<Said>>>) -> Self {
        Self { edit: Arc::new(edit), unmade: Arc::default(), said, owners: Arc::default() }
    }

    fn unmade(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unmade.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn said(&self) -> Option<MutexGuard<'_, Said>> {
        Some(self.said.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a section did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) statements: u64,
    pub(crate) rows: Option<RowDigest>,
    /// What only a superuser, or another role, may do.
    pub(crate) needs_superuser: Vec<String>,
    /// What needs something that was not chosen.
    pub(crate) left_out: Vec<String>,
    /// The table whose rows are among what needs a superuser.
    pub(crate) not_filled: Option<Name>,
}

impl Applied {
    /// Counts the statements of another piece of the same section.
    pub(crate) fn add(&mut self, other: Self) {
        self.statements += other.statements;
        self.needs_superuser.extend(other.needs_superuser);
        self.left_out.extend(other.left_out);
    }

    /// Counts the statements in a report.
    pub(crate) fn tell(self, report: &mut RestoreReport) {
        report.statements += self.statements;
        report.needs_superuser.extend(self.needs_superuser);
        report.left_out.extend(self.left_out);
        report.not_filled.extend(self.not_filled);
    }
}

/// A statement with what error messages need.
struct Current<'a> {
    entry: &'a SectionEntry,
    sql: &'a SqlText<'a>,
}

impl Applier {
    pub(crate) async fn connect(options: &ConnectOptions, seed: DigestSeed, orders: Orders) -> Result<Self, Error> {
        let act = || format!("connect to the new database {}", options.dbname);
        let failed = |source| Error::Step { act: act(), source };
        let session = session::open(options).await.map_err(failed)?;
        // Nothing before the renaming needs to be durable, and that makes all before it so.
        if let Err(error) = session.client.batch_execute("SET synchronous_commit = off").await {
            return Err(failed(Failure::of(&session, error, Rows::None)));
        }
        Ok(Self {
            session,
            seed,
            orders,
            transaction: false,
            encoding: None,
            executor: false,
            settings: Settings::default(),
            of_others: None,
            last_try: false,
        })
    }

    /// Over a session in whose transaction everything is done.
    pub(crate) fn within_transaction(session: Session, seed: DigestSeed, orders: Orders) -> Self {
        Self {
            session,
            seed,
            orders,
            transaction: true,
            encoding: None,
            executor: false,
            settings: Settings::default(),
            of_others: None,
            last_try: false,
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    /// Applies a section, up to the first statement that fails.
    pub(crate) async fn section(&mut self, entry: &SectionEntry, sql: Bytes) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        for statement in split(&sql) {
            let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
            let current = Current { entry, sql: statement.sql() };
            match &statement {
                Statement::Sql(_) => applied.add(self.execute(&current).await?),
                Statement::CopyFromStdin { rows, .. } => {
                    if applied.rows.is_some() {
                        let what = format!("section {} has more than one COPY", entry.seq);
                        return Err(Error::Contradiction { what });
                    }
                    let copied = self.copy(&current, sql.slice(rows.clone())).await?;
                    (applied.rows, applied.not_filled) = (copied.rows, copied.not_filled.clone());
                    applied.add(copied);
                }
            }
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
                    Ok(done) => break applied.add(done),
                    Err(Error::Statement { source, .. }) if source.is_deadlock() && attempt < ATTEMPTS => attempt += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(applied)
    }

    /// Sets the owners that were refused so far. Behind everything else, each role has what the backup grants it: without a superuser, an
    /// owner must be allowed to create in the schema, and pg_dump's order grants that last.
    pub(crate) async fn owners(&mut self) -> Result<Applied, Error> {
        let mut owners = std::mem::take(&mut *self.orders.owners.lock().unwrap_or_else(PoisonError::into_inner));
        // A column's sequence has followed its table by then.
        owners.sort_by_key(|(act, _)| Words::new(act.sql().text).take(&["alter", "sequence"]));
        let mut applied = Applied::default();
        self.last_try = true;
        for (act, refused) in owners {
            let mut tried = self.acts(&[act]).await?;
            // A sequence may only say now that it goes with its table.
            tried.needs_superuser.fill(refused);
            applied.add(tried);
        }
        self.last_try = false;
        Ok(applied)
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    async fn execute(&mut self, current: &Current<'_>) -> Result<Applied, Error> {
        if self.transaction && forgiven::ends_transaction(current.sql.text) {
            return Ok(Applied::default());
        }
        let orders = self.orders.clone();
        let (text, optional) = match orders.edit.statement(current.sql) {
            Edited::Left => return Ok(Applied::default()),
            Edited::Needed(text) => (text, false),
            Edited::Optional(text) => (text, true),
        };
        let edited = SqlText { text: &text, ..current.sql.clone() };
        let (given, current) = (current, &Current { entry: current.entry, sql: &edited });
        let may_fail = forgiven::may_fail(current.entry.kind, &text);
        let savepoint = self.transaction && may_fail;
        if savepoint {
            self.around(current, "SAVEPOINT offsite_statement").await?;
        }
        let mut applied = Applied { statements: 1, ..Applied::default() };
        if let Some(name) = sequence_of(&text) {
            if let Some(why) = self.refusal(current, &name).await? {
                let (object, begin) =
                    (excerpt::object(current.entry, &edited), excerpt::beginning(current.entry.kind, &text));
                applied.needs_superuser.push(format!("{object}: {begin} (the sequence is {why})"));
                return Ok(Applied { statements: 0, ..applied });
            }
            if self.transaction {
                // What setval does is not undone, unless the sequence was rewritten in the same transaction.
                let restart = format!("ALTER SEQUENCE {} RESTART", qualified(&name.0, &name.1));
                self.around(current, &restart).await?;
            }
        }
        let Err(error) = self.send_statement(&text).await else {
            if savepoint {
                self.around(current, "RELEASE SAVEPOINT offsite_statement").await?;
            }
            let warnings = self.not_granted(current);
            match orders.said() {
                Some(mut said) => {
                    said.note(current.entry.kind, &edited, &mut self.settings, self.seed);
                    if !warnings.is_empty() {
                        said.doubt(&edited, warnings);
                    }
                }
                None => applied.needs_superuser = warnings,
            }
            return Ok(applied);
        };
        let error = self.failed(current, error);
        let verdict = {
            let mut unmade = orders.unmade();
            forgiven::judge(&error, &edited, may_fail, optional, self.last_try, &mut unmade)
        };
        let put_off = !self.last_try && Roles::of(&text).used == Use::Owner;
        match verdict {
            forgiven::Verdict::NeedsSuperuser(what) if put_off => {
                let mut owners = orders.owners.lock().unwrap_or_else(PoisonError::into_inner);
                owners.push((Act::apart(given.entry, given.sql), what));
            }
            forgiven::Verdict::NeedsSuperuser(what) => applied.needs_superuser.push(what),
            forgiven::Verdict::LeftOut(what) => applied.left_out.push(what),
            forgiven::Verdict::Failed => return Err(error),
        }
        if !put_off && let Some(mut said) = orders.said() {
            said.refuse(&edited);
        }
        if savepoint {
            self.around(current, "ROLLBACK TO SAVEPOINT offsite_statement").await?;
        }
        applied.statements = 0;
        Ok(applied)
    }

    /// Privileges that a statement was to grant or revoke and did not: PostgreSQL only warns of that.
    fn not_granted(&self, current: &Current<'_>) -> Vec<String> {
        let Current { entry, sql } = *current;
        let warnings =
            self.session.take_warnings().into_iter().filter(|warning| forgiven::is_not_granted(warning.code()));
        let said = |warning: DbError| {
            let (object, begin) = (excerpt::object(entry, sql), excerpt::beginning(entry.kind, sql.text));
            format!("{object}: {begin} ({})", warning.message())
        };
        warnings.map(said).collect()
    }

    async fn around(&self, current: &Current<'_>, sql: &str) -> Result<(), Error> {
        self.session.client.batch_execute(sql).await.map_err(|error| self.failed(current, error))
    }

    async fn send_statement(&mut self, text: &[u8]) -> Result<(), tokio_postgres::Error> {
        if let Some((name, encoding)) = setting(text)
            && name == "client_encoding"
        {
            // The session stays in UTF-8, for its messages and for what this crate says; the SQL is converted by the server.
            let utf8 = encoding.eq_ignore_ascii_case("UTF8") || encoding.eq_ignore_ascii_case("UTF-8");
            self.encoding = (!utf8).then_some(encoding);
            return Ok(());
        }
        match std::str::from_utf8(text).ok().filter(|text| self.encoding.is_none() || text.is_ascii()) {
            Some(text) => self.session.client.batch_execute(text).await,
            None => self.execute_converted(text).await,
        }
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
