//! Volumes that lie.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::{Folder, Overwrite, Restore, RestoreReport, Selection, Target, Volume};
use crate::names::{MANIFEST, README};
use crate::record::{FileRecord, Headers};
use crate::zip::deflate::{LAST, Packed, crc32, piece};
use crate::zip::layout::Method;
use crate::zip::write::{Whole, ZipWriter};

const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn record(key: &str, bytes: &[u8]) -> FileRecord {
    FileRecord {
        key: key.to_owned(),
        name: None,
        bytes: bytes.len() as u64,
        sha256: Sha256::digest(bytes).into(),
        etag: "e".to_owned(),
        version_id: None,
        last_modified: NOW,
        storage_class: None,
        headers: Headers::default(),
        tags: std::collections::BTreeMap::new(),
    }
}

/// A ZIP of entries, then of other bytes; and its manifest's lines.
#[derive(Default)]
struct Forge {
    zip: ZipWriter,
    bytes: Vec<u8>,
    lines: Vec<FileRecord>,
}

impl Forge {
    fn new() -> Self {
        let mut forge = Self::default();
        forge.entry(README, b"");
        forge
    }

    fn entry(&mut self, name: &str, bytes: &[u8]) {
        let packed = Packed::of(Bytes::copy_from_slice(bytes)).unwrap();
        let whole =
            Whole { method: packed.method, crc: packed.crc, compressed: packed.data.len() as u64, bytes: packed.bytes };
        self.raw(name, &whole, &packed.data);
    }

    fn raw(&mut self, name: &str, whole: &Whole, data: &[u8]) {
        self.bytes.extend(self.zip.whole(name, NOW, whole));
        self.bytes.extend(data);
    }

    fn file(mut self, key: &str, bytes: &[u8]) -> Self {
        self.entry(key, bytes);
        self.lines.push(record(key, bytes));
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let lines: Vec<_> = self.lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
        self.entry(MANIFEST, lines.concat().as_bytes());
        for end in self.zip.finish() {
            self.bytes.extend(end);
        }
        self.bytes
    }
}

async fn open(bytes: Vec<u8>) -> Result<Volume, String> {
    Volume::open("volume-0001", Arc::new(Bytes::from(bytes))).await.map_err(|error| error.to_string())
}

async fn refused(bytes: Vec<u8>) -> String {
    let error = open(bytes).await.err().expect("a refusal");
    assert!(error.starts_with("volume-0001 is refused: "), "{error}");
    error
}

/// The report of a restore into a new folder, and the names of what is there afterwards.
async fn restored(bytes: Vec<u8>) -> (RestoreReport, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Folder(Folder::open(folder.path()).unwrap());
    let restore = Restore { selection: Selection::All, target, overwrite: Overwrite::Never, dry_run: false };
    let mut report = RestoreReport::default();
    restore.volume(&open(bytes).await.unwrap(), &mut report).await.unwrap();
    assert!(report.adds_up());
    let there = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    (report, there.collect())
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8], nth: usize) {
    let found: Vec<_> =
        bytes.windows(from.len()).enumerate().filter(|(_, window)| *window == from).map(|(at, _)| at).collect();
    bytes[found[nth]..found[nth] + to.len()].copy_from_slice(to);
}

#[tokio::test]
async fn volume_as_it_should_be_is_restored() {
    let (report, there) = restored(Forge::new().file("a", b"1").file("b", &[0; 100_000]).finish()).await;
    assert_eq!((report.written, there.len()), (2, 2));
}

#[tokio::test]
async fn name_that_climbs_out_is_refused() {
    for name in ["../x", "/x", "a/../../x", "C:x", ".offsite/x", ".offsite/manifest.ndjson", "a\\b", "x\0"] {
        let error = refused(Forge::new().file(name, b"1").finish()).await;
        assert!(error.contains("could leave the folder"), "{error}");
        let mut forge = Forge::new();
        forge.entry(name, b"1");
        forge.lines.push(FileRecord { name: Some(name.to_owned()), ..record("fine", b"1") });
        let error = refused(forge.finish()).await;
        assert!(error.contains("could leave the folder"), "{error}");
    }
}

