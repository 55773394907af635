//! The way of finished sections from those who read to the one who asks for the next.

use std::sync::{Arc, Mutex, PoisonError};

use sql_volume::{CopyRows, SectionKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Finished sections that wait to be taken, at most: reading goes no further ahead.
const AHEAD: usize = 2;
/// A buffer that outgrows its section, and a usual one, by more than this passes alone.
const LARGE: usize = 4 << 20;
/// Bytes of a usual section.
const USUAL: usize = 8 << 20;

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
    used: Used,
}

/// Buffers of sections that are done with. Memory that is new each time is as dear as the copying of what goes into it.
#[derive(Clone, Default)]
pub(crate) struct Used {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Bytes of a buffer that needn't pass alone, at most; and the capacity of one that is kept.
    pub(crate) largest: usize,
}

/// Where they are taken from: ends when the last [`Outlet`] is dropped, which says nothing of why.
pub(crate) type Intake = mpsc::Receiver<Draft>;

pub(crate) fn handover(section_bytes: usize) -> (Outlet, Intake, Used) {
    let (sender, intake) = mpsc::channel(AHEAD);
    let used = Used { kept: Arc::default(), largest: section_bytes.max(USUAL) + LARGE };
    (Outlet { sender, large: Arc::new(Semaphore::new(1)), used: used.clone() }, intake, used)
}

impl Used {
    /// Keeps a buffer for another section, unless enough are kept.
    pub(crate) fn keep(&self, buffer: Vec<u8>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < AHEAD && buffer.capacity() <= self.largest {
            kept.push(buffer);
        }
    }

    /// An empty buffer: one that was used before, or else a new one with room for `room` bytes.
    pub(crate) fn buffer(&self, room: usize) -> Vec<u8> {
        let used = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut buffer) = used else { return Vec::with_capacity(room) };
        buffer.clear();
        buffer.reserve_exact(room);
        buffer
    }
}

impl Outlet {
    /// Where buffers for sections come from.
    pub(crate) fn used(&self) -> Used {
        self.used.clone()
    }

    /// Waits for a place, and puts a section there.
    pub(crate) async fn put(&self, draft: Draft) -> Result<(), Closed> {
        self.sender.send(draft).await.map_err(|_| Closed)
    }

    /// Waits until no other large buffer is on its way.
    pub(crate) async fn pass_alone(&self) -> Result<OwnedSemaphorePermit, Closed> {
        Arc::clone(&self.large).acquire_owned().await.map_err(|_| Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_empty_and_one_of_a_large_row_does_not() {
        let (_outlet, _intake, used) = handover(1000);
        used.keep(vec![1; 5000]);
        let again = used.buffer(10);
        assert_eq!((again.len(), again.capacity() >= 5000), (0, true));
        assert!(used.buffer(10).capacity() < 5000, "given out once");
        used.keep(Vec::with_capacity(USUAL + LARGE + 1));
        assert!(used.buffer(10).capacity() < LARGE, "it would stay for as long as the dump");
    }
}
