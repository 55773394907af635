//! GET: a small object at once, a large one by ranges of one version; and tags, of the same version.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use aws_sdk_s3::operation::get_object_tagging::GetObjectTaggingOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ChecksumMode;
use bytes::{Bytes, BytesMut};
use s3_call::{CallError, Failure, Tries, call};

use super::{Bucket, Head, Pin, Unread, Whole, sendable};

/// An object up to this size is one GET; a larger one is ranges of it.
pub(crate) const PIECE: u64 = 8 << 20;

/// How often an object that changes while it is read is begun anew.
const BEGINNINGS: u32 = 3;

impl Bucket {
    /// A whole object with its tags, if it has at most `room` bytes; `None` if it has more.
    pub(crate) async fn get(&self, key: &str, room: u64) -> Result<Option<Whole>, Unread> {
        let mut beginnings = 0;
        loop {
            let read = async {
                let Some(mut whole) = self.get_once(key, room).await? else { return Ok(None) };
                self.add_tags(key, &mut whole.head).await?;
                Ok(Some(whole))
            };
            beginnings += 1;
            match read.await {
                Err(Unread::Changed(_)) if beginnings < BEGINNINGS => {}
                other => return other,
            }
        }
    }

    async fn get_once(&self, key: &str, room: u64) -> Result<Option<Whole>, Unread> {
        let mut tries = Tries::new(&self.place.patience);
        loop {
            let error = match self.try_get(key, room).await {
                Ok(got) => return Ok(got),
                Err(error) => error,
            };
            tries.failed(error).await.map_err(|failure| Unread::of(failure, || self.act("get", key)))?;
        }
    }

    async fn try_get(&self, key: &str, room: u64) -> Result<Option<Whole>, CallError> {
        let answer = self.request(key).checksum_mode(ChecksumMode::Enabled).send().await.map_err(CallError::of)?;
        let length = content_length(&answer)?;
        if length > room {
            return Ok(None);
        }
        let head = Head::of(&answer, length)?;
        let body = self.body(answer, length).await?;
        Ok(Some(Whole { head, body }))
    }

