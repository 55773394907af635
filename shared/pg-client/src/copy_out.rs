//! `COPY … TO STDOUT`, read as a stream of bytes into the reader's own buffer.
//!
//! The server sends a message per row. `tokio-postgres` gathers each whole, and hands it from task to task. A dump's rows go
//! around it: the connection's task reads from the socket straight to where the rows are wanted, and takes the messages' headers
//! out there. All else is as ever: `tokio-postgres` sends the statement, and says how it ended.

mod loan;
pub(crate) mod stream;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::MutexGuard;
use tokio_postgres::{CopyOutStream, Error};

use crate::session::Session;
pub(crate) use loan::Loan;

/// The rows of one COPY. Dropping it leaves the rest of them unread; the session can be used at once.
pub struct CopyOut<'a> {
    messages: Pin<Box<CopyOutStream>>,
    claim: Claim<'a>,
    /// Whether the buffer is out. It stays so when a [`CopyOut::read`] is dropped.
    lent: bool,
}

impl Session {
    /// Begins a COPY. There is one at a time: another one waits until this one is dropped.
    ///
    /// # Errors
    /// The server's, or that the connection is lost.
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOut<'_>, Error> {
        let mut last_ended = self.last_copy_ended.lock().await;
        if !*last_ended {
            // Its rows may still come, and are not this one's: the answer to this comes after them.
            self.client.batch_execute("").await?;
            *last_ended = true;
        }
        let mut claim = Claim::new(&self.loan, last_ended);
        match self.client.copy_out(sql).await {
            Ok(messages) => Ok(CopyOut { messages: Box::pin(messages), claim, lent: false }),
            Err(error) => {
                claim.end();
                Err(error)
            }
        }
    }
}

impl CopyOut<'_> {
    /// Adds to `rows` what comes next of COPY's text, about `room` bytes of it and never many more; a piece ends anywhere. `false`
    /// says that this was the last, and that the server says so too. If the returned future is dropped, the next call gives what
    /// `rows` held, and all that came.
    ///
    /// # Errors
    /// The server's, or that the connection is lost. What came before is then no whole COPY.
    pub async fn read(&mut self, rows: &mut Vec<u8>, room: usize) -> Result<bool, Error> {
        if !self.lent {
            self.claim.loan.lend(std::mem::take(rows), room);
            self.lent = true;
        }
        let (more, filled) = poll_fn(|cx| self.poll_read(cx)).await?;
        self.lent = false;
        if rows.is_empty() {
            *rows = filled;
        } else {
            rows.extend_from_slice(&filled);
        }
        Ok(more)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(bool, Vec<u8>), Error>> {
        let loan = self.claim.loan;
        if let Some(filled) = loan.returned(cx) {
            return Poll::Ready(Ok((true, filled)));
        }
        match self.messages.as_mut().poll_next(cx) {
            Poll::Pending => Poll::Pending,
            // Not claimed by anybody, which doesn't happen. Rows are rows.
            Poll::Ready(Some(Ok(piece))) => {
                let mut filled = loan.reclaim();
                filled.extend_from_slice(&piece);
                Poll::Ready(Ok((true, filled)))
            }
            Poll::Ready(Some(Err(error))) => {
                self.claim.end();
                Poll::Ready(Err(error))
            }
            // The end is told after the last row was put where it belongs, and perhaps after we looked there.
            Poll::Ready(None) => {
                self.claim.end();
                Poll::Ready(Ok((false, loan.reclaim())))
            }
        }
    }
}

/// The session's next COPY is ours, or is no more.
struct Claim<'a> {
    loan: &'a Loan,
    last_ended: MutexGuard<'a, bool>,
}

impl<'a> Claim<'a> {
    fn new(loan: &'a Loan, mut last_ended: MutexGuard<'a, bool>) -> Self {
        *last_ended = false;
        loan.expect();
        Self { loan, last_ended }
    }

    fn end(&mut self) {
        *self.last_ended = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.loan.abandon();
    }
}
