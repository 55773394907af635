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
pub(crate) use tables::contended_names;
use tables::{LockableTable, contended, list, not_locked};

/// How often the list of tables may change under our hands.
const ATTEMPTS: u32 = 5;
/// How long one waits for a lock who has others in hand: hardly.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(50);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);
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

/// Locks all, patiently: a lock that isn't free is waited for with none in hand. Who waits with locks in hand may be waited for
/// by the one that it waits for, and PostgreSQL ends such a circle by failing either of the two: perhaps the other session.
///
/// `None` if one of the tables is no longer what it was listed as.
async fn lock_all(
    server: &Server,
    leader: &Session,
    side: &Session,
    tables: &[LockableTable],
    options: &DumpOptions,
) -> Result<Option<Instant>, Error> {
    let began = Instant::now();
    let mut last = LastSeen::default();
    // Asked before the transaction begins: a query within it would take the snapshot.
    let pid = backend_pid(leader).await?;
    for attempt in 0..options.lock_attempts.max(1) {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(500) * attempt).await;
        }
        let until = Instant::now() + options.lock_timeout;
        loop {
            let locking = Instant::now();
            match lock(server, leader, tables, AT_ONCE).await? {
                Attempt::All => return Ok(Some(locking)),
                Attempt::Gone => return Ok(None),
                Attempt::Refused => {}
            }
            let left = until.saturating_duration_since(Instant::now()).max(AT_ONCE);
            let contended = contended(side, tables).await?;
            let (waited, seen) = watch_blockers(pid, side, wait_for(server, leader, &contended, left)).await;
            match waited? {
                Attempt::Gone => return Ok(None),
                Attempt::All if Instant::now() < until => {}
                _ => {
                    last = seen.or(last);
                    break;
                }
            }
        }
        tracing::warn!(table = %last.table(), blockers = %last.blockers, "a lock was not granted in time");
    }
    Err(Error::LockTimeout { table: last.table().to_owned(), waited: began.elapsed(), blockers: last.blockers })
}

/// Waits until each of `tables` can be locked, one after the other and for `timeout` each, and locks none.
async fn wait_for(
    server: &Server,
    leader: &Session,
    tables: &[LockableTable],
    timeout: Duration,
) -> Result<Attempt, Error> {
    // The lock may be free by now; if it is another one's turn at once, this is not to be done without a pause.
    tokio::time::sleep(PAUSE).await;
    for table in tables {
        match lock(server, leader, std::slice::from_ref(table), timeout).await? {
            Attempt::All => rollback(leader).await?,
            other => return Ok(other),
        }
    }
    Ok(Attempt::All)
}

/// How locking ended. But for [`Attempt::All`], the transaction is over.
enum Attempt {
    All,
    /// A lock wasn't free in time.
    Refused,
    /// A table is gone, or another.
    Gone,
}

async fn lock(
    server: &Server,
    leader: &Session,
    tables: &[LockableTable],
    timeout: Duration,
) -> Result<Attempt, Error> {
    server.begin(leader, "begin to lock the tables").await?;
    let Err(error) = lock_once(leader, tables, timeout).await else { return Ok(Attempt::All) };
    let ended = match error.code() {
        Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::T_R_DEADLOCK_DETECTED) => Attempt::Refused,
        Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME | &SqlState::WRONG_OBJECT_TYPE) => {
            Attempt::Gone
        }
        _ => return Err(fault(leader, "lock the tables", error)),
    };
    rollback(leader).await?;
    Ok(ended)
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
    leader.client.batch_execute(&format!("SET LOCAL lock_timeout = {}", AT_ONCE.as_millis())).await
}
