//! The decrypted bytes of a file, at any place.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::cbc::{BLOCK, Cbc};
use crate::stored::{PIECE, Stored};

/// What a file holds once it is decrypted. Cheap to clone.
#[derive(Clone)]
pub struct Plaintext {
    stored: Arc<dyn Stored>,
    /// Where the ciphertext begins; of a file that is not encrypted, its beginning.
    start: u64,
    length: u64,
    cbc: Option<Cbc>,
}

impl Plaintext {
    pub(crate) fn of(stored: Arc<dyn Stored>) -> Self {
        Self { length: stored.length(), stored, start: 0, cbc: None }
    }

    /// `length` bytes, without the padding.
    pub(crate) fn decrypted(stored: Arc<dyn Stored>, start: u64, length: u64, cbc: Cbc) -> Self {
        Self { stored, start, length, cbc: Some(cbc) }
    }

    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Exactly the bytes of `range`, which lies within the plaintext and is not longer than 8 MiB less 32 bytes.
    ///
    /// # Errors
    /// As the stored file is read.
    pub async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(cbc) = &self.cbc else {
            return self.stored.read(range).await;
        };
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let first = range.start / BLOCK * BLOCK;
        // With the block before, unless there is none.
        let begin = first.saturating_sub(BLOCK);
        let stored = self.stored.read(self.start + begin..self.start + range.end.next_multiple_of(BLOCK)).await?;
        let (before, ciphertext) = stored.split_at((first - begin) as usize);
        let before = before.try_into().unwrap_or(cbc.iv);
        let mut plaintext = BytesMut::from(ciphertext);
        cbc.decrypt(&before, &mut plaintext);
        Ok(plaintext.freeze().slice((range.start - first) as usize..(range.end - first) as usize))
    }

    /// The first bytes, at most `count`.
    pub(crate) async fn head(&self, count: u64) -> io::Result<Bytes> {
        self.read(0..count.min(self.length)).await
    }

    /// All of it from its beginning.
    pub fn stream(&self) -> impl AsyncRead + Send + Unpin + use<> {
        let pieces = stream::unfold((self.clone(), 0), async |(plaintext, at)| {
            let end = plaintext.length.min(at + PIECE);
            if at == end {
                return None;
            }
            // After an error nothing more is asked for.
            let piece = plaintext.read(at..end).await;
            Some((piece, (plaintext, end)))
        });
        StreamReader::new(Box::pin(pieces))
    }
}
