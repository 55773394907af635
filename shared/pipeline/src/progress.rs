//! How far a run is: logged every ten seconds, and shown by the command line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a run advances and anyone may read. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    done: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Bytes of SQL, or of files, that passed so far.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// Bytes that are expected in all; 0 if unknown. An estimate: the end may come before or after it.
    pub fn expected(&self) -> u64 {
        self.0.expected.load(Ordering::Relaxed)
    }

    pub(crate) fn expect(&self, bytes: u64) {
        self.0.expected.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn reach(&self, bytes: u64) {
        self.0.done.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }
}
