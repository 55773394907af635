//! `.offsite/manifest.ndjson`: a line per file, compressed as it grows, so that 200,000 of them stay small.

use std::io;

use bytes::Bytes;
use crc_fast::Digest as Crc;

use crate::record::FileRecord;
use crate::zip::deflate;

const BATCH: usize = 256 << 10;

pub(super) struct ManifestWriter {
    pending: Vec<u8>,
    pieces: Vec<Bytes>,
    crc: Crc,
    bytes: u64,
    compressed: u64,
}

/// All lines, deflated.
pub(super) struct Manifest {
    pub(super) pieces: Vec<Bytes>,
    pub(super) crc: u32,
    pub(super) bytes: u64,
    pub(super) compressed: u64,
}

impl ManifestWriter {
    pub(super) fn new() -> Self {
        Self { pending: Vec::new(), pieces: Vec::new(), crc: Crc::new(deflate::CRC), bytes: 0, compressed: 0 }
    }

    /// Memory that it takes.
    pub(super) fn memory(&self) -> u64 {
        self.compressed + self.pending.len() as u64
    }

    /// Takes a line.
    pub(super) fn line(&mut self, record: &FileRecord) -> io::Result<()> {
        serde_json::to_writer(&mut self.pending, record)?;
        self.pending.push(b'\n');
        if self.pending.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// A quarter of a megabyte at a time: a matter of milliseconds, so it needs no thread of its own.
    fn flush(&mut self) -> io::Result<()> {
        self.crc.update(&self.pending);
        self.bytes += self.pending.len() as u64;
        let mut piece = deflate::piece(&self.pending)?;
        piece.shrink_to_fit();
        self.compressed += piece.len() as u64;
        self.pieces.push(piece.into());
        self.pending.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Manifest> {
        self.flush()?;
        self.pieces.push(Bytes::from_static(deflate::LAST));
        let compressed = self.compressed + deflate::LAST.len() as u64;
        Ok(Manifest { pieces: self.pieces, crc: self.crc.finalize() as u32, bytes: self.bytes, compressed })
    }
}
