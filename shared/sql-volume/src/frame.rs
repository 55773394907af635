use crate::digest::{DigestSeed, RowDigest};
use crate::index::SectionEntry;
use crate::section::Section;

/// A section as it stands in a volume: one zstd frame (with zstd's own checksum) and what the index says of it.
#[derive(Debug)]
pub struct CompressedSection {
    /// The zstd frame.
    pub frame: Vec<u8>,
    /// The index entry; its `offset` is 0 until the section has its place in a volume.
    pub entry: SectionEntry,
}

/// A section's frame is not what its index entry says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// zstd refused the bytes, or more text came out than the entry allows.
    #[error("decompress section {seq}")]
    Zstd {
        /// The section's position.
        seq: u32,
        /// zstd's error.
        #[source]
        source: std::io::Error,
    },
    /// Length, digest or rows disagree with the index.
    #[error("section {seq} does not match the index: its {what} differs")]
    Mismatch {
        /// The section's position.
        seq: u32,
        /// What differs.
        what: &'static str,
    },
}

/// Compresses and digests one section. Takes milliseconds of CPU: run it off the async threads.
///
/// # Errors
/// zstd's own, which means that memory ran out.
pub fn compress(section: &Section, level: i32, seed: DigestSeed) -> std::io::Result<CompressedSection> {
    let mut rows = None;
    if let Some(copy) = &section.rows {
        let mut digest = RowDigest::default();
        digest.add_rows(seed, &section.sql[copy.range.clone()]);
        if digest.rows() != copy.count {
            return Err(std::io::Error::other(format!(
                "section {} of table {}.{} counts {} rows and holds {}",
                section.seq,
                copy.schema,
                copy.table,
                copy.count,
                digest.rows()
            )));
        }
        rows = Some(digest);
    }
    let mut encoder = zstd::bulk::Compressor::new(level)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(true)?;
    let mut frame = encoder.compress(&section.sql)?;
    // It was allocated for the worst case, and may wait for its turn.
    frame.shrink_to_fit();
    Ok(CompressedSection {
        entry: SectionEntry {
            seq: section.seq,
            after: section.after,
            kind: section.kind,
            schema: section.rows.as_ref().map(|rows| rows.schema.clone()),
            table: section.rows.as_ref().map(|rows| rows.table.clone()),
            offset: 0,
            length: frame.len() as u64,
            sql_length: section.sql.len() as u64,
            digest: seed.hash(&section.sql),
            rows,
        },
        frame,
    })
}

/// Decompresses one section and checks length and digest against its index entry.
///
/// # Errors
/// [`FrameError`], naming the section.
pub fn decompress(frame: &[u8], entry: &SectionEntry, seed: DigestSeed) -> Result<Vec<u8>, FrameError> {
    let seq = entry.seq;
    let zstd_error = |source| FrameError::Zstd { seq, source };
    // One byte more than promised is enough to know that the frame lies.
    let promised = usize::try_from(entry.sql_length).unwrap_or(usize::MAX).saturating_add(1);
    let mut sql = Vec::new();
    sql.try_reserve_exact(promised).map_err(|_| zstd_error(std::io::ErrorKind::OutOfMemory.into()))?;
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(zstd_error)?;
    decompressor.decompress_to_buffer(frame, &mut sql).map_err(zstd_error)?;
    if sql.len() as u64 != entry.sql_length {
        return Err(FrameError::Mismatch { seq, what: "length" });
    }
    if seed.hash(&sql) != entry.digest {
        return Err(FrameError::Mismatch { seq, what: "digest" });
    }
    Ok(sql)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::section::{CopyRows, SectionKind};

    fn section() -> Section {
        let sql = b"COPY public.t (a) FROM stdin;\n1\n2\n\\.\n\n".to_vec();
        let rows = CopyRows { schema: "public".into(), table: "t".into(), range: 30..34, count: 2 };
        Section { kind: SectionKind::TableData, seq: 7, after: Some(3), sql, rows: Some(rows) }
    }

    const SEED: [u8; 8] = *b"8 bytes.";

    #[test]
    fn section_comes_back_equal() {
        let seed = DigestSeed::new(SEED);
        let packed = compress(&section(), 3, seed).unwrap();
        assert_eq!(packed.entry.rows.unwrap().rows(), 2);
        assert_eq!(decompress(&packed.frame, &packed.entry, seed).unwrap(), section().sql);
    }

    #[test]
    fn section_is_refused_when_a_bit_of_its_frame_flips() {
        let seed = DigestSeed::new(SEED);
        let packed = compress(&section(), 3, seed).unwrap();
        for bit in 0..packed.frame.len() * 8 {
            let mut frame = packed.frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            if let Ok(sql) = decompress(&frame, &packed.entry, seed) {
                assert_eq!(sql, section().sql, "bit {bit}");
            }
        }
    }

    #[test]
    fn section_is_refused_when_its_entry_promises_another_length_or_digest() {
        let seed = DigestSeed::new(SEED);
        let packed = compress(&section(), 3, seed).unwrap();
        for change in [
            |e: &mut SectionEntry| e.sql_length -= 1,
            |e: &mut SectionEntry| e.sql_length += 1,
            |e: &mut SectionEntry| e.digest ^= 1,
        ] {
            let mut entry = packed.entry.clone();
            change(&mut entry);
            let error = decompress(&packed.frame, &entry, seed).unwrap_err();
            assert!(error.to_string().starts_with("section 7 does not match the index"), "{error}");
        }
    }

    #[test]
    fn section_whose_rows_are_miscounted_is_not_compressed() {
        let mut wrong = section();
        wrong.rows.as_mut().unwrap().count = 3;
        assert!(compress(&wrong, 3, DigestSeed::new(SEED)).is_err());
    }
}
