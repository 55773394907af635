//! A large object: ranges of one version, several under way, hashed in order and deflated side by side.

use std::io;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::memory::{Memory, Place};
use crate::error::Error;
use crate::source::{Bucket, Head, PIECE, Unread};
use crate::zip::deflate;

/// What comes of a large object, in this order.
pub(super) enum Part {
    /// Its first bytes have come.
    Head(Box<Head>),
    /// Deflated bytes.
    Piece(Bytes, Place),
    /// All bytes have come, and they are the object's.
    End(Sums),
}

/// Of all bytes.
pub(super) struct Sums {
    pub(super) bytes: u64,
    pub(super) crc: u32,
    pub(super) sha256: [u8; 32],
}

enum Issued {
    First(Box<Head>, Bytes, Place),
    Range(AbortOnDropHandle<Result<Bytes, Unread>>, Place),
    Failed(Unread),
}

/// The end at which an object's ranges go in.
pub(super) struct Ranges(mpsc::UnboundedSender<Issued>);

/// The end at which its parts come out. Dropped, everything that was under way ends.
pub(super) struct Parts {
    parts: mpsc::Receiver<Result<Part, Unread>>,
    _hashing: AbortOnDropHandle<()>,
}

impl Parts {
    /// The next part; after `End` or an error there is none.
    pub(super) async fn next(&mut self) -> Result<Part, Unread> {
        let stopped = || Unread::Failed(Error::Stopped("the reading of an object was stopped".to_owned()));
        self.parts.recv().await.unwrap_or_else(|| Err(stopped()))
    }
}

/// A way for one object.
pub(super) fn large(bucket: &Bucket, key: &str, memory: &Memory) -> (Ranges, Parts) {
    // Neither is bounded by more than the places for pieces.
    let (sender, receiver) = mpsc::unbounded_channel();
    let (finished, parts) = mpsc::channel(4);
    let stream = self::parts(bucket.clone(), key.to_owned(), memory.clone(), receiver);
    let hashing = tokio::spawn(async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(part) = stream.next().await {
            let last = part.is_err();
            if finished.send(part).await.is_err() || last {
                return;
            }
        }
    });
    (Ranges(sender), Parts { parts, _hashing: AbortOnDropHandle::new(hashing) })
}

impl Ranges {
    /// Asks for range after range, each when there is a place for it. Ends when all are under way, or nobody wants them.
    pub(super) async fn issue(self, bucket: &Bucket, key: &str, memory: &Memory) {
        let place = memory.piece().await;
        let mut first = match self.unless_closed(bucket.get_first(key)).await {
            Some(Ok(first)) => first,
            Some(Err(unread)) => return self.send(Issued::Failed(unread)),
            None => return,
        };
        if let Err(unread) = bucket.add_tags(key, &mut first.head).await {
            return self.send(Issued::Failed(unread));
        }
        let (pin, bytes) = (first.head.pin.clone(), first.head.bytes);
        self.send(Issued::First(Box::new(first.head), first.body, place));
        let mut start = PIECE;
        while start < bytes {
            let Some(place) = self.unless_closed(memory.piece()).await else { return };
            let (bucket, key, pin) = (bucket.clone(), key.to_owned(), pin.clone());
            let range = start..bytes.min(start + PIECE);
            start = range.end;
            let get = tokio::spawn(async move { bucket.get_range(&key, &pin, range).await });
            self.send(Issued::Range(AbortOnDropHandle::new(get), place));
        }
    }

    /// Of an object that can't be read, without an attempt to.
    pub(super) fn failed(self, unread: Unread) {
        self.send(Issued::Failed(unread));
    }

    fn send(&self, issued: Issued) {
        // Refused only if nobody wants it any more.
        let _ = self.0.send(issued);
    }

    async fn unless_closed<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.closed() => None,
            done = work => Some(done),
        }
    }
}

struct Progress {
    issued: mpsc::UnboundedReceiver<Issued>,
    head: Option<Head>,
    hashing: Option<Hashing>,
    first: Option<(Bytes, Place)>,
}

enum Step {
    Head(Box<Head>),
    /// To be deflated.
    Raw(Bytes, Place),
    End(Sums),
}

