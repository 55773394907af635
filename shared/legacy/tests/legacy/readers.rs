//! Reading at any place, and from sources that answer badly.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use legacy::{Derivation, Error, LocalFile, OlderFile, Stored};
use proptest::prelude::*;

use crate::fixtures::{USUAL, fixture, open, open_as, passwords, path};

#[test]
fn any_range_is_what_lies_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let plain = fixture("plain/b65537.bin");
    let encrypted = ["openssl/b65537.bin.pbkdf2.enc", "aescrypt/b65537.bin.v2.pyaescrypt-6.0.0.aes"];
    let files = encrypted.map(|name| runtime.block_on(open_as(fixture(name), &[USUAL], true)).unwrap());
    proptest!(ProptestConfig::with_cases(300), |(start in 0u64..=65537, length in 0u64..100)| {
        let end = (start + length).min(65537);
        for file in &files {
            let read = runtime.block_on(file.plaintext().read(start..end)).unwrap();
            prop_assert_eq!(&read[..], &plain[start as usize..end as usize]);
        }
    });
    for file in &files {
        assert_eq!(runtime.block_on(file.plaintext().read(0..65537)).unwrap(), plain);
        assert!(runtime.block_on(file.plaintext().read(65537..65538)).is_err());
    }
}

/// Fails at one byte.
struct Broken(Bytes, u64);

#[async_trait]
impl Stored for Broken {
    fn length(&self) -> u64 {
        self.0.length()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if range.contains(&self.1) {
            return Err(io::Error::other("the line is cut"));
        }
        self.0.read(range).await
    }
}

#[tokio::test]
async fn source_that_fails_is_never_taken_for_an_end() {
    for name in ["grc/2022-07-22--13-00-41.sql.encrypted", "aescrypt/b65537.bin.v2.pyaescrypt-6.0.0.aes"] {
        let bytes = Bytes::from(fixture(name));
        let all = passwords(&[USUAL, crate::fixtures::GRC]);
        for at in [0, 20, 5000, bytes.length() - 1] {
            let stored = Arc::new(Broken(bytes.clone(), at));
            let read = async {
                let file = OlderFile::open("the file", stored, &all, Derivation::default(), true).await?;
                file.check().await
            };
            assert!(matches!(read.await, Err(Error::Read { .. })), "{name} at {at}");
        }
    }
}

#[tokio::test]
async fn file_on_disk_is_read_by_its_path() {
    let name = "defectdojo/defectdojo_12:14:33Z.sql.gz.dat";
    let stored = Arc::new(LocalFile::open(&path(name)).await.unwrap());
    let file = OlderFile::open(name, stored, &passwords(&[USUAL]), Derivation::default(), false).await.unwrap();
    assert_eq!(file.check().await.unwrap(), fixture("plain/defectdojo-old.sql").len() as u64);
    assert!(LocalFile::open(&path("no such file")).await.is_err());
    assert!(LocalFile::open(&path("plain")).await.is_err());
}

#[tokio::test]
async fn older_files_are_told_apart_from_others_by_their_first_bytes() {
    for name in [
        "openssl/empty.bin.pbkdf2.enc",
        "aescrypt/empty.bin.v2.pyaescrypt-6.0.0.aes",
        "defectdojo/defectdojo_12:14:33Z.sql.gz",
        "plain/defectdojo-old.sql",
        "plain/grc-2022-07-22--00-00-07.zip",
    ] {
        let bytes = fixture(name);
        assert!(OlderFile::is_one(&bytes[..bytes.len().min(64)]), "{name}");
    }
    // As Offsite's own objects begin.
    assert!(!OlderFile::is_one(&[2, 4, 0x78, 1, 2, 3]) && !OlderFile::is_one(b""));
    assert!(open(fixture("plain/grc-2022-07-22--00-00-07.zip"), &[]).await.is_ok());
}
