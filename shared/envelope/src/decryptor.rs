use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use zeroize::Zeroizing;

use crate::context::{EncryptionContext, ExpectedContext};
use crate::error::Error;
use crate::frame::{
    FINAL_HEAD, FINAL_OVERHEAD, FRAME_HEAD, FRAME_OVERHEAD, FrameCipher, Kind, is_final, split_final, split_frame,
};
use crate::header::Header;
use crate::identities::Identities;

/// Reads a message from `R` and yields its plaintext, each frame only after it is verified; the end only after the
/// final frame is verified and nothing follows it.
///
/// The plaintext before an error is authentic, but a part: whoever writes it somewhere removes it on an error.
pub struct Decryptor<R> {
    source: R,
    cipher: FrameCipher,
    context: EncryptionContext,
    frame_length: u32,
    /// One frame as read, decrypted in place, and one byte more, to see whether something follows the final frame.
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes in the buffer.
    filled: usize,
    /// What of the buffer is verified plaintext, to be handed out.
    verified: Range<usize>,
    sequence: u32,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Filling,
    FinalVerified,
    Failed,
}

impl<R: AsyncRead + Unpin> Decryptor<R> {
    /// Reads the header, checks its context, unwraps the data key with the first key that works and verifies the header.
    ///
    /// # Errors
    /// [`Error`]: what is wrong with the header, or why no key fits.
    pub async fn new(
        mut source: R,
        identities: &Identities,
        expected: impl Into<ExpectedContext>,
    ) -> Result<Self, Error> {
        let (header, cipher) = Header::open(&mut source, identities, &expected.into()).await?;
        let capacity = FINAL_OVERHEAD + header.frame_length as usize + 1;
        Ok(Self {
            source,
            cipher,
            context: header.context,
            frame_length: header.frame_length,
            buffer: Zeroizing::new(vec![0; capacity]),
            filled: 0,
            verified: 0..0,
            sequence: 1,
            stage: Stage::Filling,
        })
    }

    /// Reads up to a whole frame, or up to the end, and opens it.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let whole = match is_final(&self.buffer[..self.filled]) {
                true => self.buffer.len(),
                false => FRAME_OVERHEAD + self.frame_length as usize,
            };
            let mut free = ReadBuf::new(&mut self.buffer[self.filled..whole]);
            ready!(Pin::new(&mut self.source).poll_read(cx, &mut free))?;
            let read = free.filled().len();
            self.filled += read;
            // The last read may have brought the end mark, behind which more fits.
            let ended = read == 0 || self.filled == self.buffer.len();
            let is_final = is_final(&self.buffer[..self.filled]);
            if ended || (!is_final && self.filled == whole) {
                return Poll::Ready(
                    if is_final { self.open_final_frame() } else { self.open_frame() }.map_err(Into::into),
                );
            }
        }
    }

    fn open_frame(&mut self) -> Result<(), Error> {
        if self.filled == 0 {
            return Err(Error::NoFinalFrame(self.sequence - 1));
        }
        let bytes = &mut self.buffer[..self.filled];
        let (data, tag) = split_frame(bytes, self.sequence, self.frame_length)?;
        self.cipher.open(Kind::Regular, self.sequence, data, tag)?;
        self.verified = FRAME_HEAD..FRAME_HEAD + data.len();
        self.filled = 0;
        self.sequence = self.sequence.checked_add(1).ok_or(Error::TooLong)?;
        Ok(())
    }

    fn open_final_frame(&mut self) -> Result<(), Error> {
        let bytes = &mut self.buffer[..self.filled];
        let (data, tag) = split_final(bytes, self.sequence, self.frame_length)?;
        self.cipher.open(Kind::Final, self.sequence, data, tag)?;
        self.verified = FINAL_HEAD..FINAL_HEAD + data.len();
        self.stage = Stage::FinalVerified;
        Ok(())
    }
}

impl<R> Decryptor<R> {
    /// What the message is bound to: verified.
    pub fn context(&self) -> &EncryptionContext {
        &self.context
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Decryptor<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.verified.is_empty() {
                let count = this.verified.len().min(out.remaining());
                out.put_slice(&this.buffer[this.verified.start..this.verified.start + count]);
                this.verified.start += count;
                return Poll::Ready(Ok(()));
            }
            match this.stage {
                Stage::Filling => {
                    if let Err(error) = ready!(this.poll_frame(cx)) {
                        this.stage = Stage::Failed;
                        this.verified = 0..0;
                        return Poll::Ready(Err(error));
                    }
                }
                Stage::FinalVerified => return Poll::Ready(Ok(())),
                // Reading on after an error must never look like a clean end.
                Stage::Failed => return Poll::Ready(Err(Error::FailedBefore.into())),
            }
        }
    }
}

impl<R> fmt::Debug for Decryptor<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decryptor").field("context", &self.context).finish_non_exhaustive()
    }
}
