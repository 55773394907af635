//! All memory of an archive in one place: what may be held at once, counted by semaphores.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::source::PIECE;

/// Bytes of small objects, from before their GET until they are handed out.
const SMALL_BYTES: usize = 32 << 20;
/// What an object takes besides its bytes.
const SMALL_LEAST: u64 = 4 << 10;
/// Pieces of large objects, likewise.
const PIECES: usize = 4;
/// GETs of small objects that are under way.
pub(super) const GETS: usize = 64;
/// Objects in order, under way or waiting to be handed out.
pub(super) const QUEUE: usize = 256;

/// Places for bytes. Who waits for one is served in turn, and asks in the order of the listing: so what is to be handed out
/// next always has its place already, and nothing waits in a circle.
#[derive(Clone)]
pub(super) struct Memory {
    small: Arc<Semaphore>,
    pieces: Arc<Semaphore>,
    gets: Arc<Semaphore>,
    /// Threads that compress: each holds its input and its output.
    threads: Arc<Semaphore>,
}

pub(super) type Place = OwnedSemaphorePermit;

impl Memory {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, |threads| threads.get().clamp(2, 4));
        Self {
            small: Arc::new(Semaphore::new(SMALL_BYTES)),
            pieces: Arc::new(Semaphore::new(PIECES)),
            gets: Arc::new(Semaphore::new(GETS)),
            threads: Arc::new(Semaphore::new(threads)),
        }
    }

    /// For an object that is read out of turn, because it is the one that everything waits for.
    pub(super) fn out_of_turn(&self) -> Self {
        Self { pieces: Arc::new(Semaphore::new(1)), ..self.clone() }
    }

    pub(super) async fn small(&self, bytes: u64) -> Place {
        take(&self.small, bytes.clamp(SMALL_LEAST, PIECE) as u32).await
    }

    pub(super) async fn piece(&self) -> Place {
        take(&self.pieces, 1).await
    }

    pub(super) async fn get(&self) -> Place {
        take(&self.gets, 1).await
    }

    pub(super) async fn thread(&self) -> Place {
        take(&self.threads, 1).await
    }
}

async fn take(semaphore: &Arc<Semaphore>, places: u32) -> Place {
    loop {
        // None of them is ever closed.
        if let Ok(place) = Arc::clone(semaphore).acquire_many_owned(places).await {
            return place;
        }
        std::future::pending::<()>().await;
    }
}

/// Gives back what compressing has saved.
pub(super) fn shrink(place: &mut Place, bytes: u64) {
    let needed = bytes.clamp(SMALL_LEAST, PIECE) as usize;
    drop(place.split(place.num_permits().saturating_sub(needed)));
}
