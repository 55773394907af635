//! Those who read the data: the leader, which holds locks and snapshot, and workers, which borrow the snapshot.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pg_client::Session;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::copy::{self, Unread};
use crate::error::Error;
use crate::handover::{Draft, Outlet};
use crate::large_objects;
use crate::lock::AT_ONCE;
use crate::options::DumpOptions;
use crate::session::{Server, fault};
use crate::slices::Slice;

/// Large objects read in one go; their sizes aren't known to roles that may not read `pg_largeobject`.
const OBJECTS_AT_ONCE: usize = 500;
/// How long the leader waits before it tries a refused slice again.
const PUT_OFF: Duration = Duration::from_millis(500);
/// How often an idle leader shows that it is alive: a lost leader is a lost lock.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// What is to be read.
pub(crate) enum Work {
    /// Rows.
    Rows(Slice),
    /// Large objects, by OID.
    LargeObjects(Vec<u32>),
}

/// All that is to be read.
pub(crate) struct Plan {
    /// Extensions' configuration tables, one after the other.
    pub(crate) in_order: Vec<Slice>,
    /// Everything else, in any order.
    pub(crate) work: VecDeque<Work>,
    /// Finished already.
    pub(crate) sequences: Vec<Draft>,
}

impl Plan {
    pub(crate) fn new(in_order: Vec<Slice>, slices: Vec<Slice>, objects: &[u32], sequences: Vec<Draft>) -> Self {
        let objects = objects.chunks(OBJECTS_AT_ONCE).map(|oids| Work::LargeObjects(oids.to_vec()));
        Self { in_order, work: slices.into_iter().map(Work::Rows).chain(objects).collect(), sequences }
    }
}

/// What each reader needs.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) server: Arc<Server>,
    pub(crate) options: Arc<DumpOptions>,
    pub(crate) outlet: Outlet,
    queue: Arc<Mutex<VecDeque<Work>>>,
}

impl Reader {
    pub(crate) fn new(server: Arc<Server>, options: Arc<DumpOptions>, outlet: Outlet) -> Self {
        Self { server, options, outlet, queue: Arc::default() }
    }

    /// Reads everything of the plan and returns the leader, still within its transaction.
    ///
    /// # Errors
    /// The first failure of anyone; then all stop.
    pub(crate) async fn read_all(self, leader: Session, workers: Vec<Session>, plan: Plan) -> Result<Session, Error> {
        let mut put_off = VecDeque::new();
        for slice in plan.in_order {
            self.by_leader(&leader, Work::Rows(slice), &mut put_off).await?;
            while !put_off.is_empty() {
                self.try_put_off(&leader, &mut put_off).await?;
            }
        }
        *self.queue.lock().unwrap_or_else(PoisonError::into_inner) = plan.work;
        let (refuse, mut refused) = mpsc::unbounded_channel();
        let mut readers = JoinSet::new();
        for worker in workers {
            readers.spawn(self.clone().work(worker, refuse.clone()));
        }
        drop(refuse);

        loop {
            while let Ok(slice) = refused.try_recv() {
                put_off.push_back(Refused::now(slice));
            }
            while let Some(ended) = readers.try_join_next() {
                joined(ended)?;
            }
            if let Some(work) = self.take() {
                self.by_leader(&leader, work, &mut put_off).await?;
            } else if !put_off.is_empty() {
                self.try_put_off(&leader, &mut put_off).await?;
            } else if readers.is_empty() && refused.is_empty() {
                break;
            } else {
                tokio::select! {
                    Some(slice) = refused.recv() => put_off.push_back(Refused::now(slice)),
                    Some(ended) = readers.join_next() => joined(ended)?,
                    () = tokio::time::sleep(HEARTBEAT) => {
                        let alive = leader.client.batch_execute("SELECT 1").await;
                        alive.map_err(|error| fault(&leader, "hold the snapshot", error))?;
                    }
                }
            }
        }
        for draft in plan.sequences {
            self.outlet.put(draft).await.map_err(|_| Error::Stopped)?;
        }
        Ok(leader)
    }

    fn take(&self) -> Option<Work> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    async fn work(self, session: Session, refuse: mpsc::UnboundedSender<Slice>) -> Result<(), Error> {
        while let Some(work) = self.take() {
            match self.read(&session, &work, self.options.slice_lock_timeout).await {
                Ok(()) => {}
                Err(Unread::Refused) => {
                    if let Work::Rows(slice) = work {
                        // Who listens is the leader; if it is gone, so is the dump.
                        refuse.send(slice).map_err(|_| Error::Stopped)?;
                    }
                }
                Err(Unread::Failed(error)) => return Err(error),
                Err(Unread::Closed) => return Err(Error::Stopped),
            }
        }
        session.client.batch_execute("COMMIT").await.map_err(|error| fault(&session, "end a reader", error))?;
        session.close().await;
        Ok(())
    }

    async fn read(&self, session: &Session, work: &Work, patience: Duration) -> Result<(), Unread> {
        match work {
            Work::Rows(slice) => {
                copy::copy(session, slice, &self.server.encoding, patience, &self.options, &self.outlet).await
            }
            Work::LargeObjects(oids) => {
                large_objects::read(&self.server, session, oids, self.options.section_bytes, &self.outlet).await
            }
        }
    }

    async fn by_leader(&self, leader: &Session, work: Work, put_off: &mut VecDeque<Refused>) -> Result<(), Error> {
        // It holds a lock on every table.
        match self.read(leader, &work, AT_ONCE.min(self.options.slice_lock_timeout)).await {
            Ok(()) => {}
            Err(Unread::Refused) => {
                if let Work::Rows(slice) = work {
                    put_off.push_back(Refused::now(slice));
                }
            }
            Err(Unread::Failed(error)) => return Err(error),
            Err(Unread::Closed) => return Err(Error::Stopped),
        }
        Ok(())
    }

    /// Tries each slice that was put off once more, and gives others time if one is refused again.
    async fn try_put_off(&self, leader: &Session, put_off: &mut VecDeque<Refused>) -> Result<(), Error> {
        for Refused { slice, since } in std::mem::take(put_off) {
            if since.elapsed() > self.options.slice_patience {
                return Err(Error::SliceRefused { table: slice.name(), waited: since.elapsed() });
            }
            let mut again = VecDeque::new();
            self.by_leader(leader, Work::Rows(slice), &mut again).await?;
            put_off.extend(again.into_iter().map(|refused| Refused { since, ..refused }));
        }
        if !put_off.is_empty() {
            tokio::time::sleep(PUT_OFF).await;
        }
        Ok(())
    }
}

fn joined(ended: Result<Result<(), Error>, JoinError>) -> Result<(), Error> {
    ended.unwrap_or(Err(Error::ReaderDied))
}

/// A slice whose locks weren't free.
struct Refused {
    slice: Slice,
    since: Instant,
}

impl Refused {
    fn now(slice: Slice) -> Self {
        Self { slice, since: Instant::now() }
    }
}
