//! ZIPs of the older job of files: no manifest, and so nothing but names, sizes, and checksums of CRC-32.

use std::sync::Arc;

use bytes::Bytes;
use crc_fast::Digest as Crc;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::volume::{Opened, Volume};
use crate::error::{Error, chain};
use crate::names::Names;
use crate::read_at::ReadAt;
use crate::record::{FileRecord, Headers};
use crate::zip::deflate;
use crate::zip::layout::Method;
use crate::zip::read::{Directory, Entry, READ_MAX, Writer, ZipError};

impl Volume {
    /// Opens the ZIPs of one older backup in their order, each with a name for errors. All bytes of all files are read once and compared with
    /// their checksums, before anything can be restored. A file whose name is no safe path gets a number in a folder.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Refused`].
    pub async fn open_older(zips: Vec<(String, Arc<dyn ReadAt>)>) -> Result<Vec<Self>, Error> {
        let mut names = Names::new();
        let mut volumes = Vec::with_capacity(zips.len());
        for (name, source) in zips {
            volumes.push(Self::older(&name, source, &mut names).await?);
        }
        Ok(volumes)
    }

    async fn older(name: &str, source: Arc<dyn ReadAt>, names: &mut Names) -> Result<Self, Error> {
        let directory = Directory::read_of(Writer::Older, &*source).await.map_err(|error| match error {
            ZipError::Read(source) => Error::Read { volume: name.to_owned(), source },
            ZipError::Damaged(what) => Error::Refused { volume: name.to_owned(), what },
        })?;
        let mut records = Vec::with_capacity(directory.entries().len());
        for entry in directory.entries() {
            let key = directory.name(entry).to_owned();
            let told = |what: String| Error::Refused { volume: name.to_owned(), what: format!("file {key:?}: {what}") };
            let sha256 = sha256(&directory, &*source, entry).await.map_err(told)?;
            records.push(record(key, entry.bytes, sha256, names));
        }
        let (name, manifest, method) = (name.to_owned(), Bytes::new(), Method::Stored);
        Ok(Self { inner: Arc::new(Opened { name, source, directory, manifest, method, older: Some(records) }) })
    }
}

fn record(key: String, bytes: u64, sha256: [u8; 32], names: &mut Names) -> FileRecord {
    FileRecord {
        name: names.other(&key, bytes),
        key,
        bytes,
        sha256,
        etag: String::new(),
        version_id: None,
        // The time in the ZIP is that of the backup, in a zone that nobody noted.
        last_modified: OffsetDateTime::now_utc(),
        storage_class: None,
        headers: Headers::default(),
        tags: std::collections::BTreeMap::new(),
    }
}

/// Of a file's bytes, all of which are read, and compared with the entry's CRC-32.
async fn sha256(directory: &Directory, source: &dyn ReadAt, entry: &Entry) -> Result<[u8; 32], String> {
    let span = entry.span();
    let read = async |range| source.read(range).await.map_err(|error| format!("read it: {}", chain(&error)));
    let head = read(span.start..span.end.min(span.start + (64 << 10))).await?;
    let mut at = entry.offset + directory.data_start(entry, &head)? as u64;
    let end = at + entry.bytes;
    let (mut sha256, mut crc) = (Sha256::new(), Crc::new(deflate::CRC));
    while at < end {
        let piece = read(at..end.min(at + READ_MAX)).await?;
        at += piece.len() as u64;
        let hashed = tokio::task::spawn_blocking(move || {
            sha256.update(&piece);
            crc.update(&piece);
            (sha256, crc)
        });
        (sha256, crc) = hashed.await.map_err(|_| "its hashing was stopped".to_owned())?;
    }
    if crc.finalize() as u32 != entry.crc {
        return Err("its bytes don't have the checksum that its entry declares".to_owned());
    }
    Ok(sha256.finalize().into())
}
