//! A file's bytes out of its entry: small ones at once, large ones as a stream; both compared with the manifest.

use std::io;
use std::ops::Range;

use async_compression::tokio::bufread::DeflateDecoder;
use bytes::{BufMut, Bytes, BytesMut};
use crc_fast::Digest as Crc;
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::StreamReader;

use super::volume::Volume;
use crate::error::chain;
use crate::record::FileRecord;
use crate::source::PIECE;
use crate::zip::deflate::{self, crc32, inflate};
use crate::zip::layout::Method;
use crate::zip::read::{Entry, READ_MAX};

/// Whether it is read and written in pieces.
pub(super) fn is_large(entry: &Entry) -> bool {
    let span = entry.span();
    entry.bytes > PIECE || span.end - span.start > READ_MAX
}

/// The bytes of a small file, of whose entry all of `span` is here. For a thread that may be kept busy.
pub(super) fn whole(volume: &Volume, record: &FileRecord, entry: &Entry, span: &Bytes) -> Result<Bytes, String> {
    let start = volume.inner.directory.data_start(entry, span)?;
    let data = span.get(start..start + entry.compressed as usize).ok_or("its data is cut off")?;
    let bytes = match entry.method {
        Method::Stored => span.slice_ref(data),
        Method::Deflated => inflate(data, entry.bytes as usize)?.into(),
    };
    if crc32(&bytes) != entry.crc {
        return Err("its bytes don't have the checksum that its entry declares".to_owned());
    }
    compare(Sha256::digest(&bytes).into(), record)?;
    Ok(bytes)
}

fn compare(sha256: [u8; 32], record: &FileRecord) -> Result<(), String> {
    if sha256 == record.sha256 {
        return Ok(());
    }
    Err("its bytes don't have the SHA-256 that the manifest records".to_owned())
}

/// A large file, piece by piece. What it yields is only to be used for good once it has ended without an error.
pub(super) struct Pieces {
    text: Box<dyn AsyncRead + Send + Unpin>,
    entry: Entry,
    record: FileRecord,
    read: u64,
    sums: Option<(Sha256, Crc)>,
}

impl Pieces {
    pub(super) async fn open(volume: &Volume, record: &FileRecord, entry: &Entry) -> Result<Self, String> {
        let span = entry.span();
        let head = span.start..span.end.min(span.start + (64 << 10));
        let head = volume.inner.source.read(head).await.map_err(|error| chain(&error))?;
        let start = entry.offset + volume.inner.directory.data_start(entry, &head)? as u64;
        let data = ranges(volume, start..start + entry.compressed);
        let text: Box<dyn AsyncRead + Send + Unpin> = match entry.method {
            Method::Stored => Box::new(data),
            Method::Deflated => Box::new(DeflateDecoder::new(data)),
        };
        let sums = Some((Sha256::new(), Crc::new(deflate::CRC)));
        Ok(Self { text, entry: *entry, record: record.clone(), read: 0, sums })
    }

    /// The next 8 MiB, or what is left; `None` when all were there and are what the manifest says.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, String> {
        let mut piece = BytesMut::with_capacity(PIECE as usize);
        while (piece.len() as u64) < PIECE {
            let room = PIECE as usize - piece.len();
            let read = self.text.read_buf(&mut (&mut piece).limit(room)).await;
            let read = read.map_err(|error| format!("its data can't be read: {}", chain(&error)))?;
            if read == 0 {
                break;
            }
            self.read += read as u64;
            if self.read > self.entry.bytes {
                return Err(format!("its data inflates beyond the {} bytes that it declares", self.entry.bytes));
            }
        }
        let Some((mut sha256, mut crc)) = self.sums.take() else { return Ok(None) };
        let piece = piece.freeze();
        if piece.is_empty() {
            self.end(sha256, &crc)?;
            return Ok(None);
        }
        let hashed = piece.clone();
        let sums = tokio::task::spawn_blocking(move || {
            sha256.update(&hashed);
            crc.update(&hashed);
            (sha256, crc)
        });
        self.sums = Some(sums.await.map_err(|_| "its hashing was stopped".to_owned())?);
        Ok(Some(piece))
    }

    fn end(&self, sha256: Sha256, crc: &Crc) -> Result<(), String> {
        if self.read != self.entry.bytes {
            let declared = self.entry.bytes;
            return Err(format!("its data inflates to {} bytes and not to the {declared} that it declares", self.read));
        }
        if crc.finalize() as u32 != self.entry.crc {
            return Err("its bytes don't have the checksum that its entry declares".to_owned());
        }
        compare(sha256.finalize().into(), &self.record)
    }
}

/// A range of the volume, the next 8 MiB being read while these are used.
fn ranges(volume: &Volume, range: Range<u64>) -> StreamReader<stream::BoxStream<'static, io::Result<Bytes>>, Bytes> {
    let volume = volume.clone();
    let starts = (range.start..range.end).step_by(READ_MAX as usize);
    let reads = stream::iter(starts).map(move |start| {
        let (volume, end) = (volume.clone(), range.end.min(start + READ_MAX));
        async move { volume.inner.source.read(start..end).await }
    });
    StreamReader::new(reads.buffered(2).boxed())
}
