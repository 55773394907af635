use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_util::io::poll_read_buf;

use super::loan::{Loan, Stage};

/// Tags of messages (PostgreSQL, "Message Formats").
const COPY_OUT_RESPONSE: u8 = b'H';
const COPY_DATA: u8 = b'd';
const COPY_DONE: u8 = b'c';
const ERROR_RESPONSE: u8 = b'E';
/// Tag and length.
const HEADER: usize = 5;
/// What one read takes at most, other than of rows.
const BUFFER: usize = 64 << 10;

/// The server's messages on their way in. Those that hold the rows of a COPY that somebody reads end here: what is in them goes
/// to who reads it. Every other message passes as it is.
pub(crate) struct Messages<S> {
    inner: S,
    /// `None` if what comes are no messages yet.
    loan: Option<Arc<Loan>>,
    /// What was read and not given yet, from `given` on.
    read: Vec<u8>,
    given: usize,
    next: Next,
    /// Whether the rows of the COPY that is under way go to who reads them, or to nobody. They pass otherwise.
    claimed: bool,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// A header.
    Header,
    /// So many bytes of rows, never none.
    Rows(usize),
    /// So many bytes of a message that passes, its header included, never none.
    Passing(usize),
}

impl<S> Messages<S> {
    pub(crate) fn new(inner: S, loan: Option<Arc<Loan>>) -> Self {
        Self { inner, loan, read: Vec::new(), given: 0, next: Next::Header, claimed: false }
    }

    fn unread(&self) -> &[u8] {
        &self.read[self.given..]
    }

    /// Gives of a message that passes. `false` if nothing of it was read.
    fn pass(&mut self, left: usize, out: &mut ReadBuf<'_>) -> bool {
        let taken = left.min(self.unread().len()).min(out.remaining());
        out.put_slice(&self.unread()[..taken]);
        self.given += taken;
        self.next = if taken == left { Next::Header } else { Next::Passing(left - taken) };
        taken > 0
    }

    /// Looks at the header of a message that passes. `false` if it wasn't read wholly.
    fn begin(&mut self, loan: &Loan) -> io::Result<bool> {
        let Some((tag, body)) = header(self.unread())? else { return Ok(false) };
        match tag {
            COPY_OUT_RESPONSE => {
                let mut state = loan.lock();
                if state.stage == Stage::Expected {
                    state.stage = Stage::Running;
                    self.claimed = true;
                }
            }
            COPY_DONE | ERROR_RESPONSE => self.claimed = false,
            _ => {}
        }
        self.next = Next::Passing(HEADER + body);
        Ok(true)
    }
}

impl<S: AsyncRead + Unpin> Messages<S> {
    /// Reads more. `false` at the end of all.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.read.drain(..self.given);
        self.given = 0;
        self.read.reserve(BUFFER);
        let read = ready!(poll_read_buf(Pin::new(&mut self.inner), cx, &mut (&mut self.read).limit(BUFFER)))?;
        Poll::Ready(Ok(read > 0))
    }

    /// Puts rows where they belong until another message comes. `false` at the end of all.
    fn poll_rows(&mut self, loan: &Loan, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut state = loan.lock();
        let mut nobody = Vec::new();
        loop {
            if self.next == Next::Header && header(self.unread())?.is_some_and(|(tag, _)| tag != COPY_DATA) {
                return Poll::Ready(Ok(true));
            }
            let (rows, room) = if state.stage == Stage::Running {
                match state.room(cx) {
                    0 => return Poll::Pending,
                    room => (&mut state.rows, room),
                }
            } else {
                nobody.clear();
                (&mut nobody, BUFFER)
            };
            let start = rows.len();
            // Into the rows as it is, and then without headers to where the row before it ends, while it is at hand.
            let unread = &self.read[self.given..];
            let found = unread.len().min(room);
            rows.extend_from_slice(&unread[..found]);
            if found == 0 || (self.next == Next::Header && found < HEADER) {
                rows.reserve(room - found);
                let more = poll_read_buf(Pin::new(&mut self.inner), cx, &mut (&mut *rows).limit(room - found));
                if !matches!(more, Poll::Ready(Ok(1..))) {
                    rows.truncate(start);
                    return more.map_ok(|_| false);
                }
                self.read.clear();
                self.given = 0;
            }
            let Unpacked { rows: end, left } = unpack(&mut rows[start..], &mut self.next)?;
            let left = start + left;
            if self.read.is_empty() {
                self.read.extend_from_slice(&rows[left..]);
            } else {
                self.given += left - start;
            }
            rows.truncate(start + end);
            if state.stage == Stage::Running {
                state.added(end);
            }
        }
    }
}

/// Where rows end, and where what isn't rows, or is a part of a header, begins.
struct Unpacked {
    rows: usize,
    left: usize,
}

/// Takes the headers of CopyData messages out of `bytes`, up to another message.
fn unpack(bytes: &mut [u8], next: &mut Next) -> io::Result<Unpacked> {
    let (mut rows, mut left) = (0, 0);
    loop {
        if let Next::Rows(body) = *next {
            let taken = body.min(bytes.len() - left);
            if rows != left {
                bytes.copy_within(left..left + taken, rows);
            }
            (rows, left) = (rows + taken, left + taken);
            if taken < body {
                *next = Next::Rows(body - taken);
                return Ok(Unpacked { rows, left });
            }
            *next = Next::Header;
        }
        match header(&bytes[left..])? {
            Some((COPY_DATA, body)) => {
                left += HEADER;
                *next = Next::Rows(body);
            }
            _ => return Ok(Unpacked { rows, left }),
        }
    }
}

/// Tag of a message and length of its body, if its header is all there.
fn header(bytes: &[u8]) -> io::Result<Option<(u8, usize)>> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
    match length.checked_sub(4) {
        Some(body) => Ok(Some((header[0], body))),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent a message of negative length")),
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Messages<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Some(loan) = this.loan.clone() else { return Pin::new(&mut this.inner).poll_read(cx, out) };
        let before = out.filled().len();
        while out.remaining() > 0 {
            let given = out.filled().len() > before;
            let went_on = match (this.next, this.claimed) {
                (Next::Passing(left), _) => this.pass(left, out),
                (_, true) if given => break,
                (_, true) if !ready!(this.poll_rows(&loan, cx))? => break,
                _ => this.begin(&loan)?,
            };
            if !went_on && (given || !ready!(this.poll_more(cx))?) {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Messages<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S: TlsStream + Unpin> TlsStream for Messages<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// A TLS handshake, on whose stream messages come.
pub(crate) struct Handshake<T> {
    pub(crate) tls: T,
    pub(crate) loan: Arc<Loan>,
}

impl<S, T> TlsConnect<S> for Handshake<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
    T::Stream: 'static,
    T::Error: 'static,
{
    type Stream = Messages<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.tls.connect(stream);
        Box::pin(async move { Ok(Messages::new(connecting.await?, Some(self.loan))) })
    }
}

#[cfg(test)]
mod tests;
