//! CRC-64/NVME, the one algorithm whose value over a whole multipart object S3 computes and compares, and SHA-256.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc, checksum_combine};
use sha2::{Digest, Sha256};

const ALGORITHM: CrcAlgorithm = CrcAlgorithm::Crc64Nvme;

/// A CRC-64/NVME as S3 writes it: base64 of its 8 bytes, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crc64(u64);

impl Crc64 {
    pub(crate) const OF_NOTHING: Self = Self(0);

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(crc_fast::checksum(ALGORITHM, bytes))
    }

    /// Of what this is of, followed by `len` bytes that `next` is of.
    pub(crate) fn then(self, next: Self, len: u64) -> Self {
        if len == 0 { self } else { Self(checksum_combine(ALGORITHM, self.0, next.0, len)) }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl std::fmt::Display for Crc64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&STANDARD.encode(self.0.to_be_bytes()))
    }
}

/// Both sums of a stream, taken as it passes.
pub(crate) struct Sums {
    crc: Crc,
    sha: Sha256,
    bytes: u64,
}

impl Sums {
    pub(crate) fn new() -> Self {
        Self { crc: Crc::new(ALGORITHM), sha: Sha256::new(), bytes: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.sha.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    pub(crate) fn finish(self) -> (u64, Crc64, [u8; 32]) {
        (self.bytes, Crc64(self.crc.finalize()), self.sha.finalize().into())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// 32 bytes as 64 hex digits.
pub(crate) mod hex256 {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let mut value = [0; 32];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut value).map_err(D::Error::custom)?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_published_one() {
        // The check value of CRC-64/NVME in the catalogue of parametrised CRC algorithms.
        assert_eq!(Crc64::of(b"123456789"), Crc64(0xae8b_1486_0a79_9888));
    }

    #[test]
    fn crcs_of_parts_add_up_to_the_whole() {
        let whole: Vec<u8> = (0..100_000u32).map(|i| (i * 7) as u8).collect();
        let mut sums = Sums::new();
        let mut combined = Crc64::OF_NOTHING;
        for part in whole.chunks(30_001).chain([&[][..]]) {
            sums.update(part);
            combined = combined.then(Crc64::of(part), part.len() as u64);
        }
        let (bytes, crc, sha) = sums.finish();
        assert_eq!((bytes, crc, sha), (100_000, Crc64::of(&whole), sha256(&whole)));
        assert_eq!(combined, crc);
        assert_eq!(Crc64::parse(&crc.to_string()), Some(crc));
    }
}
