use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::choice::Choice;
use crate::error::OUT_OF_TIME;
use crate::estimate::Extent;
use crate::proof::Describe;

/// How a backup is restored.
#[derive(Clone)]
#[non_exhaustive]
pub struct RestoreOptions {
    /// What is restored, and as whose.
    pub choice: Choice,
    /// Read everything back and compare it with the backup: rows by their digests, definitions, the values of sequences, large objects.
    /// On by default: that what was backed up comes back equal is then seen, not hoped.
    pub compare: bool,
    /// What tells the definitions of the restored database, to be compared with the backup's. Without it they aren't, and nothing is
    /// called equal.
    pub describe: Option<Arc<dyn Describe>>,
    /// Gather the planner's statistics before the database gets its name. On by default.
    pub analyze: bool,
    /// Let a server take a backup of a newer major version. Off by default: its SQL may not be understood.
    pub allow_older_server: bool,
    /// How long a restore into an existing database waits for each of its locks; 10 s by default.
    pub lock_timeout: Duration,
    /// How long dropping a database may take; 2 min by default. A server waits for all of its processes then, and some extensions bring one
    /// that never answers.
    pub drop_timeout: Duration,
    /// Connections that apply, read back and analyze, from 1; 4 by default.
    pub jobs: usize,
    /// By which the run is known. Of two with one id, the second is refused while the first is under way.
    pub request_id: Option<String>,
    /// How much there is beside rows, for the estimate.
    pub extent: Extent,
    /// Begin, though the estimate says that the deadline comes first.
    pub ignore_estimate: bool,
    /// When to give up. What was created is dropped after that, which takes seconds: leave some.
    pub deadline: Option<Instant>,
    /// Gives up when it is cancelled. Unlike dropping the restore's future, this lets one wait until the database is dropped.
    pub cancel: CancellationToken,
    /// Told how far the restore is, after every section and every table that was read back.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        Self {
            choice: Choice::default(),
            compare: true,
            describe: None,
            analyze: true,
            allow_older_server: false,
            lock_timeout: Duration::from_secs(10),
            drop_timeout: Duration::from_secs(120),
            jobs: 4,
            request_id: None,
            extent: Extent::default(),
            ignore_estimate: false,
            deadline: None,
            cancel: CancellationToken::new(),
            progress: None,
        }
    }
}

impl RestoreOptions {
    pub(crate) fn tell(&self, progress: Progress) {
        if let Some(listener) = &self.progress {
            listener(progress);
        }
    }

    /// Ready when the restore is to be given up, with the reason.
    pub(crate) async fn stop(&self) -> &'static str {
        let deadline = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancel.cancelled() => "it was cancelled",
            () = deadline => OUT_OF_TIME,
        }
    }
}

impl fmt::Debug for RestoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoreOptions")
            .field("choice", &self.choice)
            .field("compare", &self.compare)
            .field("analyze", &self.analyze)
            .field("allow_older_server", &self.allow_older_server)
            .field("jobs", &self.jobs)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// Sections applied.
    pub sections: u64,
    /// Bytes of SQL applied.
    pub bytes: u64,
    /// Rows copied; while comparing, rows read back.
    pub rows: u64,
}

/// The phases of a restore, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Sections are read, before an existing database is changed.
    Verifying,
    /// Sections are applied.
    Applying,
    /// Tables are read back.
    Comparing,
    /// The planner's statistics are gathered.
    Analyzing,
    /// The database gets its name, or what was done to an existing one is committed.
    Naming,
}
