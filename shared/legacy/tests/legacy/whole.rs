//! Dumps of more than one piece, in bounded memory.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use legacy::{Derivation, OlderFile, Passwords, Stored};

/// A dump of so many equal rows, made where it is read.
struct Endless {
    head: &'static [u8],
    tail: &'static [u8],
    length: u64,
    longest: Arc<AtomicU64>,
}

#[async_trait]
impl Stored for Endless {
    fn length(&self) -> u64 {
        self.length
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.longest.fetch_max(range.end - range.start, Ordering::Relaxed);
        let tail = self.length - self.tail.len() as u64;
        let byte = |at: u64| match at {
            at if at < self.head.len() as u64 => self.head[at as usize],
            at if at >= tail => self.tail[(at - tail) as usize],
            at if at % 64 == 63 => b'\n',
            _ => b'-',
        };
        Ok(range.map(byte).collect())
    }
}

#[tokio::test]
async fn dump_of_many_pieces_is_read_piece_by_piece() {
    let longest = Arc::new(AtomicU64::new(0));
    let stored = Endless {
        head: b"--\n-- PostgreSQL database dump\n--\n\n",
        tail: b"\n--\n-- PostgreSQL database dump complete\n--\n\n",
        length: (9 << 20) + 77,
        longest: Arc::clone(&longest),
    };
    let length = stored.length;
    let none = Passwords::new();
    let file = OlderFile::open("the file", Arc::new(stored), &none, Derivation::default(), false).await.unwrap();
    assert_eq!(file.check().await.unwrap(), length);
    assert_eq!(longest.load(Ordering::Relaxed), 4 << 20);
}
