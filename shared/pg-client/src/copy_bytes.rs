use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Tag of a CopyData message (PostgreSQL, "Message Formats").
const COPY_DATA: u8 = b'd';
/// Tag and length.
const HEADER: usize = 5;
/// What one read takes at most.
const BUFFER: usize = 64 << 10;
/// A message for a reader that has no room for a header.
const LATE: usize = 64;

/// Rewrites the server's CopyData messages on their way in: small ones are joined, large ones are cut, so that each fills the room
/// that the reader has.
///
/// The server sends a message per row, and `tokio-postgres` gathers each message whole before it hands it on. COPY's text
/// needs neither: joining saves the work per message, and cutting keeps a row of any length out of memory. Every other
/// message passes as it is.
pub(crate) struct CopyBytes<S> {
    inner: S,
    /// What was read and not given yet is `buffer[unread.0..unread.1]`. Empty if messages pass as they are.
    buffer: Vec<u8>,
    unread: (usize, usize),
    message: Message,
    /// A rewritten message that the reader had no room for, the next byte last.
    late: Vec<u8>,
}

/// What is given next.
#[derive(Clone, Copy)]
enum Message {
    /// Whatever the header says that comes now.
    Header,
    /// So many bytes of a CopyData message's body, never none.
    CopyData(usize),
    /// So many bytes of another message, its header included, never none.
    Other(usize),
}

impl<S> CopyBytes<S> {
    pub(crate) fn new(inner: S, enabled: bool) -> Self {
        let buffer = if enabled { vec![0; BUFFER] } else { Vec::new() };
        Self { inner, buffer, unread: (0, 0), message: Message::Header, late: Vec::new() }
    }

    fn unread(&self) -> &[u8] {
        &self.buffer[self.unread.0..self.unread.1]
    }

    /// Gives as much of what was read as `out` has room for; nothing if it ends within a header.
    fn give(&mut self, out: &mut ReadBuf<'_>) -> io::Result<()> {
        let before = out.filled().len();
        while out.remaining() > 0 {
            match self.message {
                Message::Header => match copy_data(self.unread())? {
                    Next::Cut => break,
                    Next::CopyData(body) => {
                        self.unread.0 += HEADER;
                        self.message = if body == 0 { Message::Header } else { Message::CopyData(body) };
                    }
                    Next::Other(length) => self.message = Message::Other(length),
                },
                Message::CopyData(_) if self.unread().is_empty() => break,
                Message::CopyData(_) if out.remaining() > HEADER => self.join(out)?,
                Message::CopyData(_) if out.filled().len() > before => break,
                Message::CopyData(_) => {
                    let mut message = [0; LATE];
                    let mut late = ReadBuf::new(&mut message);
                    self.join(&mut late)?;
                    self.late.extend(late.filled().iter().rev());
                    self.give_late(out);
                }
                Message::Other(left) => {
                    let taken = left.min(self.unread().len()).min(out.remaining());
                    if taken == 0 {
                        break;
                    }
                    out.put_slice(&self.unread()[..taken]);
                    self.unread.0 += taken;
                    self.message = if taken == left { Message::Header } else { Message::Other(left - taken) };
                }
            }
        }
        Ok(())
    }

    fn give_late(&mut self, out: &mut ReadBuf<'_>) {
        while out.remaining() > 0
            && let Some(byte) = self.late.pop()
        {
            out.put_slice(&[byte]);
        }
    }

