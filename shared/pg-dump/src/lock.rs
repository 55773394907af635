//! Locks before the snapshot: a table that is truncated or rewritten between the two would be dumped empty, in silence.

mod blockers;
mod tables;

use std::time::{Duration, Instant};

use pg_client::Session;
use tokio_postgres::error::SqlState;

use crate::access::Unread;
use crate::error::Error;
use crate::options::DumpOptions;
use crate::selection::{Patterns, Selection};
use crate::session::{Server, fault};
use crate::snapshot::{self, Snapshot};

use blockers::{LastSeen, watch_blockers};
use tables::{LockableTable, list, not_locked};

/// How often the list of tables may change under our hands.
const ATTEMPTS: u32 = 5;
/// SQL per LOCK statement: tens of thousands of tables need few round trips, and no statement is huge.
const BATCH: usize = 100_000;

/// What the leader's transaction holds and sees.
pub(crate) struct Locked {
    pub(crate) snapshot: Snapshot,
    /// What is asked for, as the snapshot has it.
    pub(crate) selection: Selection,
    /// What of it can't be read.
    pub(crate) unread: Unread,
}

/// Lists the tables on `side`, locks them all in the leader's transaction, and only then takes its snapshot; begins again if
/// a table appeared between. On success the leader is within that transaction. Only what the patterns ask for is locked.
///
/// # Errors
/// The tables that may not be read, the session that holds a lock for too long, or tables that keep changing.
pub(crate) async fn lock_and_snapshot(
    server: &Server,
    leader: &Session,
    side: &Session,
    options: &DumpOptions,
) -> Result<Locked, Error> {
    let patterns = Patterns::read(side, options).await?;
    let mut moved = Vec::new();
    for _ in 0..ATTEMPTS {
        let selection = patterns.resolve(side).await?;
        let mut unread = Unread::read(server, side, &selection).await?;
        let tables = list(side, &selection, &mut unread).await?;
        if !options.allow_partial {
            unread.refuse(server)?;
        }
        let Some(locked) = lock_all(server, leader, side, &tables, options).await? else {
            moved = vec!["a table was dropped or renamed".to_owned()];
            continue;
        };
        let snapshot = Snapshot::export(leader, locked).await?;
        let selection = patterns.resolve(leader).await?;
        moved = not_locked(leader, &selection, &unread).await?;
        if moved.is_empty() {
            moved = snapshot::rewritten(leader).await?;
        }
        if moved.is_empty() {
            return Ok(Locked { snapshot, selection, unread });
        }
        // Locking the newcomers now, after the snapshot, would reopen the hole that this order closes.
        rollback(leader).await?;
    }
    Err(Error::TablesMove { attempts: ATTEMPTS, objects: moved })
}

pub(crate) async fn rollback(session: &Session) -> Result<(), Error> {
    session.client.batch_execute("ROLLBACK").await.map_err(|error| fault(session, "begin again", error))
}

/// Locks all, patiently. `None` if one of them is no longer what it was listed as.
async fn lock_all(
    server: &Server,
    leader: &Session,
    side: &Session,
    tables: &[LockableTable],
    options: &DumpOptions,
) -> Result<Option<Instant>, Error> {
    let began = Instant::now();
    let mut last = LastSeen::default();
    for attempt in 0..options.lock_attempts.max(1) {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(500) * attempt).await;
        }
        // Asked before the transaction begins: a query within it would take the snapshot.
        let pid = backend_pid(leader).await?;
        server.begin(leader, "begin to lock the tables").await?;
        let (locked, seen) = watch_blockers(pid, side, lock_once(leader, tables, options.lock_timeout)).await;
        let Err(error) = locked else { return Ok(Some(began)) };
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => last = seen.or(last),
            Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME | &SqlState::WRONG_OBJECT_TYPE) => {
                rollback(leader).await?;
                return Ok(None);
            }
            _ => return Err(fault(leader, "lock the tables", error)),
        }
        rollback(leader).await?;
        tracing::warn!(table = %last.table(), blockers = %last.blockers, "a lock was not granted in time");
    }
    Err(Error::LockTimeout { table: last.table().to_owned(), waited: began.elapsed(), blockers: last.blockers })
}

pub(crate) async fn backend_pid(session: &Session) -> Result<i32, Error> {
    let row = session.client.query_one("SELECT pg_catalog.pg_backend_pid()", &[]).await;
    Ok(row.map_err(|error| fault(session, "ask for the process id", error))?.get(0))
}

async fn lock_once(leader: &Session, tables: &[LockableTable], timeout: Duration) -> Result<(), tokio_postgres::Error> {
    let mut rest = tables;
    leader.client.batch_execute(&format!("SET LOCAL lock_timeout = {}", timeout.as_millis().max(1))).await?;
    while !rest.is_empty() {
        let mut sql = String::from("LOCK TABLE");
        let mut taken = 0;
        for table in rest {
            if sql.len() > BATCH {
                break;
            }
            sql.push_str(if taken == 0 { " ONLY " } else { ", ONLY " });
            sql.push_str(&table.name);
            taken += 1;
        }
        sql.push_str(" IN ACCESS SHARE MODE");
        leader.client.batch_execute(&sql).await?;
        rest = &rest[taken..];
    }
    leader.client.batch_execute("SET LOCAL lock_timeout = 0").await
}
