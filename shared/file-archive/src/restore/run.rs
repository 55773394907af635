//! Neighbours are read together, and many files are written at once, in bounded memory.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::bytes::{Pieces, is_large, whole};
use super::report::RestoreReport;
use super::volume::Volume;
use super::{Condition, Outcome, Writer};
use crate::error::{Error, chain};
use crate::record::FileRecord;
use crate::source::PIECE;
use crate::zip::read::{Entry, READ_MAX};

/// Bytes between two files that are rather read than skipped.
const SKIP: u64 = 256 << 10;
/// Runs of neighbours in memory.
const RUNS: usize = 3;
/// Files of a run that are written at once.
const WRITES: usize = 24;
/// Bytes of small files, inflated.
const SMALL_BYTES: usize = 48 << 20;
/// After so many runs that could not be read, the others are not tried any more.
const FAILED_READS: u32 = 16;

/// A file that is to be written.
pub(super) struct Work {
    pub(super) record: FileRecord,
    pub(super) entry: Entry,
    pub(super) condition: Condition,
    pub(super) renamed: bool,
}

struct Done {
    work: Work,
    outcome: Result<Outcome, String>,
}

pub(super) struct Runs {
    shared: Shared,
    run: Vec<Work>,
    tasks: JoinSet<(Vec<Done>, bool)>,
    failed_reads: u32,
}

#[derive(Clone)]
struct Shared {
    volume: Volume,
    target: Arc<Writer>,
    runs: Arc<Semaphore>,
    /// Large files are written one at a time: each takes several pieces of memory.
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

impl Runs {
    pub(super) fn new(volume: Volume, target: Arc<Writer>) -> Self {
        let shared = Shared {
            volume,
            target,
            runs: Arc::new(Semaphore::new(RUNS)),
            large: Arc::new(Semaphore::new(1)),
            small: Arc::new(Semaphore::new(SMALL_BYTES)),
        };
        Self { shared, run: Vec::new(), tasks: JoinSet::new(), failed_reads: 0 }
    }

    pub(super) async fn add(&mut self, work: Work, report: &mut RestoreReport) -> Result<(), Error> {
        let joins = match (self.run.first(), self.run.last()) {
            (Some(first), Some(last)) => {
                let (span, begin, end) = (work.entry.span(), first.entry.offset, last.entry.span().end);
                !is_large(&work.entry) && span.end - begin <= READ_MAX && span.start.saturating_sub(end) <= SKIP
            }
            _ => true,
        };
        if !joins {
            self.flush(report).await?;
        }
        let alone = is_large(&work.entry);
        self.run.push(work);
        if alone { self.flush(report).await } else { Ok(()) }
    }

    pub(super) async fn finish(mut self, report: &mut RestoreReport) -> Result<(), Error> {
        self.flush(report).await?;
        while let Some(done) = self.tasks.join_next().await {
            self.count(done, report)?;
        }
        Ok(())
    }

    async fn flush(&mut self, report: &mut RestoreReport) -> Result<(), Error> {
        if self.run.is_empty() {
            return Ok(());
        }
        let run = std::mem::take(&mut self.run);
        let shared = self.shared.clone();
        let places = if run.iter().any(|work| is_large(&work.entry)) { &shared.large } else { &shared.runs };
        let place = Arc::clone(places).acquire_owned().await.map_err(|_| Error::Stopped("closed".to_owned()))?;
        self.tasks.spawn(async move {
            let done = shared.restore(run).await;
            drop(place);
            done
        });
        while let Some(done) = self.tasks.try_join_next() {
            self.count(done, report)?;
        }
        Ok(())
    }

