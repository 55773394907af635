//! The listing, and every object of it in that order: under way long before it is its turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::large::{Parts, Ranges, blocking, large, stopped};
use super::memory::{Memory, Place, QUEUE, shrink};
use crate::error::Error;
use crate::problem::ProblemKind;
use crate::record::FileRecord;
use crate::source::{Bucket, Listed, PIECE, Pages, Unread};
use crate::zip::deflate::Packed;

/// What comes in the order of the listing. It always ends with `End` or `Failed`: a channel that closes without either is an
/// error, so a reader that dies can't look like one that is done.
pub(super) enum Message {
    Small(Listed, AbortOnDropHandle<Result<Small, Unread>>),
    Large(Listed, Parts),
    /// A small object that was fetched already, and did not fit into the last volume.
    Packed(Box<Fetched>),
    End,
    Failed(Error),
}

/// What a small object turned out to be.
pub(super) enum Small {
    Fetched(Box<Fetched>),
    /// It has grown since it was listed.
    Larger,
    /// It could have been read. Nobody wants it any more.
    Readable,
}

pub(super) struct Fetched {
    pub(super) record: FileRecord,
    pub(super) packed: Packed,
    pub(super) hidden_metadata: i32,
    pub(super) place: Place,
}

/// What all tasks of an archive share.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) bucket: Bucket,
    pub(super) memory: Memory,
    /// The run has failed already, and only wants to know which other objects can't be read.
    pub(super) survey: Arc<AtomicBool>,
    /// No volume can hold a larger object.
    pub(super) largest: u64,
    /// A partial backup is allowed, and so one without tags.
    pub(super) partial: bool,
}

impl Reading {
    pub(super) fn is_survey(&self) -> bool {
        self.survey.load(Ordering::Relaxed)
    }

    /// Starts to read everything below a prefix.
    pub(super) fn start(self, prefix: Option<&str>) -> (mpsc::Receiver<Message>, [AbortOnDropHandle<()>; 2]) {
        let (messages, receiver) = mpsc::channel(QUEUE);
        let (larges, queue) = mpsc::unbounded_channel();
        let pages = Pages::new(self.bucket.clone(), prefix);
        let issuing = tokio::spawn(self.clone().issue(queue));
        let listing = tokio::spawn(async move {
            let last = match self.list(pages, &messages, &larges).await {
                Ok(Done::All) => Message::End,
                Ok(Done::Abandoned) => return,
                Err(error) => Message::Failed(error),
            };
            // Refused only if nobody listens any more.
            let _ = messages.send(last).await;
        });
        (receiver, [listing, issuing].map(AbortOnDropHandle::new))
    }

    async fn list(
        &self,
        mut pages: Pages,
        messages: &mpsc::Sender<Message>,
        larges: &mpsc::UnboundedSender<(Listed, Ranges)>,
    ) -> Result<Done, Error> {
        let mut next = Some(pages.next().await?);
        if !self.partial {
            self.check_tags(next.iter().flatten().flatten()).await?;
        }
        while let Some(Some(page)) = next.take() {
            // The next page is fetched while this one's objects are.
            let fetching = AbortOnDropHandle::new(tokio::spawn(async move {
                let next = pages.next().await;
                (pages, next)
            }));
            for listed in page {
                let message = if listed.bytes > PIECE {
                    let (ranges, parts) = large(&self.bucket, &listed.key, &self.memory);
                    // Its end is the task that issues ranges, which outlives this one.
                    let _ = larges.send((listed.clone(), ranges));
                    Message::Large(listed, parts)
                } else {
                    let place = self.memory.small(listed.bytes).await;
                    let get = self.memory.get().await;
                    let task = tokio::spawn(self.clone().small(listed.clone(), place, get));
                    Message::Small(listed, AbortOnDropHandle::new(task))
                };
                if messages.send(message).await.is_err() {
                    return Ok(Done::Abandoned);
                }
            }
            let fetched = fetching.await.map_err(|_| Error::Stopped("the listing was stopped".to_owned()))?;
            pages = fetched.0;
            next = Some(fetched.1?);
        }
        Ok(Done::All)
    }

    /// Whether tags may be read at all, by the first object that can be.
    async fn check_tags(&self, mut first: impl Iterator<Item = &Listed>) -> Result<(), Error> {
        let Some(listed) = first.next() else { return Ok(()) };
        // What keeps it from being read is told when it is its turn.
        let Ok(version) = self.bucket.probe(&listed.key).await else { return Ok(()) };
        let denied = |source| Error::TagsDenied { bucket: self.bucket.name().to_owned(), source };
        self.bucket.may_read_tags(&listed.key, version.as_deref()).await.map_err(denied)
    }

    /// The ranges of large objects, in order over all of them.
    async fn issue(self, mut queue: mpsc::UnboundedReceiver<(Listed, Ranges)>) {
        while let Some((listed, ranges)) = queue.recv().await {
            if listed.bytes > self.largest {
                ranges.failed(too_large(listed.bytes, self.largest));
            } else if self.is_survey() {
                if let Err(unread) = self.bucket.probe(&listed.key).await {
                    ranges.failed(unread);
                }
            } else {
                ranges.issue(&self.bucket, &listed.key, &self.memory).await;
            }
        }
    }

    async fn small(self, listed: Listed, mut place: Place, get: Place) -> Result<Small, Unread> {
        if self.is_survey() {
            self.bucket.probe(&listed.key).await?;
            return Ok(Small::Readable);
        }
        // Its place in memory has the size of what was listed.
        let room = listed.bytes.max(4 << 10);
        let Some(whole) = self.bucket.get(&listed.key, room).await? else { return Ok(Small::Larger) };
        drop(get);
        let thread = self.memory.thread().await;
        let (head, body) = (whole.head, whole.body);
        blocking(move || {
            let sha256 = Sha256::digest(&body).into();
            let packed = Packed::of(body).map_err(stopped)?;
            drop(thread);
            shrink(&mut place, packed.data.len() as u64);
            let hidden_metadata = head.hidden_metadata;
            let record = head.record(listed.key, sha256);
            Ok(Small::Fetched(Box::new(Fetched { record, packed, hidden_metadata, place })))
        })
        .await?
    }
}

enum Done {
    All,
    Abandoned,
}

pub(super) fn too_large(bytes: u64, largest: u64) -> Unread {
    Unread::Problem(ProblemKind::TooLarge, format!("{bytes} bytes, and no volume takes more than {largest}"))
}
