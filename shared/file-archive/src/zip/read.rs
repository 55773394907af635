//! Reading: the central directory first, and every entry only if both of its headers agree.

use std::io;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::layout::{
    CENTRAL, CENTRAL_LEN, END, END_64, END_64_LEN, END_LEN, Fields, LOCAL, LOCAL_EXTRA_MAX, LOCAL_LEN, LOCATOR_64,
    LOCATOR_64_LEN, Method, STREAMED, UTF8, zip_64,
};
use crate::read_at::ReadAt;

/// What is read at once at most.
pub(crate) const READ_MAX: u64 = 8 << 20;
/// The first read: of a small volume it is all that is read for its directory and manifest.
const TAIL: u64 = 1 << 20;
/// More than any writer of ours puts into one volume.
const DIRECTORY_MAX: u64 = 256 << 20;

/// Why a ZIP is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ZipError {
    #[error("read it")]
    Read(#[source] io::Error),
    #[error("{0}")]
    Damaged(String),
}

fn damaged(what: impl Into<String>) -> ZipError {
    ZipError::Damaged(what.into())
}

/// Whose ZIP it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writer {
    Offsite,
    /// aiozipstream 0.4, as the older job of files used it: stored, with sizes only behind the data and in the directory, and names that
    /// are ASCII or marked as UTF-8. Its descriptors begin with a signature whose bytes are swapped: nobody needs to read them.
    Older,
}

impl Writer {
    fn knows(self, flags: u16) -> bool {
        match self {
            Self::Offsite => flags & !STREAMED == UTF8,
            Self::Older => flags & !UTF8 == STREAMED,
        }
    }
}

/// The central directory: entries in the order of their offsets, which don't overlap.
pub(crate) struct Directory {
    raw: Bytes,
    entries: Vec<Entry>,
    writer: Writer,
}

/// As the central directory tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    name_at: u32,
    name_len: u16,
    pub(crate) method: Method,
    pub(crate) streamed: bool,
    pub(crate) crc: u32,
    pub(crate) compressed: u64,
    pub(crate) bytes: u64,
    /// Where its local header begins, and where the next entry or the directory does.
    pub(crate) offset: u64,
    limit: u64,
}

impl Entry {
    /// From its header to the last place where its data can end.
    pub(crate) fn span(&self) -> Range<u64> {
        let longest = (LOCAL_LEN + usize::from(self.name_len) + LOCAL_EXTRA_MAX) as u64 + self.compressed;
        self.offset..self.limit.min(self.offset + longest)
    }
}

impl Directory {
    /// Reads and checks it, by one read if it is small.
    pub(crate) async fn read(source: &dyn ReadAt) -> Result<Self, ZipError> {
        Self::read_of(Writer::Offsite, source).await
    }

