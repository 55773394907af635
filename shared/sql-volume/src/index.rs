use serde::{Deserialize, Serialize};

use crate::digest::{DigestSeed, RowDigest, hex128};
use crate::roles::RolesEntry;
use crate::section::SectionKind;

/// Magic number of the zstd skippable frame that holds the index, little-endian on disk.
const INDEX_MAGIC: u32 = 0x184D_2A5B;
const TRAILER_MAGIC: &[u8; 8] = b"OFFSITE1";
/// Bytes at the end of a volume's plaintext that say where the index is: u64 offset, u64 payload length, `OFFSITE1`.
pub const INDEX_TRAILER_LEN: u64 = 24;
/// An index larger than this, unpacked, is refused: it would describe some millions of sections.
const MAX_INDEX: u64 = 1 << 30;

/// What a volume holds: its sections, the totals of its tables, and what a restore must know first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// Version of this format: 1.
    pub format: u32,
    /// Number of this volume in the backup, from 1.
    pub volume: u32,
    /// The source database, as a restore must create it.
    pub database: DatabaseProperties,
    /// What must exist on the target's server before a restore begins.
    pub requires: Requirements,
    /// Seed of all digests of this backup.
    pub digest_seed: DigestSeed,
    /// The sections of this volume, in the order of their offsets.
    pub sections: Vec<SectionEntry>,
    /// In the first volume, where the backup's roles are: behind its sections. Backups of earlier versions have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub roles: Option<RolesEntry>,
    /// Totals, within this volume, of the tables whose rows it holds.
    pub tables: Vec<TableTotals>,
}

/// The properties with which a database must be created to hold this dump.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseProperties {
    /// Name of the source database.
    pub name: String,
    /// `server_version` of the source, such as `15.8`.
    pub server_version: String,
    /// `server_version_num` of the source, such as 150008.
    pub server_version_num: u32,
    /// Server encoding, such as `UTF8`.
    pub encoding: String,
    /// `datcollate`.
    pub collate: String,
    /// `datctype`.
    pub ctype: String,
    /// Locale provider: `libc`, `icu` or `builtin`.
    pub locale_provider: String,
    /// Locale of an `icu` or `builtin` provider.
    pub locale: Option<String>,
    /// ICU rules, if any.
    pub icu_rules: Option<String>,
}

/// What a dump refers to and does not create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// Roles that own or are granted something.
    pub roles: Vec<String>,
    /// Extensions by name.
    pub extensions: Vec<String>,
    /// Tablespaces by name, without `pg_default`.
    pub tablespaces: Vec<String>,
}

/// One section in a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionEntry {
    /// Position in the backup, over all volumes, from 0.
    pub seq: u32,
    /// Sections `0..=after` must have been applied before this one.
    pub after: Option<u32>,
    /// What the section does.
    pub kind: SectionKind,
    /// For table data: schema of the table.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub schema: Option<String>,
    /// For table data: name of the table.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<String>,
    /// Where its zstd frame starts in the volume's plaintext.
    pub offset: u64,
    /// Length of the zstd frame.
    pub length: u64,
    /// Length of the SQL text.
    pub sql_length: u64,
    /// XXH3-128 of the SQL text under the backup's seed.
    #[serde(with = "hex128")]
    pub digest: u128,
    /// For table data: the digest of its rows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<RowDigest>,
}

/// The rows of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableTotals {
    /// Schema.
    pub schema: String,
    /// Name.
    pub table: String,
    /// The columns that COPY carried, in its order; generated columns are recomputed and not among them.
    pub columns: Vec<String>,
    /// Rows, bytes, digest.
    pub digest: RowDigest,
}

/// A volume's index is missing, damaged, or of a format that this version can't read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The volume's last bytes are no index trailer.
    #[error("the volume does not end with an index. HINT: It is cut off, or was not written by Offsite.")]
    NoTrailer,
    /// The trailer points outside of the volume or to something that is not the index frame.
    #[error("the index of the volume is damaged: {0}")]
    Damaged(&'static str),
    /// zstd refused the payload.
    #[error("decompress the index")]
    Zstd(#[source] std::io::Error),
    /// The payload is not the JSON that format 1 describes.
    #[error("read the index")]
    Json(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error("the index has format {0}, and this version reads format 1. HINT: Use a newer version of Offsite.")]
    Format(u32),
}

/// Where the index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexTrailer {
    /// Plaintext offset of the skippable frame.
    pub offset: u64,
    /// Bytes of the frame, to the end of the volume.
    pub length: u64,
}

