//! A volume that was opened: its directory and its manifest, which agree line by line.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::Arc;

use bytes::Bytes;
use flate2::bufread::DeflateDecoder;

use crate::error::Error;
use crate::names::{MANIFEST, README, is_numbered, is_path};
use crate::read_at::ReadAt;
use crate::record::FileRecord;
use crate::zip::deflate;
use crate::zip::layout::Method;
use crate::zip::read::{Directory, Entry, ZipError, read_long};

/// A line is a key, a name and at most a few kilobytes of headers and tags.
const LINE_MAX: u64 = 1 << 20;

/// One volume of a backup, its directory and manifest in memory. Cheap to clone.
#[derive(Clone)]
pub struct Volume {
    pub(super) inner: Arc<Opened>,
}

pub(super) struct Opened {
    pub(super) name: String,
    pub(super) source: Arc<dyn ReadAt>,
    pub(super) directory: Directory,
    /// As it is in the ZIP: deflated.
    pub(super) manifest: Bytes,
    pub(super) method: Method,
    /// Of a ZIP without a manifest: what was found by reading all of it.
    pub(super) older: Option<Vec<FileRecord>>,
}

impl Volume {
    /// Reads the directory and the manifest, and refuses both unless every file has an entry and every entry is a file's, under
    /// a name that stays where it is unpacked. `name` is for errors.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Refused`].
    pub async fn open(name: &str, source: Arc<dyn ReadAt>) -> Result<Self, Error> {
        let told = |error| match error {
            ZipError::Read(source) => Error::Read { volume: name.to_owned(), source },
            ZipError::Damaged(what) => Error::Refused { volume: name.to_owned(), what },
        };
        let directory = Directory::read(&*source).await.map_err(told)?;
        let refused = |what: String| Error::Refused { volume: name.to_owned(), what };
        let entry = match directory.entries() {
            [first, .., last] if directory.name(first) == README && directory.name(last) == MANIFEST => *last,
            _ => return Err(refused(format!("it does not begin with {README} and end with {MANIFEST}"))),
        };
        let span = read_long(&*source, entry.span()).await.map_err(told)?;
        let start = directory.data_start(&entry, &span).map_err(|what| refused(format!("{MANIFEST}: {what}")))?;
        let end = start + entry.compressed as usize;
        let Some(manifest) = span.get(start..end).map(|data| span.slice_ref(data)) else {
            return Err(refused(format!("{MANIFEST} is cut off")));
        };
        let opened = Opened { name: name.to_owned(), source, directory, manifest, method: entry.method, older: None };
        let volume = Self { inner: Arc::new(opened) };
        let checked = volume.clone();
        let check = tokio::task::spawn_blocking(move || checked.check(&entry));
        check.await.map_err(|_| Error::Stopped("the reading of a manifest was stopped".to_owned()))??;
        Ok(volume)
    }

    /// Its files in the order of their keys.
    pub fn files(&self) -> Files {
        Files { lines: self.entries() }
    }

    /// How many it has.
    pub fn count(&self) -> u64 {
        self.inner.directory.entries().len() as u64 - if self.is_older() { 0 } else { 2 }
    }

    /// A ZIP of the older job, which has no manifest.
    pub(super) fn is_older(&self) -> bool {
        self.inner.older.is_some()
    }

    pub(super) fn entries(&self) -> Lines {
        let data = Cursor::new(self.inner.manifest.clone());
        let text: Box<dyn Read + Send + Sync> = match self.inner.method {
            Method::Deflated => Box::new(DeflateDecoder::new(data)),
            Method::Stored => Box::new(data),
        };
        Lines { volume: self.clone(), text: BufReader::new(text), number: 0 }
    }

    /// Reads every line once, before anything is done because of one.
    fn check(&self, manifest: &Entry) -> Result<(), Error> {
        let (mut crc, mut bytes) = (crc_fast::Digest::new(deflate::CRC), 0);
        let mut lines = self.entries();
        while let Some(line) = lines.line()? {
            crc.update(&line);
            bytes += line.len() as u64;
            if bytes > manifest.bytes {
                return Err(
                    self.refused(format!("{MANIFEST} inflates beyond the {} bytes that it declares", manifest.bytes))
                );
            }
            self.parse(lines.number, &line)?;
        }
        if bytes != manifest.bytes || crc.finalize() as u32 != manifest.crc {
            return Err(self.refused(format!("{MANIFEST} has another size or checksum than it declares")));
        }
        if lines.number != self.count() {
            let entry = self.inner.directory.entries().get(lines.number as usize + 1);
            let name = entry.map(|entry| self.inner.directory.name(entry)).unwrap_or_default();
            return Err(self.refused(format!("entry {name:?} is not in {MANIFEST}")));
        }
        Ok(())
    }

    /// The file of line `number` (from 1) and its entry.
    fn parse(&self, number: u64, line: &[u8]) -> Result<(FileRecord, Entry), Error> {
        let parsed = serde_json::from_slice::<FileRecord>(line);
        let record = parsed.map_err(|error| self.refused(format!("line {number} of {MANIFEST}: {error}")))?;
        let key = &record.key;
        // The first entry is no file's.
        let entry = self.inner.directory.entries().get(number as usize).filter(|_| number <= self.count());
        let Some(entry) = entry else { return Err(self.refused(format!("file {key:?} has no entry"))) };
        let name = self.inner.directory.name(entry);
        if name != record.zip_name() {
            return Err(self.refused(format!("file {key:?} has no entry where it should be, but {name:?} is there")));
        }
        let safe = if record.name.is_some() { is_numbered(name) } else { is_path(name) };
        if !safe {
            return Err(self.refused(format!("the name {name:?} could leave the folder that it is unpacked into")));
        }
        if record.bytes != entry.bytes || (name.ends_with('/') && record.bytes > 0) {
            let what = format!("file {key:?} has {} bytes, and its entry {}", record.bytes, entry.bytes);
            return Err(self.refused(what));
        }
        Ok((record, *entry))
    }

    fn refused(&self, what: String) -> Error {
        Error::Refused { volume: self.inner.name.clone(), what }
    }
}

/// The files of a volume, line by line. After an error it yields nothing more.
pub struct Files {
    lines: Lines,
}

impl Iterator for Files {
    type Item = Result<FileRecord, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.next().map(|line| line.map(|(record, _)| record))
    }
}

pub(super) struct Lines {
    volume: Volume,
    text: BufReader<Box<dyn Read + Send + Sync>>,
    number: u64,
}

impl Lines {
    fn line(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut line = Vec::with_capacity(512);
        let read = self.text.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
        read.map_err(|error| self.volume.refused(format!("{MANIFEST} can't be inflated: {error}")))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if line.last() != Some(&b'\n') {
            return Err(self.volume.refused(format!("line {} of {MANIFEST} has no end", self.number)));
        }
        Ok(Some(line))
    }
}

impl Iterator for Lines {
    type Item = Result<(FileRecord, Entry), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(records) = &self.volume.inner.older {
            let number = self.number as usize;
            self.number += 1;
            let entry = *self.volume.inner.directory.entries().get(number)?;
            return records.get(number).map(|record| Ok((record.clone(), entry)));
        }
        let line = match self.line() {
            Ok(line) => line?,
            Err(error) => return Some(Err(error)),
        };
        Some(self.volume.parse(self.number, &line))
    }
}
