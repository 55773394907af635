//! What a user asks of a restored database: statements that must be true.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use pg_client::ConnectOptions;
use serde::Serialize;
use tokio_postgres::types::Type;

use crate::error::{Error, chain};
use crate::failure::{Failure, Rows};
use crate::report::seconds;
use crate::session;

/// The server ends a statement at its time. A server that does not is waited for this long.
const GRACE: Duration = Duration::from_secs(5);

/// A statement of SQL that must return one row of one column, which is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillCheck {
    /// What people call it.
    pub name: String,
    /// The statement. It is executed in a transaction that reads only.
    pub sql: String,
}

/// A check that was true.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PassedCheck {
    /// Its name.
    pub name: String,
    /// How long the answer took.
    pub seconds: f64,
}

/// Asks all checks, each in a session of its own, so that none can prepare the answer of another.
pub(super) async fn ask(
    database: &ConnectOptions,
    checks: &[DrillCheck],
    timeout: Duration,
) -> Result<Vec<PassedCheck>, Error> {
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for check in checks {
        let clock = Instant::now();
        let answer = tokio::time::timeout(timeout + GRACE, answer(database, &check.sql, timeout)).await;
        match answer.unwrap_or_else(|_| Err(late(timeout))) {
            Ok(()) => passed.push(PassedCheck { name: check.name.clone(), seconds: seconds(clock.elapsed()) }),
            Err(why) => failed.push(format!("{} ({why})", check.name)),
        }
    }
    if failed.is_empty() { Ok(passed) } else { Err(Error::ChecksFailed { failed }) }
}

async fn answer(database: &ConnectOptions, sql: &str, timeout: Duration) -> Result<(), String> {
    let session = session::open(database).await.map_err(|failure| chain(&failure))?;
    let why = |error| {
        let failure = Failure::of(&session, error, Rows::AtHand);
        // query_canceled
        if failure.code() == Some("57014") { late(timeout) } else { chain(&failure) }
    };
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {}", timeout.as_millis());
    session.client.batch_execute(&begin).await.map_err(why)?;
    let statement = session.client.prepare(sql).await.map_err(why)?;
    match statement.columns() {
        [column] if *column.type_() == Type::BOOL => {}
        [column] => return Err(format!("it returns a {} and no boolean", column.type_())),
        columns => return Err(format!("it returns {} columns in place of one", columns.len())),
    }
    let none: [&str; 0] = [];
    let rows = session.client.query_raw(&statement, none).await.map_err(why)?;
    let mut rows = pin!(rows);
    let first = rows.try_next().await.map_err(why)?;
    let Some(row) = first else { return Err("it returns no row".to_owned()) };
    if rows.try_next().await.map_err(why)?.is_some() {
        return Err("it returns more than one row".to_owned());
    }
    let truth = match row.try_get::<_, Option<bool>>(0) {
        Ok(Some(true)) => Ok(()),
        Ok(Some(false)) => Err("it is false".to_owned()),
        Ok(None) => Err("it is NULL".to_owned()),
        Err(error) => Err(chain(&error)),
    };
    session.close().await;
    truth
}

fn late(timeout: Duration) -> String {
    format!("it took more than {} s", timeout.as_secs())
}
