use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128_with_seed;

mod pieces;

pub use pieces::RowsInPieces;

/// The random seed of a backup's digests, kept in its index. Without it, digests would let whoever sees them test guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DigestSeed(u64);

impl DigestSeed {
    /// A seed from 8 random bytes.
    pub fn new(random: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(random))
    }

    /// XXH3-128 of `bytes` under this seed.
    pub fn hash(self, bytes: &[u8]) -> u128 {
        xxh3_128_with_seed(bytes, self.0)
    }
}

impl From<DigestSeed> for String {
    fn from(seed: DigestSeed) -> Self {
        format!("{:016x}", seed.0)
    }
}

impl TryFrom<String> for DigestSeed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() != 16 {
            return Err("a digest seed has 16 hex digits");
        }
        u64::from_str_radix(&text, 16).map(Self).map_err(|_| "a digest seed has 16 hex digits")
    }
}

/// An order-independent digest of a table's rows: the sum mod 2^128 of the XXH3-128 of each row's COPY text (without
/// its newline), with the number of rows and of bytes (newlines not counted). It adds up over slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDigest {
    #[serde(with = "hex128")]
    sum: u128,
    rows: u64,
    bytes: u64,
}

impl RowDigest {
    /// Adds one row, given without its newline.
    pub fn add_row(&mut self, seed: DigestSeed, row: &[u8]) {
        self.add_hashed(seed.hash(row), row.len() as u64);
    }

    fn add_hashed(&mut self, hash: u128, bytes: u64) {
        self.sum = self.sum.wrapping_add(hash);
        self.rows += 1;
        self.bytes += bytes;
    }

    /// Adds all rows of `text`, each ended by a newline (COPY text never holds a raw newline within a row).
    pub fn add_rows(&mut self, seed: DigestSeed, text: &[u8]) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text) {
            self.add_row(seed, &text[start..end]);
            start = end + 1;
        }
    }

    /// Adds another slice's digest.
    pub fn merge(&mut self, other: RowDigest) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.rows += other.rows;
        self.bytes += other.bytes;
    }

    /// The sum as 32 hex digits.
    pub fn sum_hex(&self) -> String {
        format!("{:032x}", self.sum)
    }

    /// Rows counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of rows counted, without newlines.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// `u128` as 32 hex digits.
pub(crate) mod hex128 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:032x}"))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() != 32 {
            return Err(D::Error::custom("a digest has 32 hex digits"));
        }
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn digest_adds_up_over_slices_in_any_order() {
        let seed = DigestSeed::new(*b"seedseed");
        let mut whole = RowDigest::default();
        whole.add_rows(seed, b"1\ta\n2\tb\n3\t\\N\n");
        let (mut first, mut second) = (RowDigest::default(), RowDigest::default());
        first.add_rows(seed, b"3\t\\N\n");
        second.add_rows(seed, b"2\tb\n1\ta\n");
        first.merge(second);
        assert_eq!(whole, first);
        assert_eq!((whole.rows(), whole.bytes()), (3, 10));
    }

    #[test]
    fn digest_sees_a_changed_row_a_repeated_row_and_another_seed() {
        let of = |seed: &[u8; 8], rows: &[u8]| {
            let mut digest = RowDigest::default();
            digest.add_rows(DigestSeed::new(*seed), rows);
            digest
        };
        let base = of(b"seedseed", b"1\ta\n2\tb\n");
        assert_ne!(base, of(b"seedseed", b"1\ta\n2\tc\n"));
        assert_ne!(base, of(b"seedseed", b"1\ta\n1\ta\n"));
        assert_ne!(base, of(b"seedSeed", b"1\ta\n2\tb\n"));
    }

    #[test]
    fn digest_and_seed_survive_json() {
        let seed = DigestSeed::new([0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]);
        assert_eq!(serde_json::to_string(&seed).unwrap(), "\"00010203fcfdfeff\"");
        let mut digest = RowDigest::default();
        digest.add_row(seed, b"x");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<RowDigest>(&text).unwrap(), digest);
        assert_eq!(serde_json::from_str::<DigestSeed>("\"00010203fcfdfeff\"").unwrap(), seed);
        assert!(serde_json::from_str::<DigestSeed>("\"0001\"").is_err());
    }
}
