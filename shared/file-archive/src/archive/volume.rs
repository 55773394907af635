//! One volume: entries as they come, then the manifest, then the directory.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use time::OffsetDateTime;

use super::fetch::{Fetched, Message, Small};
use super::large::{Part, Parts, Sums, large};
use super::manifest::ManifestWriter;
use super::memory::Place;
use super::{Archive, VolumeTotals};
use crate::error::{Error, chain};
use crate::names::{MANIFEST, README};
use crate::problem::ProblemKind;
use crate::record::FileRecord;
use crate::source::{Head, Listed, Unread};
use crate::zip::deflate::{self, crc32};
use crate::zip::layout::Method;
use crate::zip::write::{OpenEntry, Whole, ZipWriter};

/// Names, directory and manifest of a volume in memory, which closes when they have grown so far.
const MEMORY: u64 = 64 << 20;
/// How often a large object that changes while it is read is begun anew.
const BEGINNINGS: u32 = 3;
const README_TEXT: &str = "\
A volume of a backup of a bucket, made by Offsite.

Every file is here under its key. Keys that are no safe paths have a number in .offsite/keys instead.
.offsite/manifest.ndjson has a line of JSON for each file, in this order: its true key, size, SHA-256,
headers, metadata, tags, storage class. Entries that the central directory does not list are no files.
";
/// What an entry has besides its data, generously.
const OVERHEAD: u64 = 4 << 10;

pub(super) struct OpenVolume<'a> {
    archive: &'a mut Archive,
    zip: ZipWriter,
    manifest: ManifestWriter,
    totals: VolumeTotals,
    /// To be handed out next.
    ready: VecDeque<(Bytes, Option<Place>)>,
    large: Option<Large>,
    ended: bool,
}

/// A large object, part by part.
struct Large {
    listed: Listed,
    parts: Parts,
    /// Its entry, once its first bytes have come.
    entry: Option<(OpenEntry, Box<Head>)>,
    /// Its name, which stays when it is begun anew.
    name: Option<Name>,
    beginnings: u32,
}

/// `None` if it is the key itself.
struct Name(Option<String>);

impl<'a> OpenVolume<'a> {
    pub(super) fn new(archive: &'a mut Archive) -> Self {
        let mut zip = ZipWriter::default();
        let text = Bytes::from_static(README_TEXT.as_bytes());
        let length = text.len() as u64;
        let whole = Whole { method: Method::Stored, crc: crc32(&text), compressed: length, bytes: length };
        let header = zip.whole(README, OffsetDateTime::now_utc(), &whole);
        Self {
            archive,
            zip,
            manifest: ManifestWriter::new(),
            totals: VolumeTotals::default(),
            ready: [(header, None), (text, None)].into(),
            large: None,
            ended: false,
        }
    }

