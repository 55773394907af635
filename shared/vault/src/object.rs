//! Reading an object: any range of it, or all of it as a stream that continues at the right byte after a failure.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use s3_call::{CallError, Tries};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::OnceCell;
use tokio_util::io::StreamReader;

use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

/// One version of one object. Cheap to clone.
#[derive(Clone)]
pub struct ObjectReader {
    vault: Vault,
    object: Arc<Object>,
}

struct Object {
    key: String,
    bytes: u64,
    /// Found out before the first byte if it was not given.
    version: OnceCell<Option<String>>,
}

impl Vault {
    /// A reader of one version of an object of so many bytes. Without a version, the oldest is found and pinned before the
    /// first byte is read: a later one is never read instead.
    pub fn object(&self, key: &str, version: Option<&str>, bytes: u64) -> ObjectReader {
        let version = OnceCell::new_with(version.map(|version| Some(version.to_owned())));
        ObjectReader { vault: self.clone(), object: Arc::new(Object { key: key.to_owned(), bytes, version }) }
    }
}

impl ObjectReader {
    /// The whole key.
    pub fn key(&self) -> &str {
        &self.object.key
    }

    /// Of the object.
    pub fn bytes(&self) -> u64 {
        self.object.bytes
    }

    /// Exactly these bytes.
    ///
    /// # Errors
    /// [`Error::Range`]; [`Error::Call`] when S3 does not deliver them, [`Error::Altered`] when the object is another.
    pub async fn read_range(&self, range: Range<u64>) -> Result<Bytes, Error> {
        let len = range.end.checked_sub(range.start).and_then(|len| usize::try_from(len).ok());
        let Some(len) = len.filter(|_| range.end <= self.object.bytes) else {
            let Range { start, end } = range;
            return Err(Error::Range { key: self.object.key.clone(), start, end, size: self.object.bytes });
        };
        let mut chunks = std::pin::pin!(self.chunks(range));
        let Some(first) = chunks.try_next().await? else { return Ok(Bytes::new()) };
        if first.len() == len {
            return Ok(first);
        }
        let mut bytes = BytesMut::with_capacity(len);
        bytes.extend_from_slice(&first);
        while let Some(chunk) = chunks.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }

    /// All bytes of the object in order.
    pub fn stream(&self) -> ObjectStream {
        let reader = self.clone();
        let chunks = stream::once(async move {
            let all = 0..reader.object.bytes;
            reader.into_chunks(all)
        });
        ObjectStream(StreamReader::new(chunks.flatten().map_err(std::io::Error::other).boxed()))
    }

    fn chunks(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<> {
        self.clone().into_chunks(range)
    }

    /// The range's bytes as they come. Ends only when all were there.
    fn into_chunks(self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, Error>> + Send + use<> {
        let download = Download { reader: self, left: range, answer: None, failures: 0 };
        stream::try_unfold(download, |mut download| async move {
            let chunk = download.next().await?;
            Ok(chunk.map(|chunk| (chunk, download)))
        })
    }

    /// The version that all GETs name.
    async fn version(&self) -> Result<Option<String>, Error> {
        let Object { key, version, .. } = &*self.object;
        version
            .get_or_try_init(|| async {
                let mut found = self.vault.versions(key).await?;
                let oldest = found.remove(key).and_then(|mut key| key.versions.pop());
                let Some(oldest) = oldest else {
                    return Err(Error::Altered { key: key.clone(), what: "it is not there".to_owned() });
                };
                Ok(oldest.version)
            })
            .await
            .cloned()
    }
}

/// A range on its way.
struct Download {
    reader: ObjectReader,
    left: Range<u64>,
    answer: Option<GetObjectOutput>,
    /// Since bytes last came.
    failures: u32,
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let vault = self.reader.vault.clone();
        let version = self.reader.version().await?;
        let mut tries = Tries::resumed(&vault.place.patience, self.failures);
        loop {
            let error = match self.try_next(&vault, version.as_deref()).await {
                Ok(chunk) => {
                    self.failures = 0;
                    self.left.start += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Err(error) => error,
            };
            self.answer = None;
            self.failures += 1;
            let Range { start, end } = self.left;
            let key = &self.reader.object.key;
            tries
                .failed(error)
                .await
                .map_err(|failure| failure.reading(format!("get bytes {start} to {end} of {key}")))?;
        }
    }

    async fn try_next(&mut self, vault: &Vault, version: Option<&str>) -> Result<Bytes, CallError> {
        let answer = match &mut self.answer {
            Some(answer) => answer,
            None => {
                let answer = self.get(vault, version).await?;
                self.answer.insert(answer)
            }
        };
        loop {
            let next = tokio::time::timeout(vault.place.patience.stall, answer.body.next()).await;
            let chunk = match next {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(CallError::NoAnswer(Box::new(error))),
                Ok(None) => return Err(CallError::Wrong("fewer bytes than it had announced".to_owned())),
                Err(elapsed) => return Err(CallError::NoAnswer(Box::new(elapsed))),
            };
            if chunk.len() as u64 > self.left.end - self.left.start {
                return Err(CallError::Wrong("more bytes than were asked for".to_owned()));
            }
            if !chunk.is_empty() {
                return Ok(chunk);
            }
        }
    }

    /// Asks for what is left, and compares what S3 is about to send with it.
    async fn get(&self, vault: &Vault, version: Option<&str>) -> Result<GetObjectOutput, CallError> {
        let (place, Range { start, end }) = (&*vault.place, &self.left);
        let answer = place
            .client
            .get_object()
            .bucket(&place.bucket)
            .set_expected_bucket_owner(place.owner.clone())
            .key(&self.reader.object.key)
            .set_version_id(version.map(str::to_owned))
            .range(format!("bytes={start}-{}", end - 1))
            .send()
            .await
            .map_err(CallError::of)?;
        let expected = format!("bytes {start}-{}/{}", end - 1, self.reader.object.bytes);
        if answer.content_range.as_deref() != Some(&expected) {
            let range = answer.content_range.as_deref().unwrap_or("no range");
            return Err(CallError::Wrong(format!("{range} instead of {expected}")));
        }
        if answer.content_length.and_then(|length| u64::try_from(length).ok()) != Some(end - start) {
            return Err(CallError::Wrong("a body of another length than was asked for".to_owned()));
        }
        Ok(answer)
    }
}

/// An object's bytes in order. After a failure it continues at the byte that is next; it ends only at the object's end.
pub struct ObjectStream(StreamReader<stream::BoxStream<'static, std::io::Result<Bytes>>, Bytes>);

impl AsyncRead for ObjectStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}
