//! What is left behind when a dump is dropped in the middle.

use pg_client::Canceller;

/// Cancels what a session is doing when it goes: a statement that waits for a lock notices neither that its client is gone, nor
/// that nobody wants the lock any more, and everyone queues behind it.
pub(crate) struct CancelOnDrop(Option<Canceller>);

impl CancelOnDrop {
    pub(crate) fn new(canceller: Canceller) -> Self {
        Self(Some(canceller))
    }

    /// The session goes on, or has nothing to cancel.
    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (Some(canceller), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) else { return };
        runtime.spawn(async move {
            if let Err(error) = canceller.cancel().await {
                tracing::warn!(%error, "a statement of a dump that was dropped could not be cancelled");
            }
        });
    }
}
