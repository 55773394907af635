//! Writing: bytes come out, and nothing is done with them here.

use bytes::Bytes;
use time::OffsetDateTime;

use super::layout::{self, Facts, Method};

/// From here on sizes are told in 8 bytes: so that the overhead of what doesn't compress can't pass 4 GiB.
const WIDE: u64 = 0xf000_0000;

/// A ZIP being written. Its central directory grows in memory.
#[derive(Default)]
pub(crate) struct ZipWriter {
    offset: u64,
    entries: u64,
    directory: Vec<u8>,
}

/// An entry whose size and checksum are known before its header is written.
pub(crate) struct Whole {
    pub(crate) method: Method,
    pub(crate) crc: u32,
    pub(crate) compressed: u64,
    pub(crate) bytes: u64,
}

/// An entry whose size and checksum will follow its data.
pub(crate) struct OpenEntry {
    name: String,
    modified: OffsetDateTime,
    offset: u64,
    data: u64,
    wide: bool,
}

impl ZipWriter {
    /// Bytes handed out so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Memory that the central directory takes.
    pub(crate) fn directory_bytes(&self) -> usize {
        self.directory.len()
    }

    /// The header of an entry that is whole in memory; its data is to follow.
    pub(crate) fn whole(&mut self, name: &str, modified: OffsetDateTime, whole: &Whole) -> Bytes {
        let Whole { method, crc, compressed, bytes } = *whole;
        let wide = compressed.max(bytes) >= WIDE;
        let facts = Facts { method, streamed: false, wide, crc, compressed, bytes, modified };
        let header = layout::local(name, &facts);
        self.list(name, &facts, self.offset);
        self.offset += header.len() as u64 + facts.compressed;
        header.into()
    }

    /// The header of an entry of about `bytes`, whose deflated data follows piece by piece.
    pub(crate) fn begin(&mut self, name: &str, modified: OffsetDateTime, bytes: u64) -> (Bytes, OpenEntry) {
        let wide = bytes >= WIDE;
        let facts = Facts { method: Method::Deflated, streamed: true, wide, crc: 0, compressed: 0, bytes: 0, modified };
        let header = layout::local(name, &facts);
        let offset = self.offset;
        self.offset += header.len() as u64;
        (header.into(), OpenEntry { name: name.to_owned(), modified, offset, data: self.offset, wide })
    }

    /// So many bytes of the open entry's data were handed out.
    pub(crate) fn passed(&mut self, bytes: usize) {
        self.offset += bytes as u64;
    }

    /// What follows the entry's data. The directory lists it.
    pub(crate) fn end(&mut self, entry: OpenEntry, crc: u32, bytes: u64) -> Bytes {
        let facts = self.facts(&entry, crc, bytes);
        self.list(&entry.name, &facts, entry.offset);
        self.describe(&facts)
    }

    /// Ends an entry that turned out not to be whole: it stays as a gap, well-formed for those who read from the front, that
    /// the directory doesn't list.
    pub(crate) fn abandon(&mut self, entry: &OpenEntry, crc: u32, bytes: u64) -> Bytes {
        let facts = self.facts(entry, crc, bytes);
        self.describe(&facts)
    }

    /// The central directory and all that follows it.
    pub(crate) fn finish(self) -> [Bytes; 2] {
        let length = self.directory.len() as u64;
        [self.directory.into(), layout::ends(self.entries, self.offset, length).into()]
    }

    fn facts(&self, entry: &OpenEntry, crc: u32, bytes: u64) -> Facts {
        Facts {
            method: Method::Deflated,
            streamed: true,
            wide: entry.wide,
            crc,
            compressed: self.offset - entry.data,
            bytes,
            modified: entry.modified,
        }
    }

    fn list(&mut self, name: &str, facts: &Facts, offset: u64) {
        layout::central(&mut self.directory, name, facts, offset);
        self.entries += 1;
    }

    fn describe(&mut self, facts: &Facts) -> Bytes {
        let descriptor = layout::descriptor(facts);
        self.offset += descriptor.len() as u64;
        descriptor.into()
    }
}