impl IndexTrailer {
    /// Reads the last [`INDEX_TRAILER_LEN`] bytes of a volume of `volume_len` plaintext bytes.
    ///
    /// # Errors
    /// [`IndexError::NoTrailer`] and [`IndexError::Damaged`].
    pub fn parse(tail: &[u8], volume_len: u64) -> Result<Self, IndexError> {
        let Some((numbers, TRAILER_MAGIC)) = tail.split_last_chunk::<8>() else { return Err(IndexError::NoTrailer) };
        let (Some((rest, payload)), true) = (numbers.split_last_chunk::<8>(), numbers.len() == 16) else {
            return Err(IndexError::NoTrailer);
        };
        let Some((_, offset)) = rest.split_last_chunk::<8>() else { return Err(IndexError::NoTrailer) };
        let (offset, payload) = (u64::from_le_bytes(*offset), u64::from_le_bytes(*payload));
        let length = payload
            .checked_add(8 + INDEX_TRAILER_LEN)
            .filter(|length| offset.checked_add(*length) == Some(volume_len))
            .ok_or(IndexError::Damaged("its trailer does not add up to the volume's length"))?;
        Ok(Self { offset, length })
    }
}

impl Index {
    /// The skippable frame that ends a volume whose sections, and roles, end at `offset`.
    ///
    /// # Errors
    /// When the index does not fit into a skippable frame (4 GiB), or memory runs out.
    pub fn to_frame(&self, offset: u64) -> Result<Vec<u8>, IndexError> {
        let json = serde_json::to_vec(self)?;
        let payload = zstd::bulk::compress(&json, 3).map_err(IndexError::Zstd)?;
        let content = u32::try_from(payload.len() as u64 + INDEX_TRAILER_LEN)
            .map_err(|_| IndexError::Damaged("it is larger than a skippable frame can be"))?;
        let mut frame = Vec::with_capacity(payload.len() + 32);
        frame.extend_from_slice(&INDEX_MAGIC.to_le_bytes());
        frame.extend_from_slice(&content.to_le_bytes());
        frame.extend_from_slice(&payload);
        frame.extend_from_slice(&offset.to_le_bytes());
        frame.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        frame.extend_from_slice(TRAILER_MAGIC);
        Ok(frame)
    }

