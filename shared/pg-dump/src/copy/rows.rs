use std::sync::Arc;

use memchr::{memchr, memchr_iter, memmem, memrchr};
use sql_volume::{CopyRows, SectionKind};
use tokio::sync::OwnedSemaphorePermit;

use crate::handover::{Draft, Used};
use crate::options::DumpOptions;
use crate::slices::Slice;

/// The line that ends a COPY block, and the blank lines after it, as pg_dump writes them.
const END: &[u8] = b"\\.\n\n\n";
/// The row that says so, after another one.
const END_ROW: &[u8] = b"\n\\.\n";
/// How much is added at once: what is looked at while the processor has it at hand.
const PIECE: usize = 64 << 10;
/// The same, where a section is about to end.
const BEYOND: usize = 16 << 10;
/// The same, within a row that is longer than that: nothing of it is moved, and fewer reads cost less.
const LONG: usize = 256 << 10;
/// Room beyond a section's size for the row that fills it, so that the buffer rarely moves.
const ROOM: usize = 256 << 10;

/// Why a slice's text isn't taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowError {
    /// The row after `row` rows of the slice exceeds the limit.
    TooLong {
        /// Rows before it.
        row: u64,
    },
    /// It is no COPY text.
    Text(&'static str),
}

/// Builds the sections of one slice out of COPY's text, which comes in pieces that end anywhere.
pub(super) struct Rows {
    header: Arc<[u8]>,
    schema: String,
    table: String,
    in_order: bool,
    section_bytes: usize,
    max_row: u64,
    used: Used,
    /// The section so far: the header, and rows. What comes is added here.
    sql: Vec<u8>,
    /// How much of `sql` was looked at.
    seen: usize,
    /// Whole rows in that.
    count: u64,
    /// Where in it the row that is under way began.
    row_start: usize,
    /// Rows of the slice in earlier sections.
    before: u64,
    /// Sections handed over.
    sections: u64,
    large: Option<OwnedSemaphorePermit>,
}

impl Rows {
    pub(super) fn begin(slice: &Slice, options: &DumpOptions, used: Used) -> Self {
        let (schema, table) = slice.table.counted_as();
        let mut rows = Self {
            header: Arc::clone(&slice.header),
            schema: schema.to_owned(),
            table: table.to_owned(),
            in_order: slice.table.in_order,
            section_bytes: options.section_bytes,
            max_row: options.max_row.max(64 << 10),
            used,
            sql: Vec::new(),
            seen: 0,
            count: 0,
            row_start: 0,
            before: 0,
            sections: 0,
            large: None,
        };
        rows.sql = rows.open(0);
        rows.seen = rows.sql.len();
        rows.row_start = rows.seen;
        rows
    }

    /// A new section. The buffer for a slice that is surely small starts small; for others it has a section's worth, once.
    fn open(&self, room: usize) -> Vec<u8> {
        let mut sql = self.used.buffer(self.header.len() + room);
        sql.extend_from_slice(&self.header);
        sql
    }

    /// How much is worth to be added next, at most: what comes after a section's end has to be moved to the next one.
    pub(super) fn room(&self) -> usize {
        let left = self.section_bytes.saturating_sub(self.sql.len());
        let room =
            if left > 0 { left.clamp(BEYOND, PIECE) } else { (self.sql.len() - self.row_start).clamp(BEYOND, LONG) };
        // A row within a piece is no longer than the limit.
        room.min(self.max_row as usize)
    }

    /// Whether `more` bytes would make this a large buffer, for which [`Rows::large`] is due.
    pub(super) fn outgrows(&self, more: usize) -> bool {
        self.large.is_none() && self.sql.len() + more > self.used.largest
    }

    /// Allows this section to be large.
    pub(super) fn large(&mut self, permit: OwnedSemaphorePermit) {
        self.large = Some(permit);
    }

    /// Where the next piece is to be added, at its end, with room for `more` bytes.
    pub(super) fn buffer(&mut self, more: usize) -> &mut Vec<u8> {
        let free = self.sql.capacity() - self.sql.len();
        if free < more {
            // Doubling up to a section's size, once; beyond, in steps that move the buffer rarely. What isn't written to yet
            // takes no memory.
            let (length, whole) = (self.sql.len(), self.section_bytes + ROOM);
            let step = (length / 2).max(self.section_bytes);
            let grown = if length < whole { (length * 2).clamp(64 << 10, whole) } else { length + step };
            self.sql.reserve_exact(grown.saturating_sub(length).max(more));
        }
        &mut self.sql
    }

