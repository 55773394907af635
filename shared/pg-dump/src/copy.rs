//! One COPY of one slice, cut into sections at row boundaries.

mod rows;

use std::time::Duration;

use pg_client::{CopyOut, Session};
use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::handover::{Closed, Outlet};
use crate::options::DumpOptions;
use crate::session::fault;
use crate::slices::Slice;
use rows::{RowError, Rows};

/// How long naming a row that is too long may take.
const FIND_ROW: Duration = Duration::from_secs(60);

/// How a slice ended that wasn't read wholly.
pub(crate) enum Unread {
    /// Another session holds, or queues for, a lock that reading needs. Nothing of the slice was handed over.
    Refused,
    /// The dump fails.
    Failed(Error),
    /// Nobody takes sections any more.
    Closed,
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Closed> for Unread {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// Reads a slice within the session's transaction and hands over its sections. The locks that this takes are given back at
/// its end: what waits for one of them, such as a REINDEX, waits for a slice and not for the whole dump. `patience` is for
/// each lock.
pub(crate) async fn copy(
    session: &Session,
    slice: &Slice,
    server_encoding: &str,
    patience: Duration,
    options: &DumpOptions,
    outlet: &Outlet,
) -> Result<(), Unread> {
    let act = format!("copy table {}", slice.name());
    // COPY's own ENCODING, and not client_encoding: this text is in the server's, while names and messages stay UTF-8.
    let sql = format!("COPY {} TO STDOUT (ENCODING {})", slice.source(), sql_text::quote::literal(server_encoding));
    // Both at once, which saves a round trip per table: if the locks are refused, so is the COPY after them.
    let (locked, copying) = tokio::join!(lock(session, slice, patience), session.copy_out(&sql));
    locked.map_err(|error| match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => Unread::Refused,
        _ => Unread::Failed(fault(session, &act, error)),
    })?;
    let mut copying = copying.map_err(|error| fault(session, &act, error))?;
    let mut rows = Rows::begin(slice, options, outlet.used());
    let refused = loop {
        match take(&mut copying, &mut rows, outlet).await {
            Ok(true) => {}
            Ok(false) => break None,
            Err(Stop::Rows(error)) => break Some(error),
            Err(Stop::Copy(error)) => return Err(fault(session, &act, error).into()),
            Err(Stop::Closed) => return Err(Unread::Closed),
        }
    };
    // The rest of a COPY that nobody reads would keep the session's next answer waiting.
    drop(copying);
    let last = match refused {
        None => rows.end(),
        Some(error) => Err(error),
    };
    match last {
        Ok(Some(draft)) => outlet.put(draft).await?,
        Ok(None) => {}
        Err(RowError::Text(what)) => return Err(Error::CopyText { table: slice.name(), what }.into()),
        Err(RowError::TooLong { row }) => {
            let ctid = tokio::time::timeout(FIND_ROW, ctid_of(session, slice, row)).await.ok().flatten();
            return Err(Error::RowTooLong { table: slice.name(), ctid, row, limit: options.max_row }.into());
        }
    }
    release(session).await.map_err(|error| fault(session, &act, error))?;
    Ok(())
}

/// Takes the locks that the COPY is going to need, or none. Planning takes a lock on every index of the table: EXPLAIN plans,
/// so that COPY itself has to wait for nothing and may take as long as it takes.
async fn lock(session: &Session, slice: &Slice, timeout: Duration) -> Result<(), tokio_postgres::Error> {
    let mut sql = format!(
        "SAVEPOINT slice;\nLOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT;\nSET LOCAL lock_timeout = {};\n",
        slice.name(),
        timeout.as_millis().max(1)
    );
    if let Some(condition) = slice.condition() {
        sql.push_str(&format!("EXPLAIN (COSTS OFF) SELECT FROM ONLY {}{condition};\n", slice.name()));
    }
    sql.push_str("SET LOCAL lock_timeout = 0");
    match session.client.batch_execute(&sql).await {
        Ok(()) => Ok(()),
        Err(error) => {
            if error.code().is_some() {
                release(session).await?;
            }
            Err(error)
        }
    }
}

async fn release(session: &Session) -> Result<(), tokio_postgres::Error> {
    session.client.batch_execute("ROLLBACK TO SAVEPOINT slice;\nRELEASE SAVEPOINT slice").await
}

/// Takes what comes next, and hands over the sections that this completes. `false` if it was the last.
async fn take(copying: &mut CopyOut<'_>, rows: &mut Rows, outlet: &Outlet) -> Result<bool, Stop> {
    let room = rows.room();
    if rows.outgrows(room) {
        rows.large(outlet.pass_alone().await?);
    }
    let more = copying.read(rows.buffer(room), room).await.map_err(Stop::Copy)?;
    while let Some(draft) = rows.next().map_err(Stop::Rows)? {
        outlet.put(draft).await?;
    }
    Ok(more)
}

/// Why a COPY isn't read to its end.
enum Stop {
    Rows(RowError),
    Copy(tokio_postgres::Error),
    Closed,
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

/// The place of the row after `row` rows: the same scan of the same snapshot again, without the values.
async fn ctid_of(session: &Session, slice: &Slice, row: u64) -> Option<String> {
    let sql = format!(
        "SELECT ctid::text FROM ONLY {}{} OFFSET {row} LIMIT 1",
        slice.name(),
        slice.condition().unwrap_or_default()
    );
    session.cancel().await.ok()?;
    // The cancellation may come late, and strike what follows the COPY.
    for _ in 0..3 {
        let again = async {
            session.client.batch_execute("ROLLBACK TO SAVEPOINT slice").await?;
            session.client.query(&sql, &[]).await
        };
        match again.await {
            Ok(rows) => return rows.first().map(|row| row.get(0)),
            Err(error) if error.code() == Some(&SqlState::QUERY_CANCELED) => {}
            Err(_) => return None,
        }
    }
    None
}
