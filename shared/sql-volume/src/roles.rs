//! Roles and database properties: SQL that is no part of the dump, in a skippable frame, which `zstd -d` passes over.

use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::digest::{DigestSeed, hex128};

/// Magic number of the frame, little-endian on disk: another than the index's.
const ROLES_MAGIC: u32 = 0x184D_2A5A;
/// Magic number and length.
const HEAD: usize = 8;

/// Where a backup's roles are in its first volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolesEntry {
    /// Where the skippable frame starts in the volume's plaintext.
    pub offset: u64,
    /// Length of the skippable frame.
    pub length: u64,
    /// Length of the SQL text.
    pub sql_length: u64,
    /// XXH3-128 of the SQL text under the backup's seed.
    #[serde(with = "hex128")]
    pub digest: u128,
}

/// The roles as they stand in a volume.
#[derive(Debug)]
pub struct RolesFrame {
    /// The skippable frame: its payload is one zstd frame, with zstd's own checksum.
    pub bytes: Vec<u8>,
    /// The index entry.
    pub entry: RolesEntry,
}

/// The frame of the roles is not what the index says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RolesError {
    /// There is another frame, or another length.
    #[error("the frame of the roles has a wrong header")]
    Header,
    /// zstd refused the payload, or more text came out than the entry allows.
    #[error("decompress the roles")]
    Zstd(#[source] std::io::Error),
    /// Length or digest disagree with the index.
    #[error("the roles do not match the index: their {0} differs")]
    Mismatch(&'static str),
}

impl RolesFrame {
    /// Compresses and digests the text, for a place at `offset` of the first volume.
    ///
    /// # Errors
    /// zstd's own, and a text that doesn't fit into a skippable frame (4 GiB).
    pub fn new(sql: &[u8], offset: u64, level: i32, seed: DigestSeed) -> std::io::Result<Self> {
        let mut encoder = zstd::bulk::Compressor::new(level)?;
        encoder.include_checksum(true)?;
        encoder.include_contentsize(true)?;
        let payload = encoder.compress(sql)?;
        let content = u32::try_from(payload.len()).map_err(std::io::Error::other)?;
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend_from_slice(&ROLES_MAGIC.to_le_bytes());
        bytes.extend_from_slice(&content.to_le_bytes());
        bytes.extend_from_slice(&payload);
        let entry =
            RolesEntry { offset, length: bytes.len() as u64, sql_length: sql.len() as u64, digest: seed.hash(sql) };
        Ok(Self { bytes, entry })
    }
}

impl RolesEntry {
    /// The SQL text of a frame that was read from where the entry says.
    ///
    /// # Errors
    /// [`RolesError`].
    pub fn read(&self, frame: &[u8], seed: DigestSeed) -> Result<Vec<u8>, RolesError> {
        let Some((head, payload)) = frame.split_first_chunk::<HEAD>() else { return Err(RolesError::Header) };
        let fits = frame.len() as u64 == self.length && u32::try_from(payload.len()).is_ok();
        let content = (payload.len() as u32).to_le_bytes();
        if !fits || head[..4] != ROLES_MAGIC.to_le_bytes() || head[4..] != content {
            return Err(RolesError::Header);
        }
        let mut sql = Vec::new();
        // One byte more than promised is enough to know that the frame lies.
        zstd::Decoder::new(payload)
            .map_err(RolesError::Zstd)?
            .take(self.sql_length.saturating_add(1))
            .read_to_end(&mut sql)
            .map_err(RolesError::Zstd)?;
        if sql.len() as u64 != self.sql_length {
            return Err(RolesError::Mismatch("length"));
        }
        if seed.hash(&sql) != self.digest {
            return Err(RolesError::Mismatch("digest"));
        }
        Ok(sql)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SQL: &[u8] = b"CREATE ROLE app WITH LOGIN;\n";

    fn seed() -> DigestSeed {
        DigestSeed::new(*b"8 bytes.")
    }

    #[test]
    fn roles_come_back_equal() {
        for sql in [SQL, b"", &[b'x'; 100_000]] {
            let roles = RolesFrame::new(sql, 7, 3, seed()).unwrap();
            assert_eq!((roles.entry.offset, roles.entry.length), (7, roles.bytes.len() as u64));
            assert_eq!(roles.entry.read(&roles.bytes, seed()).unwrap(), sql);
        }
    }

    #[test]
    fn roles_are_skipped_by_zstd() {
        let mut volume = zstd::bulk::compress(b"SELECT 1;\n", 3).unwrap();
        volume.extend_from_slice(&RolesFrame::new(SQL, 0, 3, seed()).unwrap().bytes);
        volume.extend_from_slice(&zstd::bulk::compress(b"SELECT 2;\n", 3).unwrap());
        assert_eq!(zstd::stream::decode_all(&volume[..]).unwrap(), b"SELECT 1;\nSELECT 2;\n");
    }

    #[test]
    fn roles_are_refused_when_a_bit_of_their_frame_flips() {
        let roles = RolesFrame::new(SQL, 0, 3, seed()).unwrap();
        for bit in 0..roles.bytes.len() * 8 {
            let mut frame = roles.bytes.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            if let Ok(sql) = roles.entry.read(&frame, seed()) {
                assert_eq!(sql, SQL, "bit {bit}");
            }
        }
        for cut in 0..roles.bytes.len() {
            assert!(roles.entry.read(&roles.bytes[..cut], seed()).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn roles_are_refused_when_their_entry_promises_something_else() {
        let roles = RolesFrame::new(SQL, 0, 3, seed()).unwrap();
        for change in [
            |entry: &mut RolesEntry| entry.sql_length -= 1,
            |entry: &mut RolesEntry| entry.sql_length += 1,
            |entry: &mut RolesEntry| entry.digest ^= 1,
        ] {
            let mut entry = roles.entry.clone();
            change(&mut entry);
            let error = entry.read(&roles.bytes, seed()).unwrap_err();
            assert!(error.to_string().starts_with("the roles do not match the index"), "{error}");
        }
        assert!(roles.entry.read(&roles.bytes, DigestSeed::new([0; 8])).is_err());
    }
}