    /// The first piece of an object, and what holds for all of it.
    pub(crate) async fn get_first(&self, key: &str) -> Result<Whole, Unread> {
        let mut tries = Tries::new(&self.place.patience);
        loop {
            let error = match self.try_first(key).await {
                Ok(first) => return Ok(first),
                // Of an object that is empty by now there is no range.
                Err(error) if error.status() == Some(416) => match self.try_get(key, 0).await {
                    Ok(Some(empty)) => return Ok(empty),
                    Ok(None) => return Err(Unread::Changed("it was empty, and is not any more".to_owned())),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            tries.failed(error).await.map_err(|failure| Unread::of(failure, || self.act("get", key)))?;
        }
    }

    async fn try_first(&self, key: &str) -> Result<Whole, CallError> {
        let request = self.request(key).range(format!("bytes=0-{}", PIECE - 1));
        let answer = request.send().await.map_err(CallError::of)?;
        let length = content_length(&answer)?;
        let range = answer.content_range.as_deref().unwrap_or_default();
        let total = range.rsplit_once('/').and_then(|(_, total)| total.parse::<u64>().ok());
        let Some(total) = total.filter(|total| length == PIECE.min(*total) && length > 0) else {
            return Err(CallError::Wrong(format!("{length} bytes as {range:?}")));
        };
        let head = Head::of(&answer, total)?;
        let body = self.body(answer, length).await?;
        Ok(Whole { head, body })
    }

    /// Exactly these bytes of exactly this version.
    pub(crate) async fn get_range(&self, key: &str, pin: &Pin, range: Range<u64>) -> Result<Bytes, Unread> {
        let mut tries = Tries::new(&self.place.patience);
        loop {
            let error = match self.try_range(key, pin, &range).await {
                Ok(bytes) => return Ok(bytes),
                // The version that was being read is gone: another one may be there.
                Err(error) if error.status() == Some(404) => return Err(Unread::Changed(error.to_string())),
                Err(error) => error,
            };
            let act = || format!("get bytes {} to {} of {key:?} in bucket {}", range.start, range.end, self.name());
            tries.failed(error).await.map_err(|failure| Unread::of(failure, act))?;
        }
    }

    async fn try_range(&self, key: &str, pin: &Pin, range: &Range<u64>) -> Result<Bytes, CallError> {
        let request = self.request(key).range(format!("bytes={}-{}", range.start, range.end - 1));
        let request = request.if_match(&pin.etag).set_version_id(pin.version.clone());
        let answer = request.send().await.map_err(CallError::of)?;
        let length = content_length(&answer)?;
        let told = answer.content_range.as_deref().unwrap_or_default();
        if length != range.end - range.start || !told.starts_with(&format!("bytes {}-{}/", range.start, range.end - 1))
        {
            return Err(CallError::Wrong(format!("{length} bytes as {told:?}")));
        }
        self.body(answer, length).await
    }

    /// Tags, if there are any, of the version that was read.
    pub(crate) async fn add_tags(&self, key: &str, head: &mut Head) -> Result<(), Unread> {
        if !head.tagged {
            return Ok(());
        }
        let answer = self.tags(key, head.pin.version.as_deref());
        let answer = answer.await.map_err(|failure| match failure.error.status() {
            Some(404) => Unread::Changed(failure.error.to_string()),
            _ => Unread::of(failure, || self.act("get the tags of", key)),
        })?;
        head.tags = answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect();
        if !head.pin.is_for_good() {
            // Without versions nothing else says whose tags these are.
            self.head(key, &head.pin).await?;
        }
        Ok(())
    }

    /// What S3 knows of exactly this version, its checksum among it.
    pub(crate) async fn head(&self, key: &str, pin: &Pin) -> Result<HeadObjectOutput, Unread> {
        let place = &*self.place;
        let answer = call(&place.patience, || {
            place
                .client
                .head_object()
                .bucket(&place.name)
                .set_expected_bucket_owner(place.owner.clone())
                .key(sendable(key))
                .if_match(&pin.etag)
                .set_version_id(pin.version.clone())
                .checksum_mode(ChecksumMode::Enabled)
                .send()
        });
        answer.await.map_err(|failure| match failure.error.status() {
            Some(404) => Unread::Changed(failure.error.to_string()),
            _ => Unread::of(failure, || self.act("head", key)),
        })
    }

    /// Whether tags may be read: S3 does not say that there are any to those who may not.
    pub(crate) async fn may_read_tags(&self, key: &str, version: Option<&str>) -> Result<(), CallError> {
        match self.tags(key, version).await {
            Err(failure) if failure.error.status() == Some(403) => Err(failure.error),
            // Anything else is not about rights.
            _ => Ok(()),
        }
    }

    async fn tags(&self, key: &str, version: Option<&str>) -> Result<GetObjectTaggingOutput, Failure> {
        let place = &*self.place;
        call(&place.patience, || {
            place
                .client
                .get_object_tagging()
                .bucket(&place.name)
                .set_expected_bucket_owner(place.owner.clone())
                .key(sendable(key))
                .set_version_id(version.map(str::to_owned))
                .send()
        })
        .await
    }

    /// Whether an object could be read, by one byte of it; and which version that would be.
    pub(crate) async fn probe(&self, key: &str) -> Result<Option<String>, Unread> {
        let place = &*self.place;
        match call(&place.patience, || self.request(key).range("bytes=0-0").send()).await {
            Ok(answer) => Ok(answer.version_id),
            // It is empty, and was allowed to be read.
            Err(failure) if failure.error.status() == Some(416) => Ok(None),
            Err(failure) => Err(Unread::of(failure, || self.act("get", key))),
        }
    }

    fn request(&self, key: &str) -> GetObjectFluentBuilder {
        let place = &*self.place;
        place.client.get_object().bucket(&place.name).set_expected_bucket_owner(place.owner.clone()).key(sendable(key))
    }

    /// Exactly so many bytes, and no pause that is too long.
    async fn body(&self, mut answer: GetObjectOutput, length: u64) -> Result<Bytes, CallError> {
        let mut body = BytesMut::with_capacity(length as usize);
        loop {
            let chunk = match tokio::time::timeout(self.place.patience.stall, answer.body.next()).await {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(CallError::NoAnswer(Box::new(error))),
                Ok(None) if body.len() as u64 == length => return Ok(body.freeze()),
                Ok(None) => return Err(CallError::Wrong("fewer bytes than it had announced".to_owned())),
                Err(elapsed) => return Err(CallError::NoAnswer(Box::new(elapsed))),
            };
            if (body.len() + chunk.len()) as u64 > length {
                return Err(CallError::Wrong("more bytes than it had announced".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn act(&self, act: &str, key: &str) -> String {
        format!("{act} {key:?} in bucket {}", self.name())
    }
}

fn content_length(answer: &GetObjectOutput) -> Result<u64, CallError> {
    let length = answer.content_length.and_then(|length| u64::try_from(length).ok());
    length.ok_or_else(|| CallError::Wrong("no length".to_owned()))
}
