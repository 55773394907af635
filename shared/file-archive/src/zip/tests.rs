#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use async_trait::async_trait;
use bytes::Bytes;
use time::OffsetDateTime;

use super::deflate::{LAST, Packed, crc32, inflate, piece};
use super::layout::Method;
use super::read::Directory;
use super::write::{Whole, ZipWriter};
use crate::read_at::ReadAt;

struct OnDisk(File);

#[async_trait]
impl ReadAt for OnDisk {
    fn length(&self) -> u64 {
        self.0.metadata().unwrap().len()
    }

    async fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        self.0.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes.into())
    }
}

fn stored(bytes: &[u8]) -> Whole {
    let length = bytes.len() as u64;
    Whole { method: Method::Stored, crc: crc32(bytes), compressed: length, bytes: length }
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

#[tokio::test]
async fn zip_beyond_4_gib_opens_everywhere() {
    let file = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
    let mut out = file.as_file();
    let mut zip = ZipWriter::default();
    let put = |mut out: &File, bytes: &[u8]| out.write_all(bytes).unwrap();
    put(out, &zip.whole("first", at(0), &stored(b"first")));
    put(out, b"first");
    // An entry of more than 4 GiB: zeros, which take 4 MiB.
    let (zeros, pieces) = (vec![0; 8 << 20], 513);
    let length = pieces * zeros.len() as u64;
    let deflated = piece(&zeros).unwrap();
    let (header, entry) = zip.begin("zeros", at(1_000_000_000), length);
    put(out, &header);
    let mut crc = crc_fast::Digest::new(super::deflate::CRC);
    for _ in 0..pieces {
        put(out, &deflated);
        zip.passed(deflated.len());
        crc.update(&zeros);
    }
    put(out, LAST);
    zip.passed(LAST.len());
    put(out, &zip.end(entry, crc.finalize() as u32, length));
    // A gap of as many bytes, which the disk need not hold: what follows it has an offset beyond 4 GiB.
    out.seek(SeekFrom::Current(length as i64)).unwrap();
    zip.passed(length as usize);
    put(out, &zip.whole("last", at(4_000_000_000), &stored(b"last")));
    put(out, b"last");
    for bytes in zip.finish() {
        put(out, &bytes);
    }
    testing::archivers::all_accept(file.path());
    let source = OnDisk(file.reopen().unwrap());
    let directory = Directory::read(&source).await.unwrap();
    let entries = directory.entries();
    let names: Vec<_> = entries.iter().map(|entry| directory.name(entry)).collect();
    assert_eq!(names, ["first", "zeros", "last"]);
    assert_eq!((entries[1].bytes, entries[1].crc), (length, crc.finalize() as u32));
    assert!(entries[2].offset > u64::from(u32::MAX));
    for entry in entries {
        let head = source.read(entry.offset..entry.offset + 200.min(entry.span().end - entry.offset)).await.unwrap();
        directory.data_start(entry, &head).unwrap();
    }
}

#[tokio::test]
async fn zip_of_more_than_65_535_entries_opens_everywhere() {
    for count in [65_534, 65_535, 65_536, 70_000] {
        let mut zip = ZipWriter::default();
        let mut bytes = Vec::new();
        for number in 0..count {
            bytes.extend(zip.whole(&format!("{}/{number}", number / 1000), at(number), &stored(b"x")));
            bytes.push(b'x');
        }
        zip.finish().iter().for_each(|end| bytes.extend(end));
        if count == 65_535 || count == 70_000 {
            let file = tempfile::NamedTempFile::with_suffix(".zip").unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            testing::archivers::all_accept(file.path());
        }
        let directory = Directory::read(&Bytes::from(bytes)).await.unwrap();
        assert_eq!(directory.entries().len() as i64, count);
    }
}

#[test]
fn what_compresses_is_deflated_and_what_does_not_is_stored() {
    let text = b"again and again ".repeat(1000);
    let noise: Vec<u8> = (0u64..40_000)
        .flat_map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(i | 1).to_le_bytes())
        .collect();
    for (bytes, method) in [
        (text, Method::Deflated),
        (noise, Method::Stored),
        (Vec::new(), Method::Stored),
        (b"x".to_vec(), Method::Stored),
    ] {
        let packed = Packed::of(bytes.clone().into()).unwrap();
        assert_eq!((packed.method, packed.crc), (method, crc32(&bytes)));
        if method == Method::Deflated {
            assert_eq!(inflate(&packed.data, bytes.len()).unwrap(), bytes);
        }
        // As pieces of a stream it comes back, too, whatever was done with them.
        let stream = [piece(&bytes).unwrap(), piece(&bytes).unwrap(), LAST.to_vec()].concat();
        assert_eq!(inflate(&stream, 2 * bytes.len()).unwrap(), [bytes.clone(), bytes].concat());
    }
}

#[test]
fn data_that_inflates_to_more_or_less_than_declared_is_refused() {
    let text = b"again and again ".repeat(1000);
    let packed = Packed::of(text.clone().into()).unwrap();
    let length = text.len();
    for (data, bytes, expected) in [
        (packed.data.to_vec(), length - 1, "inflates beyond the 15999 bytes"),
        (packed.data.to_vec(), 0, "inflates beyond the 0 bytes"),
        (packed.data.to_vec(), length + 1, "inflates to 16000 bytes and not to the 16001"),
        (packed.data[..packed.data.len() - 3].to_vec(), length, "ends early"),
        ([&packed.data[..], b"x"].concat(), length, "bytes follow the end"),
        (vec![7; 100], length, "can't be inflated"),
        (Vec::new(), 0, "ends early"),
    ] {
        let error = inflate(&data, bytes).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