    pub(crate) async fn read_of(writer: Writer, source: &dyn ReadAt) -> Result<Self, ZipError> {
        let length = source.length();
        let tail_at = length.saturating_sub(TAIL);
        let tail = source.read(tail_at..length).await.map_err(ZipError::Read)?;
        let (entries, offset, size) = ends(&tail, tail_at)?;
        if size > DIRECTORY_MAX || entries > size / CENTRAL_LEN as u64 {
            return Err(damaged(format!("a directory of {entries} entries in {size} bytes")));
        }
        let raw = if offset >= tail_at {
            let start = (offset - tail_at) as usize;
            tail.slice(start..start + size as usize)
        } else {
            read_long(source, offset..offset + size).await?
        };
        let entries = parse(writer, &raw, entries, offset)?;
        Ok(Self { raw, entries, writer })
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn name(&self, entry: &Entry) -> &str {
        // Checked when it was parsed.
        std::str::from_utf8(self.raw_name(entry)).unwrap_or_default()
    }

    fn raw_name(&self, entry: &Entry) -> &[u8] {
        let start = entry.name_at as usize;
        self.raw.get(start..start + usize::from(entry.name_len)).unwrap_or_default()
    }

    /// Where the data begins in `head`, which begins with the entry's local header; if that agrees with the directory.
    pub(crate) fn data_start(&self, entry: &Entry, head: &[u8]) -> Result<usize, String> {
        let fields = local(head).ok_or("its local header is cut off")?;
        if fields.signature != LOCAL {
            return Err("no local header is where the directory says".to_owned());
        }
        if fields.name != self.raw_name(entry) {
            return Err(format!("its local header has another name: {:?}", String::from_utf8_lossy(fields.name)));
        }
        let streamed = fields.flags & STREAMED != 0;
        if !self.writer.knows(fields.flags)
            || streamed != entry.streamed
            || Method::of(fields.method) != Some(entry.method)
        {
            return Err("its local header has another method than the directory".to_owned());
        }
        if fields.extra.len() > LOCAL_EXTRA_MAX {
            return Err("its local header has unknown fields".to_owned());
        }
        let (bytes, compressed) = match zip_64(fields.extra) {
            Some(field) => wide_sizes(field).ok_or("its local zip64 field is cut off")?,
            None => (fields.bytes.into(), fields.compressed.into()),
        };
        let told = (fields.crc, compressed, bytes);
        let expected = if streamed { (0, 0, 0) } else { (entry.crc, entry.compressed, entry.bytes) };
        if told != expected {
            return Err("its local header has other sizes or another checksum than the directory".to_owned());
        }
        let start = LOCAL_LEN + fields.name.len() + fields.extra.len();
        if entry.offset + start as u64 + entry.compressed > entry.limit {
            return Err("its data reaches into the next entry".to_owned());
        }
        Ok(start)
    }
}

pub(crate) async fn read_long(source: &dyn ReadAt, range: Range<u64>) -> Result<Bytes, ZipError> {
    if range.end - range.start <= READ_MAX {
        return source.read(range).await.map_err(ZipError::Read);
    }
    let mut bytes = BytesMut::with_capacity((range.end - range.start) as usize);
    let mut start = range.start;
    while start < range.end {
        let end = range.end.min(start + READ_MAX);
        bytes.extend_from_slice(&source.read(start..end).await.map_err(ZipError::Read)?);
        start = end;
    }
    Ok(bytes.freeze())
}

/// Entries, offset and size of the central directory, which the records at the very end tell.
fn ends(tail: &[u8], tail_at: u64) -> Result<(u64, u64, u64), ZipError> {
    let none = || damaged("it does not end as a ZIP ends");
    let end = tail.len().checked_sub(END_LEN).ok_or_else(none)?;
    let (entries, mut size, mut offset) = end_record(&tail[end..]).ok_or_else(none)?;
    let mut count = u64::from(entries);
    let mut directory_end = tail_at + end as u64;
    if entries == u16::MAX || size == u64::from(u32::MAX) || offset == u64::from(u32::MAX) {
        let start = end.checked_sub(END_64_LEN + LOCATOR_64_LEN).ok_or_else(none)?;
        directory_end = tail_at + start as u64;
        let (record, locator) = tail[start..end].split_at(END_64_LEN);
        (count, size, offset) = end_64(record, locator, directory_end).ok_or_else(none)?;
    }
    if offset.checked_add(size) != Some(directory_end) {
        return Err(damaged("its directory is not where it says"));
    }
    Ok((count, offset, size))
}

fn end_record(record: &[u8]) -> Option<(u16, u64, u64)> {
    let mut fields = Fields(record);
    let known = fields.u32()? == END && fields.u32()? == 0;
    let (here, entries) = (fields.u16()?, fields.u16()?);
    let (size, offset) = (fields.u32()?, fields.u32()?);
    (known && here == entries && fields.u16()? == 0).then_some((entries, size.into(), offset.into()))
}

fn end_64(record: &[u8], locator: &[u8], at: u64) -> Option<(u64, u64, u64)> {
    let mut fields = Fields(locator);
    let located = fields.u32()? == LOCATOR_64 && fields.u32()? == 0 && fields.u64()? == at && fields.u32()? == 1;
    let mut fields = Fields(record);
    let known = fields.u32()? == END_64 && fields.u64()? == END_64_LEN as u64 - 12;
    let (_versions, disks) = (fields.u32()?, fields.u64()?);
    let (here, entries) = (fields.u64()?, fields.u64()?);
    let (size, offset) = (fields.u64()?, fields.u64()?);
    (located && known && disks == 0 && here == entries).then_some((entries, size, offset))
}

fn parse(writer: Writer, raw: &[u8], count: u64, directory: u64) -> Result<Vec<Entry>, ZipError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(count as usize);
    let mut fields = Fields(raw);
    for number in 1..=count {
        let entry =
            entry(writer, &mut fields, raw.len()).ok_or_else(|| damaged(format!("entry {number} of its directory")))?;
        if let Some(previous) = entries.last_mut() {
            previous.limit = entry.offset;
        }
        entries.push(entry);
    }
    if let Some(last) = entries.last_mut() {
        last.limit = directory;
    }
    if !fields.0.is_empty() {
        return Err(damaged("its directory has more entries than it says"));
    }
    for entry in &entries {
        let least = (LOCAL_LEN + usize::from(entry.name_len)) as u64;
        let fits = entry.offset.checked_add(least).and_then(|start| start.checked_add(entry.compressed));
        if fits.is_none_or(|end| end > entry.limit) {
            let name = String::from_utf8_lossy(&raw[entry.name_at as usize..][..usize::from(entry.name_len)]);
            return Err(damaged(format!("entry {name:?} overlaps with the next, or reaches beyond the end")));
        }
    }
    Ok(entries)
}

