//! Sections → compressed sections → the plaintext of volumes, pulled by the uploader.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use futures_util::Stream;
use sql_volume::{
    CompressedSection, DatabaseProperties, DigestSeed, Index, Requirements, RolesFrame, RowDigest, Section,
    SectionEntry, TableTotals,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Sections that are compressed while another one is awaited. Each is memory; and two threads keep up with the upload.
const AHEAD: usize = 1;

/// What the producer of sections says. It always ends with `End` or `Failed`: a channel that closes without either is an
/// error, so a producer that dies can't look like one that is done.
enum Message {
    Section(JoinHandle<io::Result<CompressedSection>>),
    Failed(io::Error),
    End,
}

/// The producer's end: sections go in, in the order of their `seq`.
pub(crate) struct SectionSink {
    messages: mpsc::Sender<Message>,
    level: i32,
    seed: DigestSeed,
}

/// Nobody takes sections any more: the upload failed or was given up.
pub(crate) struct Abandoned;

impl SectionSink {
    /// Compresses the section on a thread of its own and hands it on.
    pub(crate) async fn send(&self, section: Section) -> Result<(), Abandoned> {
        // A place first, then the thread: so no more sections are compressed than places exist.
        let place = self.messages.reserve().await.map_err(|_| Abandoned)?;
        let (level, seed) = (self.level, self.seed);
        place.send(Message::Section(tokio::task::spawn_blocking(move || sql_volume::compress(&section, level, seed))));
        Ok(())
    }

    /// The last word of a producer that failed.
    pub(crate) async fn fail(self, error: io::Error) {
        // Refused only if nobody listens any more, who then has an error of his own.
        let _ = self.messages.send(Message::Failed(error)).await;
    }

    /// The last word of a producer that has sent everything.
    pub(crate) async fn end(self) {
        let _ = self.messages.send(Message::End).await;
    }
}

/// The uploader's end: volume after volume until [`Volumes::exhausted`].
pub(crate) struct Volumes {
    messages: mpsc::Receiver<Message>,
    next: Option<CompressedSection>,
    exhausted: bool,
    number: u32,
    limit: u64,
    level: i32,
    head: IndexHead,
    totals: Totals,
}

/// What every volume's index repeats, and the roles, which the first volume holds.
pub(crate) struct IndexHead {
    /// SQL that is no part of the dump.
    pub(crate) roles: String,
    pub(crate) database: DatabaseProperties,
    pub(crate) requires: Requirements,
    pub(crate) seed: DigestSeed,
    /// The columns that COPY carries, by schema and table.
    pub(crate) columns: BTreeMap<(String, String), Vec<String>>,
}

/// What all volumes hold together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) sections: u64,
    pub(crate) sql_bytes: u64,
    pub(crate) compressed_bytes: u64,
    pub(crate) tables: BTreeMap<(String, String), RowDigest>,
}

impl Totals {
    /// Compares what went into the volumes with what the dump says it gave: an empty table counts, too, for it has a section.
    pub(crate) fn check<'a>(
        &self,
        sections: u32,
        tables: impl Iterator<Item = (&'a String, &'a String)>,
    ) -> Result<(), String> {
        if self.sections != u64::from(sections) {
            return Err(format!("the dump gave {sections} sections, and its volumes hold {}", self.sections));
        }
        for (schema, table) in tables {
            if !self.tables.contains_key(&(schema.clone(), table.clone())) {
                return Err(format!("its volumes hold nothing of table {schema}.{table}"));
            }
        }
        Ok(())
    }
}

/// A channel between the dump and the volumes, which close after `limit` bytes of plaintext.
pub(crate) fn volumes(head: IndexHead, level: i32, limit: u64) -> (SectionSink, Volumes) {
    let (sender, messages) = mpsc::channel(AHEAD);
    let sink = SectionSink { messages: sender, level, seed: head.seed };
    let volumes =
        Volumes { messages, next: None, exhausted: false, number: 0, limit, level, head, totals: Totals::default() };
    (sink, volumes)
}

