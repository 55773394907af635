//! A bucket's objects → the plaintext of volumes, each a ZIP, pulled by whoever stores them.

mod fetch;
mod large;
mod manifest;
mod memory;
mod volume;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::names::Names;
use crate::problem::Problems;
use crate::source::Bucket;
use fetch::{Message, Reading};
use memory::Memory;
use volume::OpenVolume;

/// What is archived, and when a volume closes.
#[derive(Clone, Debug)]
pub struct ArchiveOptions {
    /// Only keys that begin so.
    pub prefix: Option<String>,
    /// Objects that can't be read are told in [`Archive::problems`] and don't fail the run.
    pub allow_partial: bool,
    /// A volume closes before an object with which it would have more bytes than this.
    pub volume_bytes: u64,
    /// A volume closes after so many objects.
    pub volume_entries: u64,
    /// An object with more bytes fits into no volume: the vault's objects have 10,000 parts of 8 MiB.
    pub largest_object: u64,
    /// So many objects of each kind of problem are named; the others are counted.
    pub named_problems: usize,
}

impl Default for ArchiveOptions {
    fn default() -> Self {
        Self {
            prefix: None,
            allow_partial: false,
            volume_bytes: 64 << 30,
            volume_entries: 200_000,
            largest_object: 72 << 30,
            named_problems: 100,
        }
    }
}

/// What a volume holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VolumeTotals {
    /// Objects.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the ZIP.
    pub zip_bytes: u64,
    /// The least and the greatest key: keys are in the order of their bytes, within a volume and over all of them.
    pub first_key: Option<String>,
    /// See [`VolumeTotals::first_key`].
    pub last_key: Option<String>,
}

/// Counters that an archive advances and anyone may read. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct ArchiveProgress(Arc<(AtomicU64, AtomicU64)>);

impl ArchiveProgress {
    /// Objects that passed so far.
    pub fn files(&self) -> u64 {
        self.0.0.load(Ordering::Relaxed)
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }

    fn advance(&self, files: u64, bytes: u64) {
        self.0.0.fetch_add(files, Ordering::Relaxed);
        self.0.1.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// A bucket that is being archived. Objects are read ahead, in bounded memory, as soon as it is opened.
///
/// Volume after volume is pulled by [`Archive::open_volume`] until [`Archive::exhausted`]. A volume whose stream ended without
/// an error is whole. After an error nothing of the archive is to be published.
pub struct Archive {
    reading: Reading,
    messages: mpsc::Receiver<Message>,
    _tasks: [AbortOnDropHandle<()>; 2],
    options: ArchiveOptions,
    /// What did not fit into the last volume.
    next: Option<Message>,
    names: Names,
    exhausted: bool,
    volumes: Vec<VolumeTotals>,
    problems: Problems,
    progress: ArchiveProgress,
    failure: Option<Error>,
}

impl Archive {
    /// Begins to list the bucket and to read its objects. Needs a tokio runtime.
    pub fn open(bucket: &Bucket, options: ArchiveOptions) -> Self {
        let reading = Reading {
            bucket: bucket.clone(),
            memory: Memory::new(),
            survey: Arc::new(AtomicBool::new(false)),
            largest: options.largest_object,
            partial: options.allow_partial,
        };
        let (messages, tasks) = reading.clone().start(options.prefix.as_deref());
        Self {
            reading,
            messages,
            _tasks: tasks,
            next: None,
            names: Names::new(),
            exhausted: false,
            volumes: Vec::new(),
            problems: Problems::naming(options.named_problems),
            progress: ArchiveProgress::default(),
            failure: None,
            options,
        }
    }

    /// The next volume's plaintext. Dropped before its end, the archive is not to be used any more.
    ///
    /// An error that it yields has the text of [`Archive::take_failure`], which is what it was.
    pub fn open_volume(&mut self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        self.names.next_volume();
        futures_util::stream::unfold(OpenVolume::new(self), OpenVolume::step)
    }

    /// True when the last volume that was read to its end was the last of all.
    pub fn exhausted(&self) -> bool {
        self.exhausted
    }

    /// Volumes that were read to their ends. There is one at least, be it without files.
    pub fn volumes(&self) -> &[VolumeTotals] {
        &self.volumes
    }

    /// Objects that are not in the archive, or not with all that belongs to them.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// How far it is.
    pub fn progress(&self) -> ArchiveProgress {
        self.progress.clone()
    }

    /// Why a volume's stream ended with an error.
    pub fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    async fn receive(&mut self) -> Result<Message, Error> {
        if let Some(next) = self.next.take() {
            return Ok(next);
        }
        let message = self.messages.recv().await;
        message.ok_or_else(|| Error::Stopped("the listing ended without saying that it is complete".to_owned()))
    }
}