    /// Gives one CopyData message of all that follows, up to another message, the end of what was read, or the end of the room.
    fn join(&mut self, out: &mut ReadBuf<'_>) -> io::Result<()> {
        let start = out.filled().len();
        out.put_slice(&[COPY_DATA, 0, 0, 0, 0]);
        while let Message::CopyData(left) = self.message {
            let taken = left.min(self.unread().len()).min(out.remaining());
            out.put_slice(&self.unread()[..taken]);
            self.unread.0 += taken;
            if taken < left {
                self.message = Message::CopyData(left - taken);
                break;
            }
            self.message = Message::Header;
            if let Next::CopyData(body @ 1..) = copy_data(self.unread())? {
                self.unread.0 += HEADER;
                self.message = Message::CopyData(body);
            }
        }
        let message = &mut out.filled_mut()[start..];
        let length = (message.len() - 1) as u32;
        message[1..HEADER].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// What a header says that comes after it.
enum Next {
    /// It isn't whole.
    Cut,
    /// The body of a CopyData message, of so many bytes.
    CopyData(usize),
    /// Another message of so many bytes, with this header.
    Other(usize),
}

fn copy_data(bytes: &[u8]) -> io::Result<Next> {
    let Some(header) = bytes.first_chunk::<HEADER>() else { return Ok(Next::Cut) };
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
    let Some(body) = length.checked_sub(4) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sent a message of negative length"));
    };
    Ok(if header[0] == COPY_DATA { Next::CopyData(body) } else { Next::Other(HEADER + body) })
}

impl<S: AsyncRead + Unpin> AsyncRead for CopyBytes<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.buffer.is_empty() {
            return Pin::new(&mut this.inner).poll_read(cx, out);
        }
        let before = out.filled().len();
        this.give_late(out);
        loop {
            this.give(out)?;
            if out.filled().len() > before || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            // All was given but, perhaps, a part of a header: the next read continues it.
            let (from, to) = this.unread;
            this.buffer.copy_within(from..to, 0);
            this.unread = (0, to - from);
            let mut more = ReadBuf::new(&mut this.buffer[to - from..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut more))?;
            let count = more.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
            this.unread.1 += count;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CopyBytes<S> {
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

impl<S: TlsStream + Unpin> TlsStream for CopyBytes<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// A TLS handshake whose stream's messages are rewritten, if that is asked for.
pub(crate) struct Handshake<T> {
    pub(crate) tls: T,
    pub(crate) copy_as_bytes: bool,
}

impl<S, T> TlsConnect<S> for Handshake<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
    T::Stream: 'static,
    T::Error: 'static,
{
    type Stream = CopyBytes<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let connecting = self.tls.connect(stream);
        Box::pin(async move { Ok(CopyBytes::new(connecting.await?, self.copy_as_bytes)) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncReadExt;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    /// The messages of a stream, with the bodies of neighbouring CopyData messages put together.
    fn joined(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize;
            let (tag, body) = (bytes[0], &bytes[5..1 + length]);
            match messages.last_mut() {
                Some((COPY_DATA, before)) if tag == COPY_DATA => before.extend_from_slice(body),
                _ => messages.push((tag, body.to_vec())),
            }
            bytes = &bytes[1 + length..];
        }
        messages.retain(|(tag, body)| *tag != COPY_DATA || !body.is_empty());
        messages
    }

    fn longest(mut bytes: &[u8]) -> usize {
        let mut longest = 0;
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(bytes[1..5].try_into().unwrap()) as usize + 1;
            if bytes[0] == COPY_DATA {
                longest = longest.max(length);
            }
            bytes = &bytes[length..];
        }
        longest
    }

    /// Gives at most `step` bytes per read.
    struct Slow<'a>(&'a [u8], usize);

    impl AsyncRead for Slow<'_> {
        fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            let count = self.1.min(self.0.len()).min(out.remaining());
            let (now, later) = self.0.split_at(count);
            out.put_slice(now);
            self.0 = later;
            Poll::Ready(Ok(()))
        }
    }

    async fn rewritten(bytes: &[u8], step: usize, room: usize) -> Vec<u8> {
        let mut stream = CopyBytes::new(Slow(bytes, step), true);
        let (mut all, mut part) = (Vec::new(), vec![0; room]);
        loop {
            let count = stream.read(&mut part).await.unwrap();
            if count == 0 {
                return all;
            }
            all.extend_from_slice(&part[..count]);
        }
    }

    #[tokio::test]
    async fn rows_are_the_same_bytes_however_the_network_cuts_them() {
        let mut sent = message(b'2', b"");
        sent.extend(message(b'H', &[0, 0, 1, 0, 0]));
        for row in 0..300u32 {
            sent.extend(message(b'd', &vec![b'a' + (row % 26) as u8; (row * 7 % 90) as usize]));
            if row % 97 == 3 {
                sent.extend(message(b'N', b"a notice"));
            }
        }
        sent.extend(message(b'd', &vec![b'x'; 3 * BUFFER + 17]));
        sent.extend(message(b'd', b""));
        sent.extend(message(b'c', b""));
        sent.extend(message(b'Z', b"T"));
        for step in [1, 2, 3, 4, 5, 6, 7, 11, 64, 1000, 8192, usize::MAX] {
            for room in [1, 5, 8192, 1 << 20] {
                let got = rewritten(&sent, step, room).await;
                assert!(joined(&got) == joined(&sent), "step {step} room {room}");
                assert!(longest(&got) <= room.max(LATE), "step {step} room {room}");
            }
        }
    }

    #[tokio::test]
    async fn small_rows_are_joined() {
        let sent: Vec<u8> = (0..1000).flat_map(|_| message(b'd', b"0123456789\n")).collect();
        let got = rewritten(&sent, usize::MAX, 1 << 20).await;
        assert!(got.len() < 1000 * 11 + 100, "{}", got.len());
    }

    #[tokio::test]
    async fn message_of_negative_length_is_refused() {
        let mut stream = CopyBytes::new(Slow(&[b'd', 0, 0, 0, 3], 5), true);
        assert!(stream.read(&mut [0; 10]).await.is_err());
    }
}