    /// Reads a frame that [`IndexTrailer`] pointed to, and checks that sections and roles fill the volume up to it.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn from_frame(frame: &[u8], trailer: IndexTrailer) -> Result<Self, IndexError> {
        if frame.len() as u64 != trailer.length {
            return Err(IndexError::Damaged("its frame is cut off"));
        }
        let Some((head, rest)) = frame.split_first_chunk::<8>() else { return Err(IndexError::NoTrailer) };
        let content = u32::try_from(rest.len()).map_err(|_| IndexError::Damaged("its frame is too long"))?;
        if head[..4] != INDEX_MAGIC.to_le_bytes() || head[4..] != content.to_le_bytes() {
            return Err(IndexError::Damaged("its frame header is wrong"));
        }
        let Some((payload, _)) = rest.split_last_chunk::<{ INDEX_TRAILER_LEN as usize }>() else {
            return Err(IndexError::NoTrailer);
        };
        let mut json = Vec::new();
        let decoder = zstd::Decoder::new(payload).map_err(IndexError::Zstd)?;
        std::io::Read::read_to_end(&mut std::io::Read::take(decoder, MAX_INDEX), &mut json)
            .map_err(IndexError::Zstd)?;

        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(&json)?;
        if format != 1 {
            return Err(IndexError::Format(format));
        }
        let index: Self = serde_json::from_slice(&json)?;
        index.check(trailer.offset)?;
        Ok(index)
    }

    fn check(&self, end: u64) -> Result<(), IndexError> {
        let mut offset = 0u64;
        for section in &self.sections {
            if section.offset != offset {
                return Err(IndexError::Damaged("its sections leave a gap or overlap"));
            }
            if section.after.is_some_and(|after| after >= section.seq) {
                return Err(IndexError::Damaged("a section waits for itself"));
            }
            offset = offset.checked_add(section.length).ok_or(IndexError::Damaged("a section has no end"))?;
        }
        if let Some(roles) = &self.roles {
            if self.volume != 1 || roles.offset != offset {
                return Err(IndexError::Damaged("its roles are not behind the first volume's sections"));
            }
            offset = offset.checked_add(roles.length).ok_or(IndexError::Damaged("its roles have no end"))?;
        }
        if offset != end {
            return Err(IndexError::Damaged("its sections do not reach it"));
        }
        if self.sections.windows(2).any(|pair| pair[0].seq.checked_add(1) != Some(pair[1].seq)) {
            return Err(IndexError::Damaged("a section is missing"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn index(lengths: &[u64]) -> Index {
        let mut offset = 0;
        let sections = lengths
            .iter()
            .zip(0u32..)
            .map(|(length, seq)| {
                let entry = SectionEntry {
                    seq,
                    after: seq.checked_sub(1),
                    kind: SectionKind::PreData,
                    schema: None,
                    table: None,
                    offset,
                    length: *length,
                    sql_length: 10,
                    digest: 1,
                    rows: None,
                };
                offset += length;
                entry
            })
            .collect();
        Index {
            format: 1,
            volume: 1,
            database: DatabaseProperties::default(),
            requires: Requirements::default(),
            digest_seed: DigestSeed::new([1; 8]),
            sections,
            roles: None,
            tables: Vec::new(),
        }
    }

    fn index_with_roles() -> Index {
        let mut index = index(&[100]);
        index.roles = Some(RolesEntry { offset: 100, length: 50, sql_length: 10, digest: 1 });
        index
    }

    fn reread(index: &Index, offset: u64) -> Result<Index, IndexError> {
        let frame = index.to_frame(offset)?;
        let tail = &frame[frame.len() - 24..];
        let trailer = IndexTrailer::parse(tail, offset + frame.len() as u64)?;
        Index::from_frame(&frame, trailer)
    }

    #[test]
    fn index_comes_back_equal() {
        let index = index(&[100, 50]);
        assert_eq!(reread(&index, 150).unwrap(), index);
    }

    #[test]
    fn index_with_roles_comes_back_equal() {
        let index = index_with_roles();
        assert_eq!(reread(&index, 150).unwrap(), index);
    }

    #[test]
    fn index_whose_roles_are_elsewhere_is_refused() {
        for spoil in [
            |i: &mut Index| i.roles.as_mut().unwrap().offset = 0,
            |i: &mut Index| i.roles.as_mut().unwrap().length -= 1,
            |i: &mut Index| i.roles.as_mut().unwrap().length = u64::MAX,
            |i: &mut Index| i.roles = None,
            |i: &mut Index| i.volume = 2,
        ] {
            let mut index = index_with_roles();
            spoil(&mut index);
            assert!(matches!(reread(&index, 150), Err(IndexError::Damaged(_))));
        }
    }

    #[test]
    fn index_without_roles_has_no_such_field() {
        let json = serde_json::to_string(&index(&[])).unwrap();
        assert!(!json.contains("roles\":{"), "{json}");
        assert_eq!(serde_json::from_str::<Index>(&json).unwrap().roles, None);
    }

    #[test]
    fn index_frame_is_skipped_by_zstd() {
        let frame = index(&[5]).to_frame(5).unwrap();
        let mut volume = zstd::bulk::compress(b"SELECT 1;\n", 3).unwrap();
        volume.extend_from_slice(&frame);
        assert_eq!(zstd::stream::decode_all(&volume[..]).unwrap(), b"SELECT 1;\n");
    }

    #[test]
    fn index_with_a_gap_a_missing_section_or_a_loop_is_refused() {
        for spoil in [
            |i: &mut Index| i.sections[1].offset += 1,
            |i: &mut Index| i.sections[1].seq = 2,
            |i: &mut Index| i.sections[1].after = Some(1),
            |i: &mut Index| i.sections[0].length = u64::MAX,
            |i: &mut Index| drop(i.sections.pop()),
        ] {
            let mut index = index(&[100, 50]);
            spoil(&mut index);
            assert!(matches!(reread(&index, 150), Err(IndexError::Damaged(_))));
        }
    }

    #[test]
    fn index_of_a_newer_format_is_refused_by_its_number() {
        let mut index = index(&[]);
        index.format = 2;
        assert!(reread(&index, 0).unwrap_err().to_string().contains("format 2"));
    }

    #[test]
    fn trailer_that_lies_is_refused() {
        let frame = index(&[100]).to_frame(100).unwrap();
        let tail = &frame[frame.len() - 24..];
        let len = 100 + frame.len() as u64;
        assert!(IndexTrailer::parse(tail, len).is_ok());
        for wrong in [len - 1, len + 1, 0] {
            assert!(matches!(IndexTrailer::parse(tail, wrong), Err(IndexError::Damaged(_))));
        }
        assert!(matches!(IndexTrailer::parse(&tail[1..], len), Err(IndexError::NoTrailer)));
        assert!(matches!(IndexTrailer::parse(&[0; 24], len), Err(IndexError::NoTrailer)));
    }
}
