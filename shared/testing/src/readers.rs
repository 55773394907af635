//! Hostile readers: what a network does to a stream, at its worst.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Gives one byte at a time.
pub struct OneByte<R>(pub R);

impl<R: AsyncRead + Unpin> AsyncRead for OneByte<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_at_most(&mut self.0, cx, out, 1).map_ok(|_| ())
    }
}

/// Is not ready every other time, and gives at most as many bytes as it was told.
pub struct Hesitant<R> {
    inner: R,
    most: usize,
    ready: bool,
}

impl<R> Hesitant<R> {
    pub fn new(inner: R, most: usize) -> Self {
        Self { inner, most, ready: false }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Hesitant<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.ready = !self.ready;
        if !self.ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let most = self.most;
        read_at_most(&mut self.inner, cx, out, most).map_ok(|_| ())
    }
}

/// Gives some bytes and then an error, every time.
pub struct FailsAfter<R> {
    inner: R,
    left: usize,
}

impl<R> FailsAfter<R> {
    pub fn new(inner: R, bytes: usize) -> Self {
        Self { inner, left: bytes }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for FailsAfter<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionReset, "the source failed on purpose")));
        }
        let most = self.left;
        let read = ready!(read_at_most(&mut self.inner, cx, out, most))?;
        self.left -= read;
        Poll::Ready(Ok(()))
    }
}

fn read_at_most(
    inner: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    out: &mut ReadBuf<'_>,
    most: usize,
) -> Poll<io::Result<usize>> {
    let most = most.min(out.remaining());
    let mut part = ReadBuf::new(out.initialize_unfilled_to(most));
    ready!(Pin::new(inner).poll_read(cx, &mut part))?;
    let read = part.filled().len();
    out.advance(read);
    Poll::Ready(Ok(read))
}
