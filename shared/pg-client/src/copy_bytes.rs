use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Tag of a CopyData message (PostgreSQL, "Message Formats").
const COPY_DATA: u8 = b'd';
/// Tag and length.
const HEADER: usize = 5;
const BUFFER: usize = 64 << 10;

/// Rewrites the server's CopyData messages on their way in: small ones are joined, large ones are cut.
///
/// The server sends a message per row, and `tokio-postgres` gathers each message whole before it hands it on. COPY's text
/// needs neither: joining saves the work per message, and cutting keeps a row of any length out of memory. Every other
/// message passes as it is.
pub(crate) struct CopyBytes<S> {
    inner: S,
    /// Empty if messages pass as they are.
    buffer: Vec<u8>,
    /// Rewritten bytes that wait to be read: `buffer[ready.0..ready.1]`.
    ready: (usize, usize),
    /// The beginning of a header that the last read cut: `buffer[cut.0..cut.1]`.
    cut: (usize, usize),
    message: Message,
}

/// Where the last read ended.
#[derive(Clone, Copy)]
enum Message {
    /// Before a header.
    Header,
    /// Within a CopyData message, before so many bytes of its body.
    CopyData(usize),
    /// Within another message.
    Other(usize),
}

impl<S> CopyBytes<S> {
    pub(crate) fn new(inner: S, enabled: bool) -> Self {
        let buffer = if enabled { vec![0; HEADER + BUFFER] } else { Vec::new() };
        Self { inner, buffer, ready: (0, 0), cut: (0, 0), message: Message::Header }
    }

    /// Rewrites `buffer[HEADER..end]`, which a read has just filled, in place. The room in front of it is for the header
    /// that the rest of a cut message needs; every other header written has a header read before it, so writing never
    /// overtakes reading.
    fn rewrite(&mut self, end: usize) -> io::Result<()> {
        let (mut read, mut write) = (HEADER, 0);
        while read < end {
            match self.message {
                Message::Header => {
                    let Some(header) = self.buffer[read..end].first_chunk::<HEADER>() else { break };
                    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
                    let body = length.checked_sub(4).ok_or_else(|| {
                        io::Error::new(io::ErrorKind::InvalidData, "the server sent a message of negative length")
                    })?;
                    if header[0] == COPY_DATA {
                        read += HEADER;
                        self.message = Message::CopyData(body);
                        // An empty message has nothing to join, and `join` is for what has begun.
                        if read == end {
                            self.settle();
                            break;
                        }
                        (read, write) = self.join(read, write, end);
                    } else {
                        self.buffer.copy_within(read..read + HEADER, write);
                        (read, write) = (read + HEADER, write + HEADER);
                        self.message = Message::Other(body);
                        self.settle();
                    }
                }
                Message::CopyData(_) => (read, write) = self.join(read, write, end),
                Message::Other(left) => {
                    let taken = left.min(end - read);
                    self.buffer.copy_within(read..read + taken, write);
                    (read, write) = (read + taken, write + taken);
                    self.message = Message::Other(left - taken);
                    self.settle();
                }
            }
        }
        self.ready = (0, write);
        self.cut = (read, end);
        Ok(())
    }

    /// Writes one CopyData message of all that follows, up to another message or the end of what was read.
    fn join(&mut self, mut read: usize, start: usize, end: usize) -> (usize, usize) {
        let mut write = start + HEADER;
        while let Message::CopyData(left) = self.message {
            let taken = left.min(end - read);
            self.buffer.copy_within(read..read + taken, write);
            (read, write) = (read + taken, write + taken);
            self.message = Message::CopyData(left - taken);
            self.settle();
            if let (Message::Header, Some(header)) = (self.message, self.buffer[read..end].first_chunk::<HEADER>()) {
                let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
                if header[0] == COPY_DATA && length > 4 {
                    read += HEADER;
                    self.message = Message::CopyData(length - 4);
                }
            }
            if read == end {
                break;
            }
        }
        if write == start + HEADER {
            return (read, start);
        }
        let length = (write - start - 1) as u32;
        self.buffer[start] = COPY_DATA;
        self.buffer[start + 1..start + HEADER].copy_from_slice(&length.to_be_bytes());
        (read, write)
    }

    fn settle(&mut self) {
        if let Message::CopyData(0) | Message::Other(0) = self.message {
            self.message = Message::Header;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CopyBytes<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.buffer.is_empty() {
            return Pin::new(&mut this.inner).poll_read(cx, out);
        }
        while this.ready.0 == this.ready.1 {
            // A header that the last read cut goes where the next one continues it.
            let (from, to) = this.cut;
            let end = HEADER + (to - from);
            this.buffer.copy_within(from..to, HEADER);
            this.cut = (HEADER, end);
            let mut more = ReadBuf::new(&mut this.buffer[end..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut more))?;
            let count = more.filled().len();
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
            this.rewrite(end + count)?;
        }
        let count = (this.ready.1 - this.ready.0).min(out.remaining());
        out.put_slice(&this.buffer[this.ready.0..this.ready.0 + count]);
        this.ready.0 += count;
        Poll::Ready(Ok(()))
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
                assert!(longest(&got) <= BUFFER + 2 * HEADER, "step {step} room {room}");
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