fn entry(writer: Writer, fields: &mut Fields<'_>, length: usize) -> Option<Entry> {
    let signature = fields.u32()?;
    let _versions = fields.u32()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time = fields.u32()?;
    let (crc, compressed, bytes) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
    let _disk_and_attributes = fields.take(8)?;
    let offset = fields.u32()?;
    let name_at = u32::try_from(length - fields.0.len()).ok()?;
    let name = fields.take(name_len.into())?;
    let extra = fields.take(extra_len.into())?;
    let method = Method::of(method)?;
    let streamed = flags & STREAMED != 0;
    let ours = signature == CENTRAL && writer.knows(flags) && comment_len == 0 && std::str::from_utf8(name).is_ok();
    // What is stored is as long as its bytes, and what is streamed is deflated; the older writer stored what it streamed.
    let other = match writer {
        Writer::Offsite => streamed && method == Method::Stored,
        Writer::Older => method != Method::Stored,
    };
    if !ours || other {
        return None;
    }
    let mut wide = Fields(zip_64(extra).unwrap_or_default());
    let mut size = |narrow: u32| if narrow == u32::MAX { wide.u64() } else { Some(narrow.into()) };
    let bytes = size(bytes)?;
    let compressed = size(compressed)?;
    let offset = size(offset)?;
    if method == Method::Stored && compressed != bytes {
        return None;
    }
    Some(Entry { name_at, name_len, method, streamed, crc, compressed, bytes, offset, limit: 0 })
}

struct Local<'a> {
    signature: u32,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u32,
    bytes: u32,
    name: &'a [u8],
    extra: &'a [u8],
}

fn local(head: &[u8]) -> Option<Local<'_>> {
    let mut fields = Fields(head);
    let signature = fields.u32()?;
    let _version = fields.u16()?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    let _time = fields.u32()?;
    let (crc, compressed, bytes) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let (name_len, extra_len) = (fields.u16()?, fields.u16()?);
    let name = fields.take(name_len.into())?;
    let extra = fields.take(extra_len.into())?;
    Some(Local { signature, flags, method, crc, compressed, bytes, name, extra })
}

fn wide_sizes(field: &[u8]) -> Option<(u64, u64)> {
    let mut fields = Fields(field);
    Some((fields.u64()?, fields.u64()?))
}
