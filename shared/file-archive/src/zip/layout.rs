//! The records of a ZIP, written and parsed field by field.

use time::OffsetDateTime;

pub(crate) const LOCAL: u32 = 0x0403_4b50;
pub(crate) const CENTRAL: u32 = 0x0201_4b50;
pub(crate) const DESCRIPTOR: u32 = 0x0807_4b50;
pub(crate) const END: u32 = 0x0605_4b50;
pub(crate) const END_64: u32 = 0x0606_4b50;
pub(crate) const LOCATOR_64: u32 = 0x0706_4b50;

pub(crate) const LOCAL_LEN: usize = 30;
pub(crate) const CENTRAL_LEN: usize = 46;
pub(crate) const END_LEN: usize = 22;
pub(crate) const END_64_LEN: usize = 56;
pub(crate) const LOCATOR_64_LEN: usize = 20;
/// Extended timestamp and the two sizes of zip64: all that a local header of ours has behind its name.
pub(crate) const LOCAL_EXTRA_MAX: usize = 9 + 20;

/// Bit 11: the name is UTF-8.
pub(crate) const UTF8: u16 = 1 << 11;
/// Bit 3: sizes and checksum follow the data.
pub(crate) const STREAMED: u16 = 1 << 3;

const TIMESTAMP: u16 = 0x5455;
const ZIP_64: u16 = 0x0001;
const LIMIT: u64 = 0xffff_ffff;
const UNIX: u16 = 3 << 8;
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;

/// How an entry's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflated,
}

impl Method {
    fn number(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }

    pub(crate) fn of(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Stored),
            8 => Some(Self::Deflated),
            _ => None,
        }
    }
}

/// What both headers say of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) streamed: bool,
    /// Sizes are told in the zip64 field, and are 8 bytes wide behind the data.
    pub(crate) wide: bool,
    pub(crate) crc: u32,
    pub(crate) compressed: u64,
    pub(crate) bytes: u64,
    pub(crate) modified: OffsetDateTime,
}

impl Facts {
    fn flags(&self) -> u16 {
        if self.streamed { UTF8 | STREAMED } else { UTF8 }
    }
}

