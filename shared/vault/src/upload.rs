//! A volume: pulled from its source into a multipart upload, of which nothing is left unless all of it is stored.

mod multipart;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::{JoinError, JoinSet};

use crate::checksum::{Crc64, Sums};
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::id::BackupId;
use crate::layout;
use crate::stored::StoredObject;
use multipart::{Multipart, StoredPart};

/// Every part but the last.
pub const PART_BYTES: usize = 8 << 20;
/// Buffers in all, of which one is being filled: the bound of an upload's memory.
const BUFFERS: usize = 4;
/// S3's limit.
const MAX_PARTS: i32 = 10_000;

impl Vault {
    /// Stores everything that `source` yields as volume `number` (from 1) of a backup, in memory of 4 × 8 MiB.
    ///
    /// `extension` says what the ciphertext holds, such as `sql.zst`. Dropping the future aborts the upload.
    ///
    /// # Errors
    /// [`Error::Source`] with the source's own error; [`Error::Call`], [`Error::Mismatch`], [`Error::Exists`],
    /// [`Error::TooLarge`]. In each case the upload is aborted, and nothing of it is visible.
    pub async fn write_volume<R>(
        &self,
        id: &BackupId,
        kind: Kind,
        number: u32,
        extension: &str,
        source: R,
    ) -> Result<StoredObject, Error>
    where
        R: AsyncRead + Send + Unpin,
    {
        let key = self.key(id, kind, &layout::volume(number, extension));
        let mut upload = Upload {
            source,
            sums: Sums::new(),
            sending: JoinSet::new(),
            parts: Vec::new(),
            free: Vec::new(),
            buffers: 0,
        };
        let (first, ended) = upload.fill().await?;
        let multipart = Multipart::create(self, key).await?;
        match upload.send(&multipart, first, ended).await {
            Ok(()) => multipart.complete(upload.parts, upload.sums).await,
            Err(error) => {
                // A part that is still on its way could outlive the abort.
                upload.sending.shutdown().await;
                multipart.abort().await;
                Err(error)
            }
        }
    }
}

struct Upload<R> {
    source: R,
    sums: Sums,
    /// Ended on drop.
    sending: JoinSet<Result<(StoredPart, Bytes), Error>>,
    parts: Vec<StoredPart>,
    free: Vec<BytesMut>,
    buffers: usize,
}

impl<R: AsyncRead + Send + Unpin> Upload<R> {
    async fn send(&mut self, multipart: &Multipart, first: BytesMut, ended: bool) -> Result<(), Error> {
        let (mut buffer, mut ended) = (first, ended);
        let mut number = 0;
        // S3 wants one part at least, be it empty.
        while !buffer.is_empty() || number == 0 {
            number += 1;
            if number > MAX_PARTS {
                return Err(Error::TooLarge(multipart.key().to_owned()));
            }
            self.sending.spawn(multipart.part(number, buffer.freeze()));
            if ended {
                break;
            }
            (buffer, ended) = self.fill().await?;
        }
        while let Some(part) = self.sending.join_next().await {
            self.sent(part)?;
        }
        Ok(())
    }

    /// The next part's bytes, and whether the source has ended. A part that fails meanwhile ends the wait.
    async fn fill(&mut self) -> Result<(BytesMut, bool), Error> {
        let mut buffer = self.buffer().await?;
        while buffer.len() < PART_BYTES {
            let filled = buffer.len();
            let mut room = (&mut buffer).limit(PART_BYTES - filled);
            tokio::select! {
                biased;
                Some(part) = self.sending.join_next(), if !self.sending.is_empty() => self.sent(part)?,
                read = self.source.read_buf(&mut room) => {
                    if read.map_err(Error::Source)? == 0 {
                        return Ok((buffer, true));
                    }
                    self.sums.update(&buffer[filled..]);
                }
            }
        }
        Ok((buffer, false))
    }

    async fn buffer(&mut self) -> Result<BytesMut, Error> {
        while self.free.is_empty() && self.buffers >= BUFFERS {
            match self.sending.join_next().await {
                Some(part) => self.sent(part)?,
                None => break,
            }
        }
        Ok(self.free.pop().unwrap_or_else(|| {
            self.buffers += 1;
            BytesMut::with_capacity(PART_BYTES)
        }))
    }

    fn sent(&mut self, part: Result<Result<(StoredPart, Bytes), Error>, JoinError>) -> Result<(), Error> {
        let (part, bytes) = part.map_err(|_| Error::Stopped("upload of a part".to_owned()))??;
        self.parts.push(part);
        match bytes.try_into_mut() {
            Ok(mut buffer) => {
                buffer.clear();
                self.free.push(buffer);
            }
            // The connection of a failed try may still hold it, and frees it when it closes.
            Err(_) => self.buffers -= 1,
        }
        Ok(())
    }
}

/// The checksum of all parts in order, as S3 confirmed them.
fn combined(parts: &[StoredPart]) -> (u64, Crc64) {
    parts.iter().fold((0, Crc64::OF_NOTHING), |(bytes, crc), part| (bytes + part.bytes, crc.then(part.crc, part.bytes)))
}
