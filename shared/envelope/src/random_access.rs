use std::fmt;
use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

use crate::context::{EncryptionContext, ExpectedContext};
use crate::error::{Error, HeaderDefect};
use crate::frame::{
    FINAL_OVERHEAD, FRAME_HEAD, FRAME_OVERHEAD, FrameCipher, Kind, TAG_LENGTH, is_final, split_final, verify_frame_head,
};
use crate::header::{Header, MAX_HEADER_LENGTH};
use crate::identities::Identities;

/// What the first read asks for: more than any header of ours.
const FIRST_READ: u64 = 16 * 1024;

/// Somewhere to read parts of one message from: always the same version of the same object.
#[async_trait]
pub trait RangeSource: Send + Sync {
    /// Exactly the bytes of `range`, which lies within the message.
    async fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

/// Any range of a message's plaintext, without reading what is before it.
///
/// Opening it verifies the header and the final frame, so a message that was cut off is refused before anything is read.
pub struct RandomAccess<S> {
    source: S,
    cipher: FrameCipher,
    context: EncryptionContext,
    /// Where the first frame starts.
    header_length: u64,
    frame_length: u32,
    /// Frames before the final one.
    full_frames: u32,
    /// Verified plaintext.
    final_frame: Bytes,
}

impl<S: RangeSource> RandomAccess<S> {
    /// Reads and verifies the header and the final frame of a message of `size` bytes.
    ///
    /// # Errors
    /// [`Error`]: what is wrong with them, or why no key fits.
    pub async fn open(
        source: S,
        size: u64,
        identities: &Identities,
        expected: impl Into<ExpectedContext>,
    ) -> Result<Self, Error> {
        let expected = expected.into();
        let start = read(&source, "message's header", 0..size.min(FIRST_READ)).await?;
        let (header, cipher) = match Header::open(&mut &start[..], identities, &expected).await {
            Err(Error::Header(HeaderDefect::Truncated)) if size > FIRST_READ => {
                let start = read(&source, "message's header", 0..size.min(MAX_HEADER_LENGTH as u64)).await?;
                Header::open(&mut &start[..], identities, &expected).await?
            }
            other => other?,
        };
        let header_length = header.length() as u64;
        let (full_frames, final_length) = frames(size, header_length, header.frame_length)?;
        let final_size = final_length + FINAL_OVERHEAD as u64;
        let final_bytes = match start.get((size - final_size) as usize..size as usize) {
            Some(already_read) if size <= start.len() as u64 => already_read.to_vec(),
            _ => read(&source, "message's final frame", size - final_size..size).await?.to_vec(),
        };
        let final_frame = open_final_frame(size, final_bytes, full_frames, header.frame_length, &cipher)?;
        Ok(Self {
            source,
            cipher,
            context: header.context,
            header_length,
            frame_length: header.frame_length,
            full_frames,
            final_frame,
        })
    }

    /// Bytes of the whole plaintext: verified.
    pub fn plaintext_len(&self) -> u64 {
        self.full_length() + self.final_frame.len() as u64
    }

    /// Plaintext bytes of a frame, the least that is fetched: all frames begin at multiples of it.
    pub fn frame_length(&self) -> u32 {
        self.frame_length
    }

    /// What the message is bound to: verified.
    pub fn context(&self) -> &EncryptionContext {
        &self.context
    }

    /// A range of the plaintext, by one read of the source or none. In memory: the frames that it touches, twice.
    ///
    /// # Errors
    /// [`Error`]: a range past the end, a source that fails, a frame that was altered.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let (start, end, length) = (range.start, range.end, self.plaintext_len());
        if start > end || end > length {
            return Err(Error::RangeOutside { start, end, length });
        }
        let full = self.full_length();
        if start >= full {
            return Ok(self.final_frame.slice((start - full) as usize..(end - full) as usize));
        }
        if start == end {
            return Ok(Bytes::new());
        }
        let frame_length = u64::from(self.frame_length);
        let frames = start / frame_length..end.min(full).div_ceil(frame_length);
        let skipped = frames.start * frame_length;
        let mut plaintext = self.read_frames(frames).await?;
        if end > full {
            plaintext.extend_from_slice(&self.final_frame[..(end - full) as usize]);
        }
        Ok(Bytes::from(plaintext).slice((start - skipped) as usize..(end - skipped) as usize))
    }

    /// The plaintext of full frames, counted from 0, with room for the final frame's.
    async fn read_frames(&self, frames: Range<u64>) -> Result<Vec<u8>, Error> {
        let length = self.frame_length as usize;
        let stride = length as u64 + FRAME_OVERHEAD as u64;
        let place = |frame: u64| self.header_length + frame * stride;
        let bytes = read(&self.source, "message's frames", place(frames.start)..place(frames.end)).await?;
        let count = (frames.end - frames.start) as usize;
        let mut plaintext = Vec::with_capacity(count * length + self.final_frame.len());
        plaintext.resize(count * length, 0);
        let outs = plaintext.chunks_exact_mut(length);
        for ((index, frame), out) in frames.zip(bytes.chunks_exact(stride as usize)).zip(outs) {
            let sequence = index as u32 + 1;
            verify_frame_head(frame, sequence)?;
            let (data, tag) = frame[FRAME_HEAD..].split_at(length);
            debug_assert_eq!(tag.len(), TAG_LENGTH);
            self.cipher.open_into(Kind::Regular, sequence, data, tag, out)?;
        }
        Ok(plaintext)
    }

    fn full_length(&self) -> u64 {
        u64::from(self.full_frames) * u64::from(self.frame_length)
    }
}

/// Full frames and the final frame's length: the only way to divide a message of this size.
fn frames(size: u64, header_length: u64, frame_length: u32) -> Result<(u32, u64), Error> {
    let body = size.checked_sub(header_length + FINAL_OVERHEAD as u64).ok_or(Error::Size(size))?;
    let stride = u64::from(frame_length) + FRAME_OVERHEAD as u64;
    let (full, rest) = (body / stride, body % stride);
    // The final frame's number counts too.
    let full = u32::try_from(full).ok().filter(|full| *full < u32::MAX).ok_or(Error::TooLong)?;
    if rest > u64::from(frame_length) { Err(Error::Size(size)) } else { Ok((full, rest)) }
}

fn open_final_frame(
    size: u64,
    mut bytes: Vec<u8>,
    full_frames: u32,
    frame_length: u32,
    cipher: &FrameCipher,
) -> Result<Bytes, Error> {
    if !is_final(&bytes) {
        return Err(Error::Size(size));
    }
    let sequence = full_frames + 1;
    let (data, tag) = split_final(&mut bytes, sequence, frame_length)?;
    cipher.open(Kind::Final, sequence, data, tag)?;
    Ok(Bytes::copy_from_slice(data))
}

async fn read(source: &impl RangeSource, what: &'static str, range: Range<u64>) -> Result<Bytes, Error> {
    if range.is_empty() {
        return Ok(Bytes::new());
    }
    let bytes = source.read(range.clone()).await.map_err(|error| Error::Read(what, error))?;
    if bytes.len() as u64 == range.end - range.start {
        return Ok(bytes);
    }
    Err(Error::RangeLength { start: range.start, end: range.end, found: bytes.len() })
}

impl<S> fmt::Debug for RandomAccess<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RandomAccess").field("context", &self.context).finish_non_exhaustive()
    }
}