    fn count(
        &mut self,
        done: Result<(Vec<Done>, bool), tokio::task::JoinError>,
        report: &mut RestoreReport,
    ) -> Result<(), Error> {
        let (done, unread) = done.map_err(|_| Error::Stopped("the restore of files was stopped".to_owned()))?;
        let mut last = None;
        for Done { work, outcome } in done {
            match outcome {
                Ok(Outcome::Written) => report.written(&work.record, work.renamed),
                Ok(Outcome::Existing) => report.existing += 1,
                Err(why) => {
                    report.failed(&work.record.key, why.clone());
                    last = Some(why);
                }
            }
        }
        self.failed_reads += u32::from(unread);
        if self.failed_reads >= FAILED_READS {
            let source = std::io::Error::other(last.unwrap_or_default());
            return Err(Error::Read { volume: self.shared.volume.inner.name.clone(), source });
        }
        Ok(())
    }
}

impl Shared {
    /// What became of each, and whether the volume could not be read.
    async fn restore(&self, run: Vec<Work>) -> (Vec<Done>, bool) {
        if run.iter().any(|work| is_large(&work.entry)) {
            let writes = stream::iter(run).then(async |work| {
                let outcome = self.large(&work).await;
                Done { work, outcome }
            });
            return (writes.collect().await, false);
        }
        let begin = run.first().map_or(0, |work| work.entry.offset);
        let end = run.last().map_or(0, |work| work.entry.span().end);
        match self.volume.inner.source.read(begin..end).await {
            Ok(bytes) => {
                let writes = stream::iter(run).map(|work| self.small(work, begin, &bytes));
                (writes.buffer_unordered(WRITES).collect().await, false)
            }
            Err(error) => {
                let why = format!("read bytes {begin} to {end} of {}: {}", self.volume.inner.name, chain(&error));
                let failed = |work| Done { work, outcome: Err(why.clone()) };
                (run.into_iter().map(failed).collect(), true)
            }
        }
    }

    async fn small(&self, work: Work, begin: u64, bytes: &Bytes) -> Done {
        let outcome = self.write_small(&work, begin, bytes).await;
        Done { work, outcome }
    }

    async fn write_small(&self, work: &Work, begin: u64, bytes: &Bytes) -> Result<Outcome, String> {
        let span = work.entry.span();
        let span = bytes.slice((span.start - begin) as usize..(span.end - begin) as usize);
        let memory = work.entry.bytes.clamp(4 << 10, PIECE) as u32;
        let _place = self.small.acquire_many(memory).await.map_err(|error| error.to_string())?;
        let (volume, record, entry) = (self.volume.clone(), work.record.clone(), work.entry);
        let checked = tokio::task::spawn_blocking(move || whole(&volume, &record, &entry, &span));
        let content = checked.await.map_err(|_| "its inflating was stopped".to_owned())??;
        match &*self.target {
            Writer::Bucket(bucket) => bucket.put(&work.record, &work.condition, content).await,
            Writer::Folder(folder) => folder.put(&work.record, &work.condition, content).await,
            Writer::Nowhere => Ok(Outcome::Written),
        }
    }

    async fn large(&self, work: &Work) -> Result<Outcome, String> {
        let mut pieces = Pieces::open(&self.volume, &work.record, &work.entry).await?;
        match &*self.target {
            Writer::Bucket(bucket) => {
                let mut upload = bucket.begin(&work.record, &work.condition).await?;
                while let Some(piece) = pieces.next().await.transpose() {
                    let sent = match piece {
                        Ok(piece) => upload.part(piece).await,
                        Err(why) => Err(why),
                    };
                    if let Err(why) = sent {
                        upload.abort().await;
                        return Err(why);
                    }
                }
                upload.complete().await
            }
            Writer::Folder(folder) => {
                // Dropped without being placed, the file is gone.
                let mut file = folder.begin(&work.record, &work.condition).await?;
                while let Some(piece) = pieces.next().await? {
                    file.write(piece).await?;
                }
                file.place().await
            }
            Writer::Nowhere => {
                while pieces.next().await?.is_some() {}
                Ok(Outcome::Written)
            }
        }
    }
}
