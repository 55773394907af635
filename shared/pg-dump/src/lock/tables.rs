use pg_client::Session;

use crate::error::Error;
use crate::session::{Server, fault};

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

/// The tables as they are now, in the order of their OIDs, so that two dumps never wait for each other.
///
/// # Errors
/// All tables that our role may not read, or not wholly.
pub(super) async fn list(server: &Server, side: &Session) -> Result<Vec<LockableTable>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname),
                pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
                pg_catalog.row_security_active(c.oid) {LOCKABLE} ORDER BY c.oid"
    );
    let rows = side.client.query(&sql, &[]).await.map_err(|error| fault(side, "list the tables to lock", error))?;
    let (mut tables, mut unreadable, mut hidden) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        // A table that is dropped while we ask has no privileges to tell of; locking it will.
        let (name, readable, secured): (String, Option<bool>, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        if readable == Some(false) {
            unreadable.push(name);
        } else if secured == Some(true) {
            hidden.push(name);
        } else {
            tables.push(LockableTable { name });
        }
    }
    if !unreadable.is_empty() {
        return Err(Error::NotReadable { role: server.role.clone(), objects: unreadable });
    }
    if !hidden.is_empty() {
        return Err(Error::RowSecurity { role: server.role.clone(), tables: hidden });
    }
    Ok(tables)
}

/// Tables that the leader's snapshot shows and that it holds no lock on: they came after the list.
pub(super) async fn not_locked(leader: &Session) -> Result<Vec<String>, Error> {
    let sql = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) {LOCKABLE}
           AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_locks l
             WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted
               AND l.relation = c.oid AND l.mode = 'AccessShareLock')
         ORDER BY 1"
    );
    let rows = leader
        .client
        .query(&sql, &[])
        .await
        .map_err(|error| fault(leader, "compare the locked tables with the snapshot", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
