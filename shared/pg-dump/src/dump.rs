//! The dump as its user sees it: opened, asked for one section after the other, finished.

mod open;
mod summary;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use pg_client::Canceller;
use sql_volume::{DatabaseProperties, Requirements, Section};
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::handover::{Draft, Intake, Used};
use crate::snapshot::Snapshot;
use crate::watch::{Watched, Watcher};
pub use summary::{DumpedTable, Summary, Warning};

/// How long ending our sessions may take before the server is asked to end them.
const ENDING: Duration = Duration::from_secs(5);

/// An open dump: its tables are locked, its snapshot is taken, its catalog is read. Dropping it ends its sessions; [`Dump::abort`]
/// also waits until the server has.
pub struct Dump {
    database: DatabaseProperties,
    requires: Requirements,
    roles: String,
    inventory: BTreeMap<String, u64>,
    tables: Vec<DumpedTable>,
    warnings: Vec<Warning>,
    estimate: u64,
    snapshot: Snapshot,
    stage: Stage,
    before: VecDeque<Draft>,
    after: VecDeque<Draft>,
    intake: Intake,
    used: Used,
    crew: Option<JoinHandle<Result<pg_client::Session, Error>>>,
    leader: Option<pg_client::Session>,
    watcher: Option<Watcher>,
    ours: Vec<i32>,
    cancellers: Vec<Canceller>,
    /// What the last section handed out held; given back once the next one is asked for.
    large: Option<OwnedSemaphorePermit>,
    seq: u32,
    /// What sections in any order come after.
    barrier: Option<u32>,
    failed: bool,
}

/// What is handed out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    BeforeData,
    Data,
    AfterData,
    End,
}

impl Dump {
    /// What the database is, as a restore must create it.
    pub fn database(&self) -> &DatabaseProperties {
        &self.database
    }

    /// What a restore needs on its server.
    pub fn requires(&self) -> &Requirements {
        &self.requires
    }

    /// SQL for psql, in UTF-8, that is no part of the dump: the roles it rests on, without passwords, their memberships and settings, and
    /// the database's own properties.
    pub fn roles(&self) -> &str {
        &self.roles
    }

    /// Number of objects in the dump, by kind, and of roles beside it.
    pub fn inventory(&self) -> &BTreeMap<String, u64> {
        &self.inventory
    }

    /// The tables whose rows the dump holds.
    pub fn tables(&self) -> &[DumpedTable] {
        &self.tables
    }

    /// Bytes, on the server's disk, of what is going to be read.
    pub fn estimate(&self) -> u64 {
        self.estimate
    }

    /// The instant that the dump shows, by the server's clock.
    pub fn snapshot_time(&self) -> OffsetDateTime {
        self.snapshot.time
    }

    /// The next section; `None` once the last was given and every reader has said that it read all of its part. Stays right
    /// if the returned future is dropped.
    ///
    /// # Errors
    /// [`Error`], once; the dump is then good for [`Dump::abort`] only.
    pub async fn next(&mut self) -> Result<Option<Section>, Error> {
        if self.failed {
            return Err(Error::Stopped);
        }
        self.large = None;
        let next = self.advance().await;
        self.failed = next.is_err();
        next
    }

    /// Takes back the text of a section that is done with: the next ones are faster in memory that was used before. The text
    /// of data is what is worth it.
    pub fn recycle(&self, sql: Vec<u8>) {
        self.used.keep(sql);
    }

    async fn advance(&mut self) -> Result<Option<Section>, Error> {
        loop {
            match self.stage {
                Stage::BeforeData => match self.before.pop_front() {
                    Some(draft) => return self.number(draft).map(Some),
                    None => self.stage = Stage::Data,
                },
                Stage::Data => match self.take().await? {
                    Some(draft) => return self.number(draft).map(Some),
                    None => {
                        // All data first, then each after the one before.
                        self.barrier = None;
                        self.stage = Stage::AfterData;
                    }
                },
                Stage::AfterData => match self.after.pop_front() {
                    Some(draft) => return self.number(draft).map(Some),
                    None => self.stage = Stage::End,
                },
                Stage::End => return Ok(None),
            }
        }
    }

