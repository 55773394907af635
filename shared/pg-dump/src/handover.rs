//! The way of finished sections from those who read to the one who asks for the next.

use std::sync::Arc;

use sql_volume::{CopyRows, SectionKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Finished sections that wait to be taken, at most: reading goes no further ahead.
const AHEAD: usize = 2;
/// A buffer that outgrows its section by more than this passes alone.
pub(crate) const LARGE: usize = 4 << 20;

/// A section that has no number yet.
pub(crate) struct Draft {
    pub(crate) kind: SectionKind,
    pub(crate) sql: Vec<u8>,
    pub(crate) rows: Option<CopyRows>,
    /// Whether the sections after it must wait for it, and it for those before.
    pub(crate) in_order: bool,
    /// Held while `sql` is larger than a section should be.
    pub(crate) large: Option<OwnedSemaphorePermit>,
}

/// Nobody takes sections any more.
pub(crate) struct Closed;

/// Where readers put their sections.
#[derive(Clone)]
pub(crate) struct Outlet {
    sender: mpsc::Sender<Draft>,
    large: Arc<Semaphore>,
}

/// Where they are taken from: ends when the last [`Outlet`] is dropped, which says nothing of why.
pub(crate) type Intake = mpsc::Receiver<Draft>;

pub(crate) fn handover() -> (Outlet, Intake) {
    let (sender, intake) = mpsc::channel(AHEAD);
    (Outlet { sender, large: Arc::new(Semaphore::new(1)) }, intake)
}

impl Outlet {
    /// Waits for a place, and puts a section there.
    pub(crate) async fn put(&self, draft: Draft) -> Result<(), Closed> {
        self.sender.send(draft).await.map_err(|_| Closed)
    }

    /// Waits until no other large buffer is on its way.
    pub(crate) async fn pass_alone(&self) -> Result<OwnedSemaphorePermit, Closed> {
        Arc::clone(&self.large).acquire_owned().await.map_err(|_| Closed)
    }
}