#[tokio::test]
async fn manifest_and_entries_that_do_not_agree_are_refused() {
    let mut entry_without_line = Forge::new().file("a", b"1");
    entry_without_line.entry("b", b"2");
    let mut line_without_entry = Forge::new().file("a", b"1");
    line_without_entry.lines.push(record("b", b"2"));
    let mut other_order = Forge::new().file("a", b"1").file("b", b"2");
    other_order.lines.swap(0, 1);
    let mut other_size = Forge::new().file("a", b"1");
    other_size.lines[0].bytes = 2;
    for (forge, expected) in [
        (entry_without_line, "entry \"b\" is not in .offsite/manifest.ndjson"),
        (line_without_entry, "file \"b\" has no entry"),
        (other_order, "file \"b\" has no entry where it should be, but \"a\" is there"),
        (other_size, "file \"a\" has 2 bytes, and its entry 1"),
    ] {
        let error = refused(forge.finish()).await;
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn zip_of_another_make_is_refused() {
    let mut none = ZipWriter::default();
    let header = none.whole("a", NOW, &Whole { method: Method::Stored, crc: 0, compressed: 0, bytes: 0 });
    let without = [header.to_vec(), none.finish().concat()].concat();
    assert!(refused(without).await.contains("does not begin with"));
    let whole = Forge::new().file("a", b"1").finish();
    for cut in [0, 1, 21, 22, whole.len() / 2, whole.len() - 1] {
        refused(whole[..cut].to_vec()).await;
    }
    assert!(refused([&whole[..], b"x"].concat()).await.contains("does not end as a ZIP ends"));
}

#[tokio::test]
async fn header_that_does_not_agree_with_the_directory_fails_its_file_and_no_other() {
    for (from, to, expected) in
        [(&b"name-a"[..], &b"name-X"[..], "another name"), (b"PK\x03\x04", b"PK\x03\x05", "no local header")]
    {
        let mut bytes = Forge::new().file("name-a", b"1").file("name-b", b"2").finish();
        // The first is the README's header.
        replace(&mut bytes, from, to, usize::from(from[0] == b'P'));
        let (report, there) = restored(bytes).await;
        assert_eq!(
            (report.failed, report.failures[0].key.as_str(), there.as_slice()),
            (1, "name-a", &["name-b".to_owned()][..])
        );
        assert!(report.failures[0].why.contains(expected), "{:?}", report.failures);
    }
    // Sizes and checksum of the local header: 14 to 26.
    for at in [8, 14, 18, 22, 26] {
        let mut bytes = Forge::new().file("name-a", b"1").finish();
        let start = bytes.windows(6).position(|window| window == b"name-a").unwrap() - 30;
        bytes[start + at] ^= 1;
        let (report, there) = restored(bytes).await;
        assert_eq!((report.failed, there.len()), (1, 0), "byte {at}");
    }
}

#[tokio::test]
async fn entries_that_overlap_are_refused() {
    let mut bytes = Forge::new().file("aaaa", b"1").file("bbbb", b"2").finish();
    // The second entry's offset in the directory becomes the first one's.
    let central: Vec<_> =
        bytes.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x01\x02").map(|(at, _)| at).collect();
    let first: [u8; 4] = bytes[central[1] + 42..central[1] + 46].try_into().unwrap();
    bytes[central[2] + 42..central[2] + 46].copy_from_slice(&first);
    assert!(refused(bytes).await.contains("entry \"aaaa\" overlaps with the next"));
}

#[tokio::test]
async fn bytes_that_are_not_what_was_recorded_are_never_written() {
    let text = b"again and again ".repeat(100_000);
    let deflated = Packed::of(text.clone().into()).unwrap();
    let lying =
        |bytes: u64, crc: u32| Whole { method: Method::Deflated, crc, compressed: deflated.data.len() as u64, bytes };
    let mut bomb = Forge::new();
    bomb.raw("file", &lying(10, deflated.crc), &deflated.data);
    bomb.lines.push(FileRecord { bytes: 10, ..record("file", &text) });
    let mut checksum = Forge::new();
    checksum.raw("file", &lying(text.len() as u64, 1), &deflated.data);
    checksum.lines.push(record("file", &text));
    let mut sha256 = Forge::new();
    sha256.raw("file", &lying(text.len() as u64, deflated.crc), &deflated.data);
    sha256.lines.push(FileRecord { sha256: [0; 32], ..record("file", &text) });
    for (forge, expected) in [(bomb, "inflates beyond the 10 bytes"), (checksum, "checksum"), (sha256, "SHA-256")] {
        let (report, there) = restored(forge.file("other", b"1").finish()).await;
        assert_eq!((report.failed, report.written, there.as_slice()), (1, 1, &["other".to_owned()][..]));
        assert!(report.failures[0].why.contains(expected), "{:?}", report.failures);
    }
}

#[tokio::test]
async fn large_file_that_is_not_what_was_recorded_is_never_visible() {
    let zeros = vec![0; 9 << 20];
    let pieces = [piece(&zeros).unwrap(), LAST.to_vec()].concat();
    for (declared, crc, sha256, expected) in [
        (zeros.len() as u64 - 1, crc32(&zeros), Sha256::digest(&zeros).into(), "inflates beyond"),
        (zeros.len() as u64 + 1, crc32(&zeros), Sha256::digest(&zeros).into(), "inflates to"),
        (zeros.len() as u64, 1, Sha256::digest(&zeros).into(), "checksum"),
        (zeros.len() as u64, crc32(&zeros), [0; 32], "SHA-256"),
    ] {
        let mut forge = Forge::new();
        let (header, entry) = forge.zip.begin("large", NOW, declared);
        forge.bytes.extend(header);
        forge.bytes.extend(&pieces);
        forge.zip.passed(pieces.len());
        forge.bytes.extend(forge.zip.end(entry, crc, declared));
        forge.lines.push(FileRecord { bytes: declared, sha256, ..record("large", b"") });
        let (report, there) = restored(forge.finish()).await;
        assert_eq!((report.failed, there.len()), (1, 0), "{expected}");
        assert!(report.failures[0].why.contains(expected), "{:?}", report.failures);
    }
}