    /// The next section of data, or `None` when the readers' own result says that there is no more. The end of the channel
    /// alone says nothing: it ends when a reader dies, too.
    async fn take(&mut self) -> Result<Option<Draft>, Error> {
        if let Some(draft) = self.intake.recv().await {
            return Ok(Some(draft));
        }
        let Some(crew) = self.crew.as_mut() else { return Ok(None) };
        let ended = crew.await;
        self.crew = None;
        match ended {
            Ok(Ok(leader)) => self.leader = Some(leader),
            Ok(Err(error)) => return Err(error),
            // The watcher ends the readers when it gives way.
            Err(_) => return Err(self.watcher_failed().await.unwrap_or(Error::ReaderDied)),
        }
        Ok(None)
    }

    async fn watcher_failed(&mut self) -> Option<Error> {
        let watched = self.watcher.take()?.end().await?;
        watched.session.close().await;
        watched.failed
    }

    fn number(&mut self, draft: Draft) -> Result<Section, Error> {
        let seq = self.seq;
        self.seq = seq.checked_add(1).ok_or(Error::TooManySections)?;
        let previous = seq.checked_sub(1);
        let after = if draft.in_order {
            previous
        } else {
            self.barrier = self.barrier.or(previous);
            self.barrier
        };
        self.large = draft.large;
        Ok(Section { kind: draft.kind, seq, after, sql: draft.sql, rows: draft.rows })
    }

    /// Ends a dump of which every section was taken.
    ///
    /// # Errors
    /// [`Error::Unfinished`] before that, and when the locks or the snapshot were lost at the very end.
    pub async fn finish(mut self) -> Result<Summary, Error> {
        let (Stage::End, Some(leader)) = (self.stage, self.leader.take()) else {
            self.abort().await;
            return Err(Error::Unfinished);
        };
        let committed = leader.client.batch_execute("COMMIT").await;
        if let Err(error) = committed {
            let error = crate::session::fault(&leader, "end the dump's transaction", error);
            self.abort().await;
            return Err(error);
        }
        let (held, pinned) = (self.snapshot.locked.elapsed(), self.snapshot.taken.elapsed());
        leader.close().await;
        let watched = match self.watcher.take() {
            Some(watcher) => watcher.end().await,
            None => None,
        };
        let Some(Watched { session, blocked, failed }) = watched else { return Err(Error::ReaderDied) };
        session.close().await;
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Summary {
            tables: std::mem::take(&mut self.tables),
            inventory: std::mem::take(&mut self.inventory),
            warnings: std::mem::take(&mut self.warnings),
            sections: self.seq,
            locks_held: held,
            xmin_held: pinned,
            blocked,
        })
    }

    /// Ends everything and waits until the server has: nothing of the dump is left in `pg_stat_activity`.
    pub async fn abort(mut self) {
        if let Some(crew) = self.crew.take() {
            crew.abort();
            let _ = crew.await;
        }
        self.leader = None;
        // A statement that sends nothing doesn't notice that its client is gone.
        let cancelling = self.cancellers.iter().map(Canceller::cancel);
        let _ = tokio::time::timeout(ENDING, futures_util::future::join_all(cancelling)).await;
        let Some(watcher) = self.watcher.take() else { return };
        let Some(watched) = watcher.end().await else { return };
        let gone = open::wait_until_gone(&watched.session, &self.ours);
        let _ = tokio::time::timeout(2 * ENDING, gone).await;
        watched.session.close().await;
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        if let Some(crew) = &self.crew {
            crew.abort();
        }
        if let Some(watcher) = &self.watcher {
            watcher.task.abort();
        }
    }
}