    pub(super) async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            // The place in memory goes with the bytes: from here on they are the reader's.
            if let Some((bytes, _place)) = self.ready.pop_front() {
                return Some((Ok(bytes), self));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.advance().await {
                let text = chain(&error);
                self.archive.failure = Some(error);
                self.ended = true;
                return Some((Err(io::Error::other(text)), self));
            }
        }
    }

    /// Makes something ready, if only by reading on.
    async fn advance(&mut self) -> Result<(), Error> {
        if let Some(mut large) = self.large.take() {
            let part = large.parts.next().await;
            return self.part(large, part).await;
        }
        match self.archive.receive().await? {
            Message::Small(listed, task) => {
                let fetched = task.await.map_err(|_| Error::Stopped("a GET was stopped".to_owned()))?;
                self.small(listed, fetched).await
            }
            Message::Large(listed, parts) => self.begin_large(listed, parts).await,
            Message::Failed(error) => Err(error),
            Message::End => self.end(),
            Message::Packed(fetched) => self.place(fetched),
        }
    }

    async fn small(&mut self, listed: Listed, fetched: Result<Small, Unread>) -> Result<(), Error> {
        match fetched {
            Ok(Small::Fetched(fetched)) if self.closes(fetched.packed.data.len() as u64) => {
                self.postpone(Message::Packed(fetched))
            }
            Ok(Small::Fetched(fetched)) => self.place(fetched),
            Ok(Small::Readable) => Ok(()),
            Ok(Small::Larger) => {
                let parts = self.read_out_of_turn(&listed);
                self.begin_large(listed, parts).await
            }
            Err(unread) => self.unread(listed, unread),
        }
    }

    fn place(&mut self, fetched: Box<Fetched>) -> Result<(), Error> {
        if self.archive.reading.is_survey() {
            return Ok(());
        }
        let Fetched { mut record, packed, hidden_metadata, place } = *fetched;
        record.name = self.archive.names.other(&record.key, record.bytes);
        let whole =
            Whole { method: packed.method, crc: packed.crc, compressed: packed.data.len() as u64, bytes: packed.bytes };
        let header = self.zip.whole(record.zip_name(), record.last_modified, &whole);
        self.ready.push_back((header, None));
        self.ready.push_back((packed.data, Some(place)));
        self.list(&record, hidden_metadata)
    }

    async fn begin_large(&mut self, listed: Listed, parts: Parts) -> Result<(), Error> {
        if self.closes(listed.bytes.min(self.archive.options.largest_object)) && !self.archive.reading.is_survey() {
            return self.postpone(Message::Large(listed, parts));
        }
        self.large = Some(Large { listed, parts, entry: None, name: None, beginnings: 1 });
        Ok(())
    }

    async fn part(&mut self, mut large: Large, part: Result<Part, Unread>) -> Result<(), Error> {
        if self.archive.reading.is_survey() {
            return match part {
                Err(unread @ Unread::Problem(..)) => self.unread(large.listed, unread),
                _ => Ok(()),
            };
        }
        match part {
            Ok(Part::Head(head)) => {
                let key = &large.listed.key;
                let Name(other) = large.name.get_or_insert_with(|| Name(self.archive.names.other(key, head.bytes)));
                let name = other.as_deref().unwrap_or(key);
                let (header, entry) = self.zip.begin(name, head.last_modified, head.bytes);
                self.ready.push_back((header, None));
                large.entry = Some((entry, head));
            }
            Ok(Part::Piece(bytes, place)) => {
                self.zip.passed(bytes.len());
                self.ready.push_back((bytes, Some(place)));
            }
            Ok(Part::End(sums)) => return self.end_large(large, sums),
            Err(Unread::Changed(_)) if large.beginnings < BEGINNINGS => {
                self.abandon(&mut large);
                large.beginnings += 1;
                large.parts = self.read_out_of_turn(&large.listed);
            }
            Err(unread) => {
                self.abandon(&mut large);
                return self.unread(large.listed, unread);
            }
        }
        self.large = Some(large);
        Ok(())
    }

    fn end_large(&mut self, large: Large, sums: Sums) -> Result<(), Error> {
        let Some((entry, head)) = large.entry else {
            return Err(Error::Stopped("an object ended before it began".to_owned()));
        };
        self.pass(Bytes::from_static(deflate::LAST));
        let descriptor = self.zip.end(entry, sums.crc, sums.bytes);
        self.ready.push_back((descriptor, None));
        let hidden_metadata = head.hidden_metadata;
        let mut record = head.record(large.listed.key, sums.sha256);
        record.name = large.name.and_then(|Name(other)| other);
        self.list(&record, hidden_metadata)
    }

    /// What was handed out of the entry stays as a gap, which the directory does not list. Those who read from the front find a
    /// stream that ends, so that they come to the next entry, and a size that is not its own, so that they don't trust it.
    fn abandon(&mut self, large: &mut Large) {
        let Some((entry, _)) = large.entry.take() else { return };
        self.pass(Bytes::from_static(deflate::LAST));
        let descriptor = self.zip.abandon(&entry, crc32(b""), 0);
        self.ready.push_back((descriptor, None));
    }

    fn pass(&mut self, bytes: Bytes) {
        self.zip.passed(bytes.len());
        self.ready.push_back((bytes, None));
    }

    /// Everything else waits for this object: so it does not wait for a place among the others.
    fn read_out_of_turn(&self, listed: &Listed) -> Parts {
        let reading = &self.archive.reading;
        let memory = reading.memory.out_of_turn();
        let (ranges, parts) = large(&reading.bucket, &listed.key, &memory);
        let (bucket, key) = (reading.bucket.clone(), listed.key.clone());
        // Ends when its parts are dropped.
        tokio::spawn(async move { ranges.issue(&bucket, &key, &memory).await });
        parts
    }

    fn unread(&mut self, listed: Listed, unread: Unread) -> Result<(), Error> {
        let (kind, detail) = match unread {
            Unread::Problem(kind, detail) => (kind, detail),
            Unread::Changed(detail) => (ProblemKind::Changing, detail),
            // What can't be asked any more does not hide what is known already.
            Unread::Failed(_) if self.archive.reading.is_survey() => return Ok(()),
            Unread::Failed(error) => return Err(error),
        };
        self.archive.problems.add(kind, listed.key, detail);
        if kind.fails() && !self.archive.options.allow_partial {
            self.archive.reading.survey.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn list(&mut self, record: &FileRecord, hidden_metadata: i32) -> Result<(), Error> {
        self.manifest.line(record).map_err(|error| Error::Stopped(format!("write the manifest: {error}")))?;
        if hidden_metadata > 0 {
            let detail = format!("{hidden_metadata} entries");
            self.archive.problems.add(ProblemKind::HiddenMetadata, record.key.clone(), detail);
        }
        let totals = &mut self.totals;
        totals.files += 1;
        totals.bytes += record.bytes;
        totals.first_key.get_or_insert_with(|| record.key.clone());
        totals.last_key = Some(record.key.clone());
        self.archive.progress.advance(1, record.bytes);
        Ok(())
    }

    /// Whether the volume ends before an entry with so many bytes of data.
    fn closes(&self, data: u64) -> bool {
        let options = &self.archive.options;
        let memory = self.zip.directory_bytes() as u64 + self.manifest.memory() + self.archive.names.memory() as u64;
        self.totals.files > 0
            && (self.totals.files >= options.volume_entries
                || self.zip.offset() + data + OVERHEAD > options.volume_bytes
                || memory > MEMORY)
    }

    fn postpone(&mut self, message: Message) -> Result<(), Error> {
        self.archive.next = Some(message);
        self.close()
    }

    fn end(&mut self) -> Result<(), Error> {
        if self.archive.reading.is_survey() {
            let problems = Box::new(self.archive.problems.clone());
            return Err(Error::Unread { bucket: self.archive.reading.bucket.name().to_owned(), problems });
        }
        self.archive.exhausted = true;
        self.close()
    }

    fn close(&mut self) -> Result<(), Error> {
        self.ended = true;
        let manifest = std::mem::replace(&mut self.manifest, ManifestWriter::new());
        let manifest = manifest.finish().map_err(|error| Error::Stopped(format!("write the manifest: {error}")))?;
        let whole = Whole {
            method: Method::Deflated,
            crc: manifest.crc,
            compressed: manifest.compressed,
            bytes: manifest.bytes,
        };
        let header = self.zip.whole(MANIFEST, OffsetDateTime::now_utc(), &whole);
        let zip = std::mem::take(&mut self.zip);
        let before = zip.offset();
        let ends = zip.finish();
        let length: usize = ends.iter().map(Bytes::len).sum();
        let pieces = std::iter::once(header).chain(manifest.pieces).chain(ends);
        let pieces: Vec<_> = pieces.filter(|piece| !piece.is_empty()).map(|piece| (piece, None)).collect();
        self.ready.extend(pieces);
        let mut totals = std::mem::take(&mut self.totals);
        totals.zip_bytes = before + length as u64;
        self.archive.volumes.push(totals);
        Ok(())
    }
}