impl Volumes {
    /// True when the last volume that was read to its end was the backup's last.
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
    }

    /// Volumes opened so far.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The next volume's plaintext.
    pub(crate) fn open(&mut self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        self.number += 1;
        let volume = OpenVolume {
            volumes: self,
            entries: Vec::new(),
            tables: BTreeMap::new(),
            offset: 0,
            state: State::Sections,
        };
        futures_util::stream::unfold(volume, OpenVolume::step)
    }

    async fn pull(&mut self) -> io::Result<Option<CompressedSection>> {
        if let Some(section) = self.next.take() {
            return Ok(Some(section));
        }
        if self.exhausted {
            return Ok(None);
        }
        match self.messages.recv().await {
            Some(Message::Section(compression)) => {
                compression.await.map_err(|_| io::Error::other("a compression was stopped"))?.map(Some)
            }
            Some(Message::Failed(error)) => Err(error),
            Some(Message::End) => {
                self.exhausted = true;
                Ok(None)
            }
            None => Err(io::Error::other("the dump stopped without saying that it is complete")),
        }
    }
}

#[derive(PartialEq)]
enum State {
    Sections,
    Ended,
}

struct OpenVolume<'a> {
    volumes: &'a mut Volumes,
    entries: Vec<SectionEntry>,
    tables: BTreeMap<(String, String), RowDigest>,
    offset: u64,
    state: State,
}

impl OpenVolume<'_> {
    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.state == State::Ended {
            return None;
        }
        let bytes = self.advance().await;
        if bytes.is_err() {
            self.state = State::Ended;
        }
        Some((bytes, self))
    }

    async fn advance(&mut self) -> io::Result<Bytes> {
        let next = self.volumes.pull().await?;
        if self.offset >= self.volumes.limit && next.is_some() {
            self.volumes.next = next;
        } else if let Some(section) = next {
            return Ok(self.place(section));
        }
        self.close()
    }

    fn place(&mut self, section: CompressedSection) -> Bytes {
        let CompressedSection { frame, mut entry } = section;
        entry.offset = self.offset;
        self.offset += entry.length;
        let totals = &mut self.volumes.totals;
        totals.sections += 1;
        totals.sql_bytes += entry.sql_length;
        totals.compressed_bytes += entry.length;
        if let (Some(schema), Some(table), Some(rows)) = (&entry.schema, &entry.table, entry.rows) {
            let name = (schema.clone(), table.clone());
            totals.tables.entry(name.clone()).or_default().merge(rows);
            self.tables.entry(name).or_default().merge(rows);
        }
        self.entries.push(entry);
        Bytes::from(frame)
    }

    fn close(&mut self) -> io::Result<Bytes> {
        self.state = State::Ended;
        let head = &self.volumes.head;
        let mut tables = Vec::with_capacity(self.tables.len());
        for (name, digest) in std::mem::take(&mut self.tables) {
            let Some(columns) = head.columns.get(&name) else {
                return Err(io::Error::other(format!(
                    "rows of a table that the dump does not know: {}.{}",
                    name.0, name.1
                )));
            };
            tables.push(TableTotals { schema: name.0, table: name.1, columns: columns.clone(), digest });
        }
        let mut bytes = Vec::new();
        let mut roles = None;
        if self.volumes.number == 1 {
            let frame = RolesFrame::new(head.roles.as_bytes(), self.offset, self.volumes.level, head.seed)?;
            self.offset += frame.entry.length;
            self.volumes.totals.compressed_bytes += frame.entry.length;
            bytes = frame.bytes;
            roles = Some(frame.entry);
        }
        let index = Index {
            format: 1,
            volume: self.volumes.number,
            database: head.database.clone(),
            requires: head.requires.clone(),
            digest_seed: head.seed,
            sections: std::mem::take(&mut self.entries),
            roles,
            tables,
        };
        bytes.extend(index.to_frame(self.offset).map_err(io::Error::other)?);
        Ok(Bytes::from(bytes))
    }
}

#[cfg(test)]
mod tests;
