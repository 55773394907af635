//! Objects that take no memory: each is a run of one of two rings, prose that shrinks and bytes that don't.

use std::ops::Range;

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

const RING: usize = 16 << 20;
/// Of objects of mixed sizes, together.
const TOTAL: f64 = (1u64 << 30) as f64;
const WORDS: [&str; 32] = [
    "the",
    "order",
    "was",
    "shipped",
    "to",
    "customer",
    "invoice",
    "payment",
    "received",
    "late",
    "warehouse",
    "returned",
    "item",
    "refund",
    "account",
    "please",
    "contact",
    "support",
    "regarding",
    "delivery",
    "address",
    "changed",
    "and",
    "on",
    "behalf",
    "of",
    "our",
    "team",
    "we",
    "confirm",
    "your",
    "number",
];

pub(crate) struct Objects {
    sizes: Vec<u64>,
    rings: [Bytes; 2],
}

impl Objects {
    pub(crate) fn alike(count: u64, bytes: u64) -> Self {
        Self { sizes: vec![bytes; count as usize], rings: [prose(), noise()] }
    }

    /// From half a KiB to 9 MiB: most are small, and most bytes are in large ones. The same every time.
    pub(crate) fn mixed(count: u64) -> Self {
        let golden = 0.618_033_988_749_894_9_f64;
        let shares: Vec<f64> =
            (0..count).map(|number| 16384f64.powf((number as f64 * golden).fract().powi(2))).collect();
        let sum: f64 = shares.iter().sum();
        let sizes = shares.into_iter().map(|share| (share / sum * TOTAL) as u64).collect();
        Self { sizes, rings: [prose(), noise()] }
    }

    pub(crate) fn count(&self) -> usize {
        self.sizes.len()
    }

    pub(crate) fn key(number: usize) -> String {
        format!("media/{:03}/{number:08}", number % 1000 / 10)
    }

    /// Numbers in the order of the keys' bytes.
    pub(crate) fn sorted(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..self.count()).collect();
        numbers.sort_unstable_by_key(|number| (number % 1000 / 10, *number));
        numbers
    }

    pub(crate) fn bytes(&self, number: usize) -> u64 {
        self.sizes[number]
    }

    /// What a range of an object consists of.
    pub(crate) fn pieces(&self, number: usize, range: Range<u64>) -> impl Iterator<Item = Bytes> {
        let ring = &self.rings[number % 2];
        let mut left = range.end - range.start;
        let mut start = (number * 7919 * 64 + range.start as usize) % RING;
        std::iter::from_fn(move || {
            let length = left.min((RING - start) as u64);
            let piece = ring.slice(start..start + length as usize);
            (start, left) = (0, left - length);
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// CRC-64/NVME of a whole object, as S3 tells it.
    pub(crate) fn checksum(&self, number: usize) -> [u8; 8] {
        let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
        self.pieces(number, 0..self.bytes(number)).for_each(|piece| digest.update(&piece));
        digest.finalize().to_be_bytes()
    }
}

/// The same numbers every time.
fn xorshift() -> impl FnMut() -> u64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

fn prose() -> Bytes {
    let (mut next, mut text) = (xorshift(), String::with_capacity(RING + 64));
    while text.len() < RING {
        let number = next();
        text.push_str(WORDS[(number >> 32) as usize % WORDS.len()]);
        if number % 10 == 0 {
            text.push_str(&((number >> 8) % 100_000).to_string());
        }
        text.push(' ');
    }
    Bytes::from(text).slice(..RING)
}

fn noise() -> Bytes {
    let mut next = xorshift();
    (0..RING / 8).flat_map(|_| next().to_le_bytes()).collect::<Vec<_>>().into()
}
