//! Definitions that were fetched, kept as they are stored: whoever restores a part of a backup reads them to know what belongs to it, and
//! then again to apply them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sql_volume::{SectionEntry, SectionKind};

/// Bytes that are kept at most. What is beyond is fetched again.
const LIMIT: usize = 16 << 20;

/// Compressed sections by their `seq`.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<(usize, BTreeMap<u32, Bytes>)>>);

impl Kept {
    /// The section's bytes, if they are kept.
    pub(super) fn get(&self, entry: &SectionEntry) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.get(&entry.seq).cloned()
    }

    /// Keeps a section's verified bytes, if they define something and there is room.
    pub(super) fn put(&self, entry: &SectionEntry, compressed: &[u8]) {
        if !matches!(entry.kind, SectionKind::Preamble | SectionKind::PreData | SectionKind::PostData) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 + compressed.len() <= LIMIT && !kept.1.contains_key(&entry.seq) {
            kept.0 += compressed.len();
            kept.1.insert(entry.seq, Bytes::copy_from_slice(compressed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u32, kind: SectionKind) -> SectionEntry {
        let (schema, table, rows) = (None, None, None);
        SectionEntry { seq, after: None, kind, schema, table, offset: 0, length: 0, sql_length: 0, digest: 0, rows }
    }

    #[test]
    fn definitions_are_kept_up_to_the_limit_and_rows_never() {
        let kept = Kept::default();
        let half = vec![0; LIMIT / 2];
        kept.put(&entry(0, SectionKind::TableData), b"rows");
        for seq in [1, 1, 2] {
            kept.put(&entry(seq, SectionKind::PreData), &half);
        }
        kept.put(&entry(3, SectionKind::PostData), b"too many");
        let is_kept = |seq| kept.get(&entry(seq, SectionKind::PreData)).is_some();
        assert_eq!([0, 1, 2, 3].map(is_kept), [false, true, true, false]);
    }
}
