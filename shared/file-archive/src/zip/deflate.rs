//! Deflate: of what is whole in memory, and of streams in pieces that are deflated side by side.

use std::io;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, checksum};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::layout::Method;

/// The fastest level: a run must keep up with what it fetches and what it stores on one or two processors.
const LEVEL: u32 = 1;
/// What doesn't shrink below this share is taken for incompressible.
const WORTH: (usize, usize) = (31, 32);
const SAMPLE: usize = 4 << 10;
/// A sample is taken of so many bytes, between the least and the most of them.
const SAMPLED: usize = 128 << 10;
const SAMPLES: (usize, usize) = (3, 16);
const STORED_BLOCK: usize = 0xffff;

/// Ends a stream of pieces: an empty block that says it is the last.
pub(crate) const LAST: &[u8] = &[3, 0];

/// CRC-32 of ZIP, gzip and PNG.
pub(crate) const CRC: CrcAlgorithm = CrcAlgorithm::Crc32IsoHdlc;

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    checksum(CRC, bytes) as u32
}

/// An entry's data, whole in memory.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) method: Method,
    pub(crate) data: Bytes,
    pub(crate) bytes: u64,
    pub(crate) crc: u32,
}

impl Packed {
    pub(crate) fn of(bytes: Bytes) -> io::Result<Self> {
        let (length, crc) = (bytes.len() as u64, crc32(&bytes));
        let (method, data) = match deflated(&bytes, FlushCompress::Finish)? {
            Some(data) => (Method::Deflated, data.into()),
            None => (Method::Stored, bytes),
        };
        Ok(Self { method, data, bytes: length, crc })
    }
}

/// A piece of a deflate stream, which the next piece or [`LAST`] can follow. What doesn't compress is in stored blocks.
pub(crate) fn piece(bytes: &[u8]) -> io::Result<Vec<u8>> {
    if let Some(data) = deflated(bytes, FlushCompress::Sync)? {
        return Ok(data);
    }
    let mut out = Vec::with_capacity(bytes.len() + (bytes.len() / STORED_BLOCK + 1) * 5);
    for block in bytes.chunks(STORED_BLOCK) {
        let length = block.len() as u16;
        out.push(0);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    Ok(out)
}

/// `None` if it is not worth it.
fn deflated(bytes: &[u8], flush: FlushCompress) -> io::Result<Option<Vec<u8>>> {
    if bytes.is_empty() || hopeless(bytes)? {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
    compress(bytes, flush, &mut out)?;
    if out.len() >= worth(bytes.len()) {
        return Ok(None);
    }
    if out.capacity() - out.len() > out.len() / 4 {
        out.shrink_to_fit();
    }
    Ok(Some(out))
}

/// Samples tell: most of what doesn't compress is an image, a film or an archive, and is so from beginning to end. To deflate
/// that takes more than twice as long as to deflate a text.
fn hopeless(bytes: &[u8]) -> io::Result<bool> {
    if bytes.len() < 8 * SAMPLE {
        return Ok(false);
    }
    let samples = (bytes.len() / SAMPLED).clamp(SAMPLES.0, SAMPLES.1);
    let mut out = Vec::with_capacity(2 * SAMPLE);
    for number in 0..samples {
        let start = (bytes.len() - SAMPLE) / (samples - 1) * number;
        out.clear();
        compress(&bytes[start..start + SAMPLE], FlushCompress::Finish, &mut out)?;
        if out.len() < worth(SAMPLE) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn worth(bytes: usize) -> usize {
    bytes / WORTH.1 * WORTH.0 + bytes % WORTH.1
}

fn compress(bytes: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
    let mut state = Compress::new(Compression::new(LEVEL), false);
    loop {
        if out.len() == out.capacity() {
            out.reserve(out.capacity().max(4096));
        }
        let status = state.compress_vec(&bytes[state.total_in() as usize..], out, flush).map_err(io::Error::other)?;
        let all = state.total_in() == bytes.len() as u64;
        match status {
            Status::StreamEnd => return Ok(()),
            // A flush is over when it leaves room.
            Status::Ok | Status::BufError if all && flush == FlushCompress::Sync && out.len() < out.capacity() => {
                return Ok(());
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

/// Exactly `bytes` out of `data`.
///
/// # Errors
/// What is wrong, if it is more or less, or no deflate stream, or something follows it.
pub(crate) fn inflate(data: &[u8], bytes: usize) -> Result<Vec<u8>, String> {
    let mut state = Decompress::new(false);
    let mut out = Vec::with_capacity(bytes + 1);
    loop {
        let (was_in, was_out) = (state.total_in(), state.total_out());
        let rest = &data[was_in as usize..];
        let status = state
            .decompress_vec(rest, &mut out, FlushDecompress::Finish)
            .map_err(|error| format!("its data can't be inflated: {error}"))?;
        if out.len() > bytes {
            return Err(format!("its data inflates beyond the {bytes} bytes that it declares"));
        }
        if status == Status::StreamEnd {
            break;
        }
        if (was_in, was_out) == (state.total_in(), state.total_out()) {
            return Err("its data ends early".to_owned());
        }
    }
    if out.len() != bytes {
        return Err(format!("its data inflates to {} bytes and not to the {bytes} that it declares", out.len()));
    }
    if state.total_in() != data.len() as u64 {
        return Err("bytes follow the end of its data".to_owned());
    }
    Ok(out)
}
