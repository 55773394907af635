//! A side session looks for sessions that wait for a lock of the dump, tells of them, and makes the dump give way.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pg_client::Session;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};

use crate::error::Error;
use crate::options::DumpOptions;
use crate::session::fault;

/// A session that waited for a lock that the dump held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockedSession {
    /// Its process id.
    pub pid: i32,
    /// Its role, if we may see it.
    pub user: Option<String>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// The beginning of its statement, if we may see it.
    pub query: Option<String>,
    /// How long it had waited when it was last seen.
    pub waited: Duration,
}

/// What the watcher found, and its session.
pub(crate) struct Watched {
    pub(crate) session: Session,
    pub(crate) blocked: Vec<BlockedSession>,
    /// Why it ended by itself.
    pub(crate) failed: Option<Error>,
}

/// The running watcher.
pub(crate) struct Watcher {
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<Watched>,
}

impl Watcher {
    /// Watches those who wait for the sessions `ours`. When it gives way or fails, it ends `dump` at once, whether or not
    /// anyone asks the dump for its next section: only then are the locks free.
    pub(crate) fn start(session: Session, ours: Vec<i32>, options: &DumpOptions, dump: AbortHandle) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (interval, patience) = (options.watch_interval, options.yield_to_ddl_after);
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            let failed = tokio::select! {
                _ = stopped => None,
                error = watch(&session, &ours, interval, patience, &mut seen) => Some(error),
            };
            if failed.is_some() {
                dump.abort();
            }
            Watched { session, blocked: seen.sessions(), failed }
        });
        Self { stop: Some(stop), task }
    }

    /// Ends it, if it hasn't ended by itself, and returns what it found.
    pub(crate) async fn end(mut self) -> Option<Watched> {
        self.stop.take();
        self.task.await.ok()
    }
}

/// Blocked sessions by process id and first sight.
#[derive(Default)]
struct Seen {
    waiting: HashMap<i32, (Instant, BlockedSession)>,
    before: Vec<BlockedSession>,
}

impl Seen {
    fn update(&mut self, now: Vec<BlockedSession>) {
        let gone: Vec<i32> =
            self.waiting.keys().copied().filter(|pid| !now.iter().any(|blocked| blocked.pid == *pid)).collect();
        self.before.extend(gone.iter().filter_map(|pid| self.waiting.remove(pid)).map(|(_, blocked)| blocked));
        for mut blocked in now {
            let (since, known) = self.waiting.entry(blocked.pid).or_insert_with(|| (Instant::now(), blocked.clone()));
            blocked.waited = blocked.waited.max(since.elapsed());
            *known = blocked;
        }
    }

    fn longest(&self) -> Option<&BlockedSession> {
        self.waiting.values().map(|(_, blocked)| blocked).max_by_key(|blocked| blocked.waited)
    }

    fn sessions(self) -> Vec<BlockedSession> {
        let mut all = self.before;
        all.extend(self.waiting.into_values().map(|(_, blocked)| blocked));
        all.sort_by_key(|blocked| std::cmp::Reverse(blocked.waited));
        all
    }
}

async fn watch(session: &Session, ours: &[i32], interval: Duration, patience: Duration, seen: &mut Seen) -> Error {
    loop {
        tokio::time::sleep(interval).await;
        match look(session, ours).await {
            Ok(now) => seen.update(now),
            Err(error) => return fault(session, "look for sessions that wait for the dump", error),
        }
        let Some(longest) = seen.longest() else { continue };
        tracing::warn!(pid = longest.pid, query = longest.query, waited = ?longest.waited, "a session waits for the dump");
        if longest.waited >= patience {
            return Error::GaveWay {
                pid: longest.pid,
                query: longest.query.clone().unwrap_or_default(),
                waited: longest.waited,
            };
        }
    }
}

/// Those whose waiting has one of ours among its causes. What waits behind them waits for them.
async fn look(session: &Session, ours: &[i32]) -> Result<Vec<BlockedSession>, tokio_postgres::Error> {
    let rows = session
        .client
        .query(
            // pg_locks and pg_blocking_pids() show what pg_stat_activity hides from roles without pg_monitor. `waitstart`
            // is there since 14; before, what we saw ourselves counts.
            "SELECT a.pid, a.usename::text, a.application_name,
                    pg_catalog.left(pg_catalog.regexp_replace(a.query, '\\s+', ' ', 'g'), 120),
                    coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - l.waitstart), 0)::float8
             FROM pg_catalog.pg_stat_activity a
             JOIN (SELECT pid, min((pg_catalog.to_jsonb(l) ->> 'waitstart')::timestamptz) AS waitstart
                   FROM pg_catalog.pg_locks l WHERE NOT granted GROUP BY pid) l ON l.pid = a.pid
             WHERE a.pid <> ALL ($1) AND pg_catalog.pg_blocking_pids(a.pid) && $1",
            &[&ours],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| BlockedSession {
            pid: row.get(0),
            user: row.get(1),
            application: row.get(2),
            query: row.get(3),
            waited: Duration::try_from_secs_f64(row.get(4)).unwrap_or_default(),
        })
        .collect())
}
