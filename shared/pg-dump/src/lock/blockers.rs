use std::time::Duration;

use pg_client::Session;
use tokio_postgres::Client;

use crate::error::{Blocker, Blockers};

/// How often the side session looks who blocks us: after a timeout it is too late to ask.
const LOOK: Duration = Duration::from_millis(500);

/// What was last seen to keep us waiting.
#[derive(Default)]
pub(super) struct LastSeen {
    table: Option<String>,
    pub(super) blockers: Blockers,
}

impl LastSeen {
    pub(super) fn table(&self) -> &str {
        self.table.as_deref().unwrap_or("a table")
    }

    pub(super) fn or(self, other: Self) -> Self {
        if self.blockers.0.is_empty() { other } else { self }
    }
}

/// Runs `act` of the session with process id `pid` while `side` looks who blocks it.
pub(super) async fn watch_blockers<T>(pid: i32, side: &Session, act: impl Future<Output = T>) -> (T, LastSeen) {
    let mut seen = LastSeen::default();
    let mut act = std::pin::pin!(act);
    loop {
        tokio::select! {
            result = &mut act => return (result, seen),
            () = tokio::time::sleep(LOOK) => {}
        }
        // Who blocks is told if it can be; the lock itself doesn't hang on it.
        tokio::select! {
            result = &mut act => return (result, seen),
            looked = look(&side.client, pid) => if let Ok(Some(now)) = looked { seen = now },
        }
    }
}

async fn look(side: &Client, pid: i32) -> Result<Option<LastSeen>, tokio_postgres::Error> {
    let blockers = blockers_of(side, pid).await?;
    if blockers.0.is_empty() {
        return Ok(None);
    }
    let table = side
        .query_opt(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE l.pid = $1 AND NOT l.granted AND l.locktype = 'relation' LIMIT 1",
            &[&pid],
        )
        .await?
        .map(|row| row.get(0));
    Ok(Some(LastSeen { table, blockers }))
}

/// The sessions that hold, or queue before us for, what the session `pid` waits for.
async fn blockers_of(side: &Client, pid: i32) -> Result<Blockers, tokio_postgres::Error> {
    let rows = side
        .query(
            "SELECT a.pid, a.usename::text, a.application_name, a.state,
                    pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 120)
             FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS blocking (pid)
             JOIN pg_catalog.pg_stat_activity a ON a.pid = blocking.pid ORDER BY a.pid",
            &[&pid],
        )
        .await?;
    Ok(Blockers(
        rows.iter()
            .map(|row| Blocker {
                pid: row.get(0),
                user: row.get(1),
                application: row.get(2),
                state: row.get(3),
                query: row.get(4),
            })
            .collect(),
    ))
}