    /// Looks at what was added. The next section that it completed, if any: one ends with the first row that ends after
    /// `section_bytes`.
    pub(super) fn next(&mut self) -> Result<Option<Draft>, RowError> {
        let full = self.section_bytes.saturating_sub(1).max(self.seen);
        let cut = self.sql.get(full..).and_then(|late| memchr(b'\n', late)).map(|at| full + at + 1);
        let (from, to) = (self.seen, cut.unwrap_or(self.sql.len()));
        let new = &self.sql[from..to];
        // What comes late is looked at once: the first row that ends there is the last.
        let last = match cut {
            Some(end) => Some(end - 1 - from),
            None => memrchr(b'\n', &self.sql[from..to.min(full)]),
        };
        self.check_length(new, last.is_some())?;
        if let Some(last) = last {
            self.check_end(from, from + last + 1)?;
            self.count += memchr_iter(b'\n', new).count() as u64;
            self.row_start = from + last + 1;
        }
        self.seen = to;
        if cut.is_none() {
            return Ok(None);
        }
        let mut next = self.open(self.section_bytes + ROOM);
        let begun = next.len();
        next.extend_from_slice(&self.sql[to..]);
        self.sql.truncate(to);
        let draft = self.close();
        (self.sql, self.seen, self.row_start) = (next, begun, begun);
        Ok(Some(draft))
    }

    /// The last section. An empty table has one too, with no rows.
    pub(super) fn end(&mut self) -> Result<Option<Draft>, RowError> {
        if self.row_start != self.sql.len() {
            return Err(RowError::Text("a row without end"));
        }
        if self.count == 0 && self.sections > 0 {
            return Ok(None);
        }
        Ok(Some(self.close()))
    }

    fn check_length(&self, new: &[u8], ended: bool) -> Result<(), RowError> {
        let pending = (self.seen - self.row_start) as u64;
        // Pieces are no longer than the limit: only the row under way can exceed it, or the one that this piece begins.
        let first = if ended { memchr(b'\n', new) } else { None };
        let ends = first.unwrap_or(new.len()) as u64;
        if pending + ends > self.max_row {
            return Err(RowError::TooLong { row: self.before + self.count });
        }
        Ok(())
    }

    /// Looks for a row that would end the data among those that ended between `from` and `to`.
    fn check_end(&self, from: usize, to: usize) -> Result<(), RowError> {
        // A row that was longer already isn't one, and isn't looked at again.
        let start = if from - self.row_start < END_ROW.len() { self.row_start } else { from };
        let ended = self.sql[self.row_start..to].starts_with(&END_ROW[1..]);
        if ended || memmem::find(&self.sql[start..to], END_ROW).is_some() {
            return Err(RowError::Text("a row that would end the data"));
        }
        Ok(())
    }