fn parts(
    bucket: Bucket,
    key: String,
    memory: Memory,
    issued: mpsc::UnboundedReceiver<Issued>,
) -> impl Stream<Item = Result<Part, Unread>> + Send {
    let progress = Progress { issued, head: None, hashing: Some(Hashing::new()), first: None };
    let steps = stream::try_unfold((progress, bucket, key), |(mut progress, bucket, key)| async move {
        let step = progress.step(&bucket, &key).await?;
        Ok(step.map(|step| (step, (progress, bucket, key))))
    });
    let deflated = steps.map_ok(move |step| {
        let memory = memory.clone();
        async move {
            match step {
                Step::Head(head) => Ok(Part::Head(head)),
                Step::End(sums) => Ok(Part::End(sums)),
                Step::Raw(raw, place) => {
                    let thread = memory.thread().await;
                    let deflated = blocking(move || {
                        let deflated = deflate::piece(&raw);
                        drop(thread);
                        deflated
                    });
                    let deflated = deflated.await?.map_err(stopped)?;
                    Ok(Part::Piece(deflated.into(), place))
                }
            }
        }
    });
    deflated.try_buffered(2)
}

impl Progress {
    async fn step(&mut self, bucket: &Bucket, key: &str) -> Result<Option<Step>, Unread> {
        let (raw, place) = match self.first.take() {
            Some(first) => first,
            None => match self.issued.recv().await {
                Some(Issued::Failed(unread)) => return Err(unread),
                Some(Issued::First(head, raw, place)) => {
                    self.first = Some((raw, place));
                    self.head = Some((*head).clone());
                    return Ok(Some(Step::Head(head)));
                }
                Some(Issued::Range(get, place)) => {
                    (get.await.map_err(|_| Unread::Failed(Error::Stopped("a GET was stopped".to_owned())))??, place)
                }
                None => return self.end(bucket, key).await,
            },
        };
        let Some(mut hashing) = self.hashing.take() else { return Ok(None) };
        let bytes = raw.clone();
        self.hashing = Some(
            blocking(move || {
                hashing.update(&bytes);
                hashing
            })
            .await?,
        );
        Ok(Some(Step::Raw(raw, place)))
    }

    /// Compares what came with what S3 says of the whole.
    async fn end(&mut self, bucket: &Bucket, key: &str) -> Result<Option<Step>, Unread> {
        let Some(hashing) = self.hashing.take() else { return Ok(None) };
        let stopped = || Unread::Failed(Error::Stopped("the reading of an object was stopped".to_owned()));
        let head = self.head.take().ok_or_else(stopped)?;
        if hashing.bytes != head.bytes {
            // The issuer was ended before it had asked for everything.
            return Err(stopped());
        }
        let known = bucket.head(key, &head.pin).await?;
        hashing.finish(&known).map(|sums| Some(Step::End(sums)))
    }
}

/// Every sum that S3 may know of the whole object, and ours.
struct Hashing {
    bytes: u64,
    sha256: Sha256,
    crc32: Crc,
    crc32c: Crc,
    crc64: Crc,
}

impl Hashing {
    fn new() -> Self {
        Self {
            bytes: 0,
            sha256: Sha256::new(),
            crc32: Crc::new(deflate::CRC),
            crc32c: Crc::new(CrcAlgorithm::Crc32Iscsi),
            crc64: Crc::new(CrcAlgorithm::Crc64Nvme),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        self.crc32c.update(bytes);
        self.crc64.update(bytes);
    }

    fn finish(self, known: &HeadObjectOutput) -> Result<Sums, Unread> {
        let sha256: [u8; 32] = self.sha256.finalize().into();
        let crc = self.crc32.finalize() as u32;
        // A sum of parts' sums says nothing here.
        if known.checksum_type == Some(ChecksumType::FullObject) {
            let pairs = [
                (&known.checksum_sha256, STANDARD.encode(sha256)),
                (&known.checksum_crc32, STANDARD.encode(crc.to_be_bytes())),
                (&known.checksum_crc32_c, STANDARD.encode((self.crc32c.finalize() as u32).to_be_bytes())),
                (&known.checksum_crc64_nvme, STANDARD.encode(self.crc64.finalize().to_be_bytes())),
            ];
            for (theirs, ours) in pairs {
                if let Some(theirs) = theirs.as_ref().filter(|theirs| **theirs != ours) {
                    return Err(Unread::Changed(format!(
                        "S3 has the checksum {theirs} for it, and its bytes have {ours}"
                    )));
                }
            }
        }
        Ok(Sums { bytes: self.bytes, crc, sha256 })
    }
}

/// On a thread that may be kept busy.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Unread> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Unread::Failed(Error::Stopped("hashing or compressing was stopped".to_owned())))
}

pub(super) fn stopped(error: io::Error) -> Unread {
    Unread::Failed(Error::Stopped(format!("compress: {error}")))
}
