use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use zeroize::Zeroizing;

use crate::context::EncryptionContext;
use crate::error::Error;
use crate::frame::{
    END_MARK, FINAL_HEAD, FINAL_OVERHEAD, FRAME_HEAD, FRAME_LENGTH, FrameCipher, Kind, TAG_LENGTH, final_head,
    frame_head,
};
use crate::header::seal::seal;
use crate::recipients::Recipients;

const FRAME: usize = FRAME_LENGTH as usize;

/// Reads plaintext from `R` and yields the message. A frame at a time is in memory.
///
/// If the source fails, its error comes out and the message has no final frame: no reader takes it for whole.
pub struct Encryptor<R> {
    source: R,
    cipher: FrameCipher,
    header: Vec<u8>,
    header_sent: usize,
    /// One frame: the final frame's head, plaintext and then ciphertext, tag. A regular frame's head is shorter and
    /// stands directly before the data too.
    buffer: Zeroizing<Vec<u8>>,
    /// Plaintext bytes in the buffer.
    filled: usize,
    /// What of the buffer is sealed and to be handed out.
    sealed: Range<usize>,
    sequence: u32,
    stage: Stage,
    plaintext_bytes: u64,
    ciphertext_bytes: u64,
}

#[derive(Clone, Copy)]
enum Stage {
    Filling,
    FinalSealed,
    Failed,
}

impl<R: AsyncRead + Unpin> Encryptor<R> {
    /// Makes a data key, wraps it for the recipients (one call of KMS, if there is a KMS key) and writes the header.
    ///
    /// # Errors
    /// [`Error`]: recipients or context unfit, or KMS refused.
    pub async fn new(source: R, recipients: &Recipients, context: EncryptionContext) -> Result<Self, Error> {
        let (header, cipher) = seal(recipients, &context).await?;
        Ok(Self {
            source,
            cipher,
            header,
            header_sent: 0,
            buffer: Zeroizing::new(vec![0; FINAL_OVERHEAD + FRAME]),
            filled: 0,
            sealed: 0..0,
            sequence: 1,
            stage: Stage::Filling,
            plaintext_bytes: 0,
            ciphertext_bytes: 0,
        })
    }

    fn seal_frame(&mut self) -> Result<(), Error> {
        if self.sequence == END_MARK {
            return Err(Error::TooLong);
        }
        let tag = self.seal_data(Kind::Regular, FRAME)?;
        self.buffer[FINAL_HEAD - FRAME_HEAD..FINAL_HEAD].copy_from_slice(&frame_head(self.sequence));
        self.sealed = FINAL_HEAD - FRAME_HEAD..tag;
        self.sequence += 1;
        Ok(())
    }

    fn seal_final_frame(&mut self) -> Result<(), Error> {
        let length = self.filled;
        let tag = self.seal_data(Kind::Final, length)?;
        self.buffer[..FINAL_HEAD].copy_from_slice(&final_head(self.sequence, length as u32));
        self.sealed = 0..tag;
        self.stage = Stage::FinalSealed;
        Ok(())
    }

    /// Returns where the tag ends.
    fn seal_data(&mut self, kind: Kind, length: usize) -> Result<usize, Error> {
        let end = FINAL_HEAD + length;
        let tag = self.cipher.seal(kind, self.sequence, &mut self.buffer[FINAL_HEAD..end])?;
        self.buffer[end..end + TAG_LENGTH].copy_from_slice(&tag);
        self.filled = 0;
        Ok(end + TAG_LENGTH)
    }

    /// Reads once from the source; seals what is complete.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let free = FINAL_HEAD + self.filled..FINAL_HEAD + FRAME;
        let mut free = ReadBuf::new(&mut self.buffer[free]);
        ready!(Pin::new(&mut self.source).poll_read(cx, &mut free))?;
        let read = free.filled().len();
        self.filled += read;
        self.plaintext_bytes += read as u64;
        if read == 0 {
            self.seal_final_frame()?;
        } else if self.filled == FRAME {
            self.seal_frame()?;
        }
        Poll::Ready(Ok(()))
    }

    /// Hands out of `bytes`; returns how many.
    fn give(&mut self, out: &mut ReadBuf<'_>, bytes: Bytes) -> usize {
        let bytes = match bytes {
            Bytes::Header => &self.header[self.header_sent..],
            Bytes::Sealed => &self.buffer[self.sealed.clone()],
        };
        let count = bytes.len().min(out.remaining());
        out.put_slice(&bytes[..count]);
        self.ciphertext_bytes += count as u64;
        count
    }
}

#[derive(Clone, Copy)]
enum Bytes {
    Header,
    Sealed,
}

impl<R> Encryptor<R> {
    /// Bytes read from the source so far.
    pub fn plaintext_bytes(&self) -> u64 {
        self.plaintext_bytes
    }

    /// Bytes handed out so far.
    pub fn ciphertext_bytes(&self) -> u64 {
        self.ciphertext_bytes
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Encryptor<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.header_sent < this.header.len() {
                this.header_sent += this.give(out, Bytes::Header);
                return Poll::Ready(Ok(()));
            }
            if !this.sealed.is_empty() {
                this.sealed.start += this.give(out, Bytes::Sealed);
                return Poll::Ready(Ok(()));
            }
            match this.stage {
                Stage::Filling => {
                    if let Err(error) = ready!(this.poll_fill(cx)) {
                        this.stage = Stage::Failed;
                        return Poll::Ready(Err(error));
                    }
                }
                Stage::FinalSealed => return Poll::Ready(Ok(())),
                // Reading on after an error must never look like a clean end.
                Stage::Failed => return Poll::Ready(Err(Error::FailedBefore.into())),
            }
        }
    }
}

impl<R> fmt::Debug for Encryptor<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Encryptor").field("plaintext_bytes", &self.plaintext_bytes).finish_non_exhaustive()
    }
}