    fn close(&mut self) -> Draft {
        let range = self.header.len()..self.sql.len();
        self.sql.reserve_exact(END.len());
        self.sql.extend_from_slice(END);
        let count = std::mem::take(&mut self.count);
        self.before += count;
        self.sections += 1;
        Draft {
            kind: SectionKind::TableData,
            sql: std::mem::take(&mut self.sql),
            rows: Some(CopyRows { schema: self.schema.clone(), table: self.table.clone(), range, count }),
            in_order: self.in_order,
            large: self.large.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn rows(section_bytes: usize) -> Rows {
        let mut rows = Rows {
            header: Arc::from(&b"COPY t (a) FROM stdin;\n"[..]),
            schema: "public".to_owned(),
            table: "t".to_owned(),
            in_order: false,
            section_bytes,
            max_row: 64 << 10,
            used: Used::default(),
            sql: Vec::new(),
            seen: 0,
            count: 0,
            row_start: 0,
            before: 0,
            sections: 0,
            large: None,
        };
        rows.sql = rows.open(0);
        rows.seen = rows.sql.len();
        rows.row_start = rows.seen;
        rows
    }

    fn sections(section_bytes: usize, pieces: &[&[u8]]) -> Result<Vec<Draft>, RowError> {
        let (mut rows, mut drafts) = (rows(section_bytes), Vec::new());
        for piece in pieces {
            rows.buffer(piece.len()).extend_from_slice(piece);
            while let Some(draft) = rows.next()? {
                drafts.push(draft);
            }
        }
        drafts.extend(rows.end()?);
        Ok(drafts)
    }

    #[test]
    fn sections_are_the_same_wherever_pieces_end() {
        let text: Vec<u8> = (0..500).flat_map(|n| format!("{n}\t{}\n", "x".repeat(n * 13 % 50)).into_bytes()).collect();
        let whole = sections(1000, &[&text]).unwrap();
        assert!(whole.len() > 10);
        for step in [1, 2, 3, 7, 50, 999, 1000, 1001] {
            let pieces: Vec<&[u8]> = text.chunks(step).collect();
            let cut = sections(1000, &pieces).unwrap();
            assert_eq!(cut.len(), whole.len(), "{step}");
            for (cut, whole) in cut.iter().zip(&whole) {
                assert_eq!((&cut.sql, &cut.rows), (&whole.sql, &whole.rows), "{step}");
            }
        }
        let all: Vec<u8> =
            whole.iter().flat_map(|draft| draft.sql[draft.rows.as_ref().unwrap().range.clone()].to_vec()).collect();
        assert_eq!(all, text);
        assert_eq!(whole.iter().map(|draft| draft.rows.as_ref().unwrap().count).sum::<u64>(), 500);
    }

    proptest! {
        #[test]
        fn any_rows_in_any_pieces_are_all_there_in_order(
            lines in prop::collection::vec("[^\n]{0,40}", 0..60),
            cuts in prop::collection::vec(1usize..90, 1..200),
            section_bytes in 1usize..700,
        ) {
            let text: String = lines.iter().map(|line| format!("{}\n", line.replace('\\', "\\\\"))).collect();
            let (mut rest, mut pieces) = (text.as_bytes(), Vec::new());
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at(rest.len().min(*cut));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            let (mut all, mut count) = (Vec::new(), 0);
            for draft in sections(section_bytes, &pieces).unwrap() {
                let rows = draft.rows.as_ref().unwrap();
                let taken = &draft.sql[rows.range.clone()];
                prop_assert_eq!(memchr_iter(b'\n', taken).count() as u64, rows.count);
                prop_assert!(draft.sql[rows.range.end..] == *END);
                all.extend_from_slice(taken);
                count += rows.count;
            }
            prop_assert_eq!((all, count), (text.into_bytes(), lines.len() as u64));
        }
    }

    #[test]
    fn section_closes_with_the_first_row_that_ends_after_its_size() {
        let header = "COPY t (a) FROM stdin;\n".len();
        let drafts = sections(header + 4, &[b"a\nb\nc\nd\n"]).unwrap();
        assert_eq!(drafts.len(), 2);
        assert_eq!(drafts[0].sql, b"COPY t (a) FROM stdin;\na\nb\n\\.\n\n\n");
        let drafts = sections(header + 5, &[b"a\nb\nc\nd\n"]).unwrap();
        assert_eq!(drafts[0].rows.as_ref().unwrap().count, 3);
    }

    #[test]
    fn empty_table_has_one_empty_block() {
        let drafts = sections(1000, &[]).unwrap();
        assert_eq!(drafts.len(), 1);
        assert_eq!(drafts[0].sql, b"COPY t (a) FROM stdin;\n\\.\n\n\n");
        assert_eq!(drafts[0].rows.as_ref().unwrap().count, 0);
    }

    #[test]
    fn row_without_end_and_row_that_ends_the_data_are_refused() {
        assert_eq!(sections(1000, &[b"a\nb"]).err(), Some(RowError::Text("a row without end")));
        for text in [&b"\\.\n"[..], b"a\n\\.\nb\n"] {
            assert_eq!(sections(1000, &[text]).err(), Some(RowError::Text("a row that would end the data")));
        }
        assert!(sections(1000, &[b"\\\\.\na\\\\.\n"]).is_ok());
    }

    #[test]
    fn row_longer_than_the_limit_is_refused_by_its_number_before_it_is_whole() {
        let long = vec![b'x'; (64 << 10) + 1];
        let pieces: Vec<&[u8]> = [&b"a\nb\nc\n"[..]].into_iter().chain(long.chunks(1000)).collect();
        assert_eq!(sections(8 << 20, &pieces).err(), Some(RowError::TooLong { row: 3 }));
        assert_eq!(sections(10, &pieces).err(), Some(RowError::TooLong { row: 3 }));
        let just: Vec<u8> = [&long[1..], b"\n"].concat();
        assert!(sections(8 << 20, &just.chunks(1000).collect::<Vec<_>>()).is_ok());
    }
}
