use pg_client::Session;

use crate::access::Unread;
use crate::error::Error;
use crate::selection::Selection;
use crate::session::fault;

/// A table that the dump locks.
pub(super) struct LockableTable {
    /// Qualified and quoted.
    pub(super) name: String,
}

/// What is locked: tables and partitioned tables, without temporary ones and without those that an extension made, unless it
/// says that their rows are the user's (`extconfig`). On a standby, unlogged tables have no rows.
const LOCKABLE: &str = "
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.oid = d.refobjid AND c.oid = ANY (e.extconfig)))";

/// Someone has, or waits for, the one lock that keeps readers out.
const CONTENDED: &str = "EXISTS (
    SELECT FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.relation = c.oid AND l.mode = 'AccessExclusiveLock')";

/// What of it is asked for.
const ASKED: &str = "AND ($1::pg_catalog.oid[] IS NULL OR c.oid = ANY ($1)) AND c.oid <> ALL ($2::pg_catalog.oid[])";

/// The tables as they are now, in the order of their OIDs, so that two dumps never wait for each other; without those that our
/// role may not read, which it may not lock either and which `unread` then holds.
pub(super) async fn list(
    side: &Session,
    selection: &Selection,
    unread: &mut Unread,
) -> Result<Vec<LockableTable>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
                pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
                pg_catalog.row_security_active(c.oid), c.oid {LOCKABLE} {ASKED} ORDER BY c.oid"
    );
    let (included, excluded) = asked(selection, &[]);
    let rows = side.client.query(&sql, &[&included, &excluded]).await;
    let rows = rows.map_err(|error| fault(side, "list the tables to lock", error))?;
    let mut tables = Vec::new();
    for row in rows {
        // A table that is dropped while we ask has no privileges to tell of; locking it will.
        let (name, readable, secured): (String, Option<bool>, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        let oid = row.get(3);
        if readable == Some(false) {
            unread.tables.push((oid, name));
            continue;
        }
        if secured == Some(true) && selection.rows() {
            unread.hidden.push((oid, name.clone()));
        }
        tables.push(LockableTable { name });
    }
    Ok(tables)
}

fn asked(selection: &Selection, without: &[(u32, String)]) -> (Option<Vec<u32>>, Vec<u32>) {
    let included = selection.included.as_ref().map(|included| included.iter().copied().collect());
    (included, selection.excluded.iter().copied().chain(without.iter().map(|(oid, _)| *oid)).collect())
}

/// Those of `tables` that another session holds, or queues for, in a way that keeps everyone else out.
pub(super) async fn contended(side: &Session, tables: &[LockableTable]) -> Result<Vec<LockableTable>, Error> {
    let names = contended_names(side).await?;
    let contended = tables.iter().filter(|table| names.contains(&table.name));
    Ok(contended.map(|table| LockableTable { name: table.name.clone() }).collect())
}

/// Tables, views, sequences and indexes that another session holds, or queues for, in that way.
pub(crate) async fn contended_names(side: &Session) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.oid >= 16384 AND {CONTENDED} ORDER BY 1"
    );
    let rows = side.client.query(&sql, &[]).await.map_err(|error| fault(side, "look for locks of others", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Tables that the leader's snapshot shows and that it holds no lock on: they came after the list.
pub(super) async fn not_locked(leader: &Session, selection: &Selection, unread: &Unread) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) {LOCKABLE} {ASKED}
           AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_locks l
             WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
               AND l.relation = c.oid AND l.mode = 'AccessShareLock')
         ORDER BY 1"
    );
    let (included, excluded) = asked(selection, &unread.tables);
    let rows = leader
        .client
        .query(&sql, &[&included, &excluded])
        .await
        .map_err(|error| fault(leader, "compare the locked tables with the snapshot", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
