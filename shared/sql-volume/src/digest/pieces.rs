use xxhash_rust::xxh3::Xxh3;

use crate::digest::{DigestSeed, RowDigest};

/// The digest of rows whose text comes in pieces that end anywhere. No row is kept, however long it is.
pub struct RowsInPieces {
    seed: DigestSeed,
    ended: RowDigest,
    /// A row whose end has not come yet.
    begun: Option<Begun>,
}

struct Begun {
    hash: Box<Xxh3>,
    bytes: u64,
}

impl RowsInPieces {
    /// Of no rows yet.
    pub fn new(seed: DigestSeed) -> Self {
        Self { seed, ended: RowDigest::default(), begun: None }
    }

    /// Adds the next piece of COPY's text.
    pub fn add(&mut self, mut piece: &[u8]) {
        if let Some(mut begun) = self.begun.take() {
            let end = memchr::memchr(b'\n', piece);
            begun.add(&piece[..end.unwrap_or(piece.len())]);
            let Some(end) = end else { return self.begun = Some(begun) };
            begun.end(&mut self.ended);
            piece = &piece[end + 1..];
        }
        let ended = memchr::memrchr(b'\n', piece).map_or(0, |last| last + 1);
        self.ended.add_rows(self.seed, &piece[..ended]);
        if ended < piece.len() {
            let mut begun = Begun { hash: Box::new(Xxh3::with_seed(self.seed.0)), bytes: 0 };
            begun.add(&piece[ended..]);
            self.begun = Some(begun);
        }
    }

    /// The digest of all rows. What has no newline at its end is one too.
    pub fn end(mut self) -> RowDigest {
        if let Some(begun) = self.begun.take() {
            begun.end(&mut self.ended);
        }
        self.ended
    }
}

impl Begun {
    fn add(&mut self, piece: &[u8]) {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
    }

    fn end(self, rows: &mut RowDigest) {
        rows.add_hashed(self.hash.digest128(), self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_the_digest_of_the_whole_wherever_they_end() {
        let seed = DigestSeed::new(*b"seedseed");
        let long: Vec<u8> = (0..3000u32).map(|n| b'a' + (n % 23) as u8).collect();
        let text = [&b"1\ta\n\n2\tb\n"[..], &long, b"\n\n3\tc\n", &long, &long, b"\n"].concat();
        let mut whole = RowDigest::default();
        whole.add_rows(seed, &text);
        assert_eq!(whole.rows(), 7);
        for length in (1..20).chain([100, 239, 240, 241, 1000, 2999, 3000, 3001, 9000, 20_000]) {
            let mut rows = RowsInPieces::new(seed);
            for piece in text.chunks(length) {
                rows.add(piece);
            }
            assert_eq!(rows.end(), whole, "{length}");
        }
    }

    #[test]
    fn row_without_an_end_counts() {
        let seed = DigestSeed::new(*b"seedseed");
        let mut rows = RowsInPieces::new(seed);
        rows.add(b"1\n2");
        let mut expected = RowDigest::default();
        expected.add_rows(seed, b"1\n2\n");
        assert_eq!(rows.end(), expected);
    }
}
