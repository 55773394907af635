use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;

/// The plaintext of one volume, to be read at any place.
#[async_trait]
pub trait ReadAt: Send + Sync {
    /// Bytes of the whole plaintext: verified.
    fn length(&self) -> u64;

    /// Exactly the bytes of `range`, which lies within the plaintext and is not longer than 8 MiB.
    ///
    /// # Errors
    /// What kept them from being read, or that they were altered.
    async fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

#[async_trait]
impl ReadAt for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.start > range.end || range.end > self.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.slice(range.start as usize..range.end as usize))
    }
}
