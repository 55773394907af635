//! Everything but rows, read back and held against what the backup says: definitions, the values of sequences, large objects.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use pg_client::{ConnectOptions, Session};
use sql_volume::DigestSeed;

use crate::choice::Content;
use crate::edit::Edit;
use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::options::RestoreOptions;
use crate::report::RestoreReport;
use crate::session;
use crate::source::SourceError;

mod definitions;
mod large_objects;
mod said;
mod sequences;

pub(crate) use said::{Said, Settings};

/// Tells the definitions of a database as the backup's sections tell them.
#[async_trait]
pub trait Describe: Send + Sync {
    /// Reads all of them as the transaction sees them that `session` is in, whose settings it may change.
    ///
    /// # Errors
    /// Anything that keeps it from that; whoever asked undoes what was done in the transaction.
    async fn describe(&self, session: &Session) -> Result<Described, SourceError>;
}

/// The definitions of a database.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// Whole entries, each with its header, in order.
    pub texts: Vec<Vec<u8>>,
    /// The encoding of the texts, by PostgreSQL's name.
    pub encoding: String,
    /// What can't be told, by name.
    pub not_told: Vec<String>,
}

/// What is compared, and how.
pub(crate) struct Proof<'a> {
    pub(crate) said: Arc<Mutex<Said>>,
    pub(crate) edit: &'a Edit,
    /// Of the database that was backed up.
    pub(crate) encoding: String,
    pub(crate) seed: DigestSeed,
    pub(crate) options: &'a RestoreOptions,
    /// Everything that is there, this restore has brought.
    pub(crate) new: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// What differs, and how.
    differences: Vec<(String, How)>,
    /// What only a superuser, or another role, may do.
    needs_superuser: Vec<String>,
    not_compared: Vec<String>,
    definitions: u64,
    sequences: u64,
    large_objects: u64,
}

/// How something differs from the backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    Missing,
    Added,
    Definition,
    Owner,
    Value,
    Bytes,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "is missing",
            Self::Added => "is not in the backup",
            Self::Definition => "is defined otherwise",
            Self::Owner => "has another owner",
            Self::Value => "has another value",
            Self::Bytes => "holds other bytes",
        })
    }
}

/// Differences that are named; of further ones the number is told.
const NAMED: usize = 50;

impl Findings {
    fn add(&mut self, what: impl fmt::Display, how: How) {
        self.differences.push((what.to_string(), how));
    }

    pub(crate) fn tell(mut self, report: &mut RestoreReport) {
        self.differences.sort();
        report.differing = self.differences.len() as u64;
        report.differences = self.differences.iter().take(NAMED).map(|(what, how)| format!("{what} {how}")).collect();
        report.not_compared.extend(self.not_compared);
        report.needs_superuser.extend(self.needs_superuser);
        report.compared.definitions = self.definitions;
        report.compared.sequences = self.sequences;
        report.compared.large_objects = self.large_objects;
    }
}

/// Why something was not read back, though the connection lives: that is named.
struct Unread(String);

/// What was tried, for errors.
const ACT: &str = "compare definitions, sequences and large objects with the backup";

impl Proof<'_> {
    /// Of a new database, over a connection of its own.
    pub(crate) async fn of_new(self, database: &ConnectOptions) -> Result<Findings, Error> {
        let session = session::open(database).await;
        let session = session.map_err(|source| Error::Step { act: ACT.to_owned(), source })?;
        execute(&session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''").await?;
        let findings = self.within_transaction(&session).await?;
        session.close().await;
        Ok(findings)
    }

    /// Of an existing database, within the transaction that fills it.
    pub(crate) async fn within_transaction(self, session: &Session) -> Result<Findings, Error> {
        let mut said = std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner));
        let mut doubtful = said.take_doubtful();
        let mut findings = Findings { not_compared: said.not_understood(), ..Findings::default() };
        let choice = &self.options.choice;
        // What else an existing database holds, this restore did not bring; but it isn't the backup then.
        let all = self.new || choice.is_whole();
        if choice.content != Content::Data {
            execute(session, "SAVEPOINT offsite_proof").await?;
            let read = definitions::compare(session, &said, &self, all, &mut doubtful, &mut findings).await;
            settle(session, read, "definitions", &mut findings).await?;
        }
        if choice.content != Content::Schema {
            execute(session, "SAVEPOINT offsite_proof").await?;
            let read = sequences::compare(session, &said, &self.encoding, &mut findings).await;
            settle(session, read, "the values of sequences", &mut findings).await?;
            execute(session, "SAVEPOINT offsite_proof").await?;
            let read = large_objects::compare(session, &said, self.seed, all, &mut findings).await;
            settle(session, read, "the bytes of large objects", &mut findings).await?;
        }
        findings.needs_superuser = doubtful.into_values().flatten().collect();
        Ok(findings)
    }
}

/// Undoes what reading back did to the transaction. A server that refused it is named; one that is lost is an error.
async fn settle(session: &Session, read: Result<(), Unread>, what: &str, findings: &mut Findings) -> Result<(), Error> {
    execute(session, "ROLLBACK TO SAVEPOINT offsite_proof; RELEASE SAVEPOINT offsite_proof").await?;
    if let Err(Unread(why)) = read {
        findings.not_compared.push(format!("{what}: {why}"));
    }
    Ok(())
}

async fn execute(session: &Session, sql: &str) -> Result<(), Error> {
    let done = session.client.batch_execute(sql).await;
    done.map_err(|error| Error::Step { act: ACT.to_owned(), source: Failure::of(session, error, Rows::None) })
}

fn unread(session: &Session) -> impl Fn(tokio_postgres::Error) -> Unread + '_ {
    move |error| Unread(Failure::of(session, error, Rows::AtHand).to_string())
}
