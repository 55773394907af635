//! Ranges of the plaintext.

use std::io;
use std::ops::Range;

use async_trait::async_trait;
use bytes::Bytes;
use envelope::{EncryptionContext, Error, ExpectedContext, RandomAccess, RangeSource, Recipients, encrypt_to_vec};
use proptest::prelude::*;

use crate::fixtures::{FRAME, Memory, SIZES, context, message, plaintext, secret, secret_identity};

#[tokio::test]
async fn ranges_around_every_boundary_come_back_equal() {
    for size in SIZES {
        let all = plaintext(size);
        let opened = Memory::new(message(&all).await).open(&context()).await.unwrap();
        assert_eq!(opened.plaintext_len(), size as u64);
        assert_eq!(opened.context(), &context());
        let mut edges: Vec<usize> = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME - 1, 2 * FRAME, size / 2, size]
            .into_iter()
            .filter(|edge| *edge <= size)
            .collect();
        edges.sort_unstable();
        for start in &edges {
            for end in edges.iter().filter(|end| *end >= start) {
                let read = opened.read(*start as u64..*end as u64).await.unwrap();
                assert!(read == all[*start..*end], "{start}..{end} of {size}");
            }
        }
    }
}

#[tokio::test]
async fn a_range_takes_one_read() {
    let source = Memory::new(message(&plaintext(5 * FRAME + 100)).await);
    let opened = source.open(&context()).await.unwrap();
    assert_eq!(source.reads(), 2, "header and final frame");
    for (range, reads) in [
        (0..5 * FRAME as u64 + 100, 3),
        (FRAME as u64 + 1..3 * FRAME as u64, 4),
        (5 * FRAME as u64..5 * FRAME as u64 + 100, 4),
        (7..7, 4),
    ] {
        opened.read(range.clone()).await.unwrap();
        assert_eq!(source.reads(), reads, "after {range:?}");
    }
    let small = Memory::new(message(b"{}").await);
    small.open(&context()).await.unwrap();
    assert_eq!(small.reads(), 1, "a small message in one read");
}

#[tokio::test]
async fn ranges_past_the_end_are_refused() {
    let opened = Memory::new(message(&plaintext(10)).await).open(&context()).await.unwrap();
    for (range, says) in [
        (0..11, "the range 0..11 is outside of the plaintext's 10 bytes"),
        (11..11, "the range 11..11 is outside of the plaintext's 10 bytes"),
        (0..u64::MAX, "the range 0..18446744073709551615 is outside of the plaintext's 10 bytes"),
    ] {
        assert_eq!(opened.read(range).await.unwrap_err().to_string(), says);
    }
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = opened.read(5..4).await;
    assert!(matches!(reversed, Err(Error::RangeOutside { .. })));
}

/// A header beyond the first read, as with many recipients or a large context.
#[tokio::test]
async fn large_header_takes_a_second_read() {
    let large = EncryptionContext::from([("note", "x".repeat(60_000))]);
    let message = encrypt_to_vec(b"plain", &Recipients::new().secret(secret()), large.clone()).await.unwrap();
    let source = Memory::new(message);
    let opened = source.open(&large).await.unwrap();
    assert_eq!(opened.read(0..5).await.unwrap(), "plain");
}

#[tokio::test]
async fn wrong_context_is_refused() {
    let error = Memory::new(message(b"").await).open(&[("offsite-part", "manifest")].into()).await.unwrap_err();
    assert!(matches!(error, Error::ContextMismatch { .. }), "{error}");
}

/// What a source can get wrong, from its `from`th read on.
#[derive(Debug)]
enum Fault {
    Error,
    Short,
    Long,
    Empty,
}

#[derive(Debug)]
struct Faulty {
    message: Bytes,
    from: usize,
    reads: std::sync::atomic::AtomicUsize,
    fault: Fault,
}

#[async_trait]
impl RangeSource for Faulty {
    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let range = range.start as usize..range.end as usize;
        if self.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < self.from {
            return Ok(self.message.slice(range));
        }
        match self.fault {
            Fault::Error => Err(io::Error::other("the source failed on purpose")),
            Fault::Short => Ok(self.message.slice(range.start..range.end - 1)),
            Fault::Long => Ok([&self.message[range], b"x"].concat().into()),
            Fault::Empty => Ok(Bytes::new()),
        }
    }
}

#[tokio::test]
async fn faulty_sources_are_named() {
    let message = Bytes::from(message(&plaintext(2 * FRAME)).await);
    for from in 0..3 {
        for fault in [Fault::Error, Fault::Short, Fault::Long, Fault::Empty] {
            let says = format!("{fault:?} from read {from}");
            let source = Faulty { message: message.clone(), from, reads: 0.into(), fault };
            let opened = RandomAccess::open(source, message.len() as u64, &secret_identity(), &context()).await;
            let error = match opened {
                Err(error) => error,
                Ok(opened) => opened.read(0..9).await.unwrap_err(),
            };
            match error {
                Error::Read(what, _) => {
                    assert_eq!(what, ["message's header", "message's final frame", "message's frames"][from])
                }
                Error::RangeLength { .. } => assert!(!says.starts_with("Error")),
                other => panic!("{says}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn wrong_size_is_refused() {
    let message = message(&plaintext(FRAME + 7)).await;
    for size in [0, 1, 300, message.len() - 1] {
        let source = Memory::new(message.clone());
        let opened = RandomAccess::open(source, size as u64, &secret_identity(), ExpectedContext::Any).await;
        assert!(matches!(opened.unwrap_err(), Error::Header(_) | Error::Size(_) | Error::TruncatedFrame(2)), "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_range_comes_back_equal(size in 0usize..3 * FRAME, ranges in prop::collection::vec((0.0..=1.0, 0.0..=1.0), 8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let all = plaintext(size);
            let opened = Memory::new(message(&all).await).open(&context()).await.unwrap();
            for (one, other) in ranges {
                let (one, other) = ((one * size as f64) as usize, (other * size as f64) as usize);
                let range = one.min(other)..one.max(other);
                assert!(opened.read(range.start as u64..range.end as u64).await.unwrap() == all[range]);
            }
        });
    }
}
