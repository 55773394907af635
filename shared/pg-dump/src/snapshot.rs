//! The one instant that the whole dump shows.

use std::time::Instant;

use pg_client::Session;
use time::OffsetDateTime;

use crate::error::Error;
use crate::session::fault;

/// An exported snapshot, held by the leader's transaction together with a lock on every table.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// For `SET TRANSACTION SNAPSHOT`.
    pub(crate) name: String,
    /// The server's clock when it was taken.
    pub(crate) time: OffsetDateTime,
    /// When the first lock was granted.
    pub(crate) locked: Instant,
    /// When it was taken: since then it has held back xmin.
    pub(crate) taken: Instant,
}

impl Snapshot {
    /// Takes and exports the snapshot of a transaction that holds its locks already.
    pub(crate) async fn export(leader: &Session, locked: Instant) -> Result<Self, Error> {
        let act = "export the snapshot";
        let row = leader
            .client
            .query_one(
                "SELECT pg_catalog.pg_export_snapshot(),
                        (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8",
                &[],
            )
            .await
            .map_err(|error| fault(leader, act, error))?;
        let nanoseconds = i128::from(row.get::<_, i64>(1)) * 1000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(Self { name: row.get(0), time, locked, taken: Instant::now() })
    }
}

/// Locked tables whose file in the current catalog isn't the one in the snapshot: they were truncated or rewritten between, so
/// the snapshot would show them empty or not at all.
pub(crate) async fn rewritten(leader: &Session) -> Result<Vec<String>, Error> {
    let rows = leader
        .client
        .query(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence <> 't'
               AND c.relfilenode IS DISTINCT FROM pg_catalog.pg_relation_filenode(c.oid)
               AND EXISTS (
                 SELECT FROM pg_catalog.pg_locks l
                 WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND l.relation = c.oid)
             ORDER BY 1",
            &[],
        )
        .await
        .map_err(|error| fault(leader, "compare the tables' files", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