pub(crate) fn local(name: &str, facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(LOCAL_LEN + name.len() + LOCAL_EXTRA_MAX);
    // Not known yet where they follow the data.
    let (crc, compressed, bytes) = if facts.streamed { (0, 0, 0) } else { (facts.crc, facts.compressed, facts.bytes) };
    let mut extra = timestamp(facts.modified);
    if facts.wide {
        extra.extend(ZIP_64.to_le_bytes());
        extra.extend(16u16.to_le_bytes());
        extra.extend(bytes.to_le_bytes());
        extra.extend(compressed.to_le_bytes());
    }
    let narrow = |size: u64| if facts.wide { u32::MAX } else { size as u32 };
    out.extend(LOCAL.to_le_bytes());
    out.extend(version(facts.wide).to_le_bytes());
    common(&mut out, facts, crc, narrow(compressed), narrow(bytes));
    out.extend((name.len() as u16).to_le_bytes());
    out.extend((extra.len() as u16).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(extra);
    out
}

pub(crate) fn descriptor(facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend(DESCRIPTOR.to_le_bytes());
    out.extend(facts.crc.to_le_bytes());
    if facts.wide {
        out.extend(facts.compressed.to_le_bytes());
        out.extend(facts.bytes.to_le_bytes());
    } else {
        out.extend((facts.compressed as u32).to_le_bytes());
        out.extend((facts.bytes as u32).to_le_bytes());
    }
    out
}

pub(crate) fn central(out: &mut Vec<u8>, name: &str, facts: &Facts, offset: u64) {
    let far = offset >= LIMIT;
    let mut extra = timestamp(facts.modified);
    if facts.wide || far {
        let mut fields = Vec::with_capacity(24);
        if facts.wide {
            fields.extend(facts.bytes.to_le_bytes());
            fields.extend(facts.compressed.to_le_bytes());
        }
        if far {
            fields.extend(offset.to_le_bytes());
        }
        extra.extend(ZIP_64.to_le_bytes());
        extra.extend((fields.len() as u16).to_le_bytes());
        extra.extend(fields);
    }
    let narrow = |size: u64| if facts.wide { u32::MAX } else { size as u32 };
    out.extend(CENTRAL.to_le_bytes());
    out.extend((UNIX | version(facts.wide || far)).to_le_bytes());
    out.extend(version(facts.wide || far).to_le_bytes());
    common(out, facts, facts.crc, narrow(facts.compressed), narrow(facts.bytes));
    out.extend((name.len() as u16).to_le_bytes());
    out.extend((extra.len() as u16).to_le_bytes());
    // No comment, the first disk, no internal attributes.
    out.extend([0; 6]);
    // Unix's mode in the upper half, MS-DOS's directory bit in the lower.
    let attributes: u32 = if name.ends_with('/') { 0o040_755 << 16 | 0x10 } else { 0o100_644 << 16 };
    out.extend(attributes.to_le_bytes());
    out.extend((if far { u32::MAX } else { offset as u32 }).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(extra);
}

/// The records behind the central directory, which has `entries` and begins at `offset`.
pub(crate) fn ends(entries: u64, offset: u64, length: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(END_64_LEN + LOCATOR_64_LEN + END_LEN);
    if entries >= 0xffff || offset >= LIMIT || length >= LIMIT {
        out.extend(END_64.to_le_bytes());
        out.extend((END_64_LEN as u64 - 12).to_le_bytes());
        out.extend((UNIX | VERSION_64).to_le_bytes());
        out.extend(VERSION_64.to_le_bytes());
        out.extend([0; 8]);
        out.extend(entries.to_le_bytes());
        out.extend(entries.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend(LOCATOR_64.to_le_bytes());
        out.extend(0u32.to_le_bytes());
        out.extend((offset + length).to_le_bytes());
        out.extend(1u32.to_le_bytes());
    }
    out.extend(END.to_le_bytes());
    out.extend([0; 4]);
    let count = entries.min(0xffff) as u16;
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend((length.min(LIMIT) as u32).to_le_bytes());
    out.extend((offset.min(LIMIT) as u32).to_le_bytes());
    out.extend([0; 2]);
    out
}

/// From the flags to the sizes: alike in both headers.
fn common(out: &mut Vec<u8>, facts: &Facts, crc: u32, compressed: u32, bytes: u32) {
    let (clock, date) = dos(facts.modified);
    out.extend(facts.flags().to_le_bytes());
    out.extend(facts.method.number().to_le_bytes());
    out.extend(clock.to_le_bytes());
    out.extend(date.to_le_bytes());
    out.extend(crc.to_le_bytes());
    out.extend(compressed.to_le_bytes());
    out.extend(bytes.to_le_bytes());
}

fn version(wide: bool) -> u16 {
    if wide { VERSION_64 } else { VERSION }
}

fn timestamp(modified: OffsetDateTime) -> Vec<u8> {
    let mut out = Vec::with_capacity(LOCAL_EXTRA_MAX);
    // Later than 2038 only the MS-DOS time is left.
    if let Ok(seconds) = i32::try_from(modified.unix_timestamp()) {
        out.extend(TIMESTAMP.to_le_bytes());
        out.extend(5u16.to_le_bytes());
        out.push(1);
        out.extend(seconds.to_le_bytes());
    }
    out
}

/// MS-DOS's time and date: two seconds as the unit, the years 1980 to 2107.
fn dos(modified: OffsetDateTime) -> (u16, u16) {
    let at = modified.to_offset(time::UtcOffset::UTC);
    match at.year() {
        year @ 1980..=2107 => {
            let clock = u16::from(at.hour()) << 11 | u16::from(at.minute()) << 5 | u16::from(at.second() / 2);
            let date = ((year - 1980) as u16) << 9 | u16::from(u8::from(at.month())) << 5 | u16::from(at.day());
            (clock, date)
        }
        ..1980 => (0, 1 << 5 | 1),
        _ => (0xbf7d, 0xff9f),
    }
}

/// Little-endian numbers out of a record.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// The payload of the zip64 field among extra fields, if there is one.
pub(crate) fn zip_64(extra: &[u8]) -> Option<&[u8]> {
    let mut fields = Fields(extra);
    loop {
        let (id, length) = (fields.u16()?, fields.u16()?);
        let payload = fields.take(length.into())?;
        if id == ZIP_64 {
            return Some(payload);
        }
    }
}
