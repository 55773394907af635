//! A bucket as the target: an object is either there as it was, with all that belongs to it, or not touched.

mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, checksum};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3_call::{CallError, Failure, call};
use sha2::{Digest, Sha256};

use super::{Condition, Decision, Outcome, Overwrite};
use crate::error::{chain, tried};
use crate::record::{FileRecord, Headers};
use crate::source::{Bucket, PIECE, Pin, sendable};
use upload::Upload;

pub(crate) struct BucketTarget {
    bucket: Arc<Bucket>,
    /// The backup does not know what the files' headers were, so they can't differ.
    without_headers: bool,
}

/// Everything that belongs to an object, for either of the two ways to write one.
macro_rules! with_headers {
    ($request:expr, $place:expr, $record:expr) => {{
        let (place, record) = ($place, $record);
        let headers = record.headers.clone();
        $request
            .bucket(&place.name)
            .set_expected_bucket_owner(place.owner.clone())
            .key($crate::source::sendable(&record.key))
            .set_content_type(headers.content_type)
            .set_content_encoding(headers.content_encoding)
            .set_content_language(headers.content_language)
            .set_content_disposition(headers.content_disposition)
            .set_cache_control(headers.cache_control)
            .set_website_redirect_location(headers.website_redirect)
            .set_metadata((!headers.metadata.is_empty()).then(|| headers.metadata.into_iter().collect()))
            .set_tagging($crate::restore::bucket::tagging(&record.tags))
            .set_storage_class(record.storage_class.as_deref().map(aws_sdk_s3::types::StorageClass::from))
            .customize()
            .mutate_request({
                let expires = headers.expires.clone();
                // As it was given, be it no date that S3's interface could name.
                move |request| {
                    if let Some(expires) = expires.clone() {
                        let _ = request.headers_mut().try_insert("expires", expires);
                    }
                }
            })
    }};
}
use with_headers;

impl BucketTarget {
    pub(crate) fn new(bucket: Bucket, without_headers: bool) -> Self {
        Self { bucket: Arc::new(bucket), without_headers }
    }

    pub(super) async fn decide(&self, record: &FileRecord, overwrite: Overwrite) -> Decision {
        if overwrite == Overwrite::Always {
            return Decision::Write(Condition::None);
        }
        let there = match self.head(&record.key).await {
            Ok(there) => there,
            Err(failure) => match failure.error.status() {
                Some(404) => return Decision::Write(Condition::Missing),
                // Who may not list the bucket is not told that an object is missing. The write itself is conditional.
                Some(403) if overwrite == Overwrite::Never => return Decision::Write(Condition::Missing),
                _ => return Decision::Failed(self.told("head", &record.key, failure)),
            },
        };
        if overwrite == Overwrite::Never {
            return Decision::Existing;
        }
        let Some(etag) = there.e_tag.clone() else {
            return Decision::Failed("S3 tells no ETag of the object that is there".to_owned());
        };
        match self.same(record, &there, &etag).await {
            Ok(true) => Decision::Unchanged,
            Ok(false) => Decision::Write(Condition::Is(etag)),
            Err(why) => Decision::Failed(why),
        }
    }

    /// Whether an object has the file's bytes and headers. ETags that differ prove nothing: they depend on how it was written.
    async fn same(&self, record: &FileRecord, there: &HeadObjectOutput, etag: &str) -> Result<bool, String> {
        let bytes = there.content_length.and_then(|length| u64::try_from(length).ok());
        if bytes != Some(record.bytes) || !(self.without_headers || headers(there) == record.headers) {
            return Ok(false);
        }
        if etag.trim_matches('"') == record.etag {
            return Ok(true);
        }
        let pin = Pin { etag: etag.to_owned(), version: there.version_id.clone() };
        let mut sha256 = Sha256::new();
        let mut start = 0;
        while start < record.bytes {
            let end = record.bytes.min(start + PIECE);
            let read = self.bucket.get_range(&record.key, &pin, start..end).await;
            let bytes = read.map_err(|unread| format!("compare it with what is there: {unread}"))?;
            let hashed = tokio::task::spawn_blocking(move || {
                sha256.update(&bytes);
                sha256
            });
            sha256 = hashed.await.map_err(|_| "its comparison was stopped".to_owned())?;
            start = end;
        }
        Ok(<[u8; 32]>::from(sha256.finalize()) == record.sha256)
    }

    async fn head(&self, key: &str) -> Result<HeadObjectOutput, Failure> {
        let place = self.bucket.place();
        call(&place.patience, || {
            place
                .client
                .head_object()
                .bucket(&place.name)
                .set_expected_bucket_owner(place.owner.clone())
                .key(sendable(key))
                .checksum_mode(ChecksumMode::Enabled)
                .send()
        })
        .await
    }

    /// Writes a small file.
    pub(super) async fn put(
        &self,
        record: &FileRecord,
        condition: &Condition,
        content: Bytes,
    ) -> Result<Outcome, String> {
        let place = self.bucket.place();
        let sum = STANDARD.encode(checksum(CrcAlgorithm::Crc64Nvme, &content).to_be_bytes());
        let answer = call(&place.patience, || {
            let request = place
                .client
                .put_object()
                .set_if_none_match(condition.missing())
                .set_if_match(condition.is())
                .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
                .checksum_crc64_nvme(&sum)
                .body(ByteStream::from(content.clone()));
            with_headers!(request, place, record).send()
        })
        .await;
        match answer {
            Ok(_) => Ok(Outcome::Written),
            Err(failure) => self.refused(record, condition, failure, &sum, "put").await,
        }
    }

    /// Begins to write a large file, of which nothing is visible before all of it has been checked.
    pub(super) async fn begin(&self, record: &FileRecord, condition: &Condition) -> Result<Upload, String> {
        Upload::begin(Arc::clone(&self.bucket), record, condition).await
    }

    async fn refused(
        &self,
        record: &FileRecord,
        condition: &Condition,
        failure: Failure,
        sum: &str,
        act: &str,
    ) -> Result<Outcome, String> {
        if failure.error.status() != Some(412) {
            return Err(self.told(act, &record.key, failure));
        }
        if failure.tries > 1 {
            // An earlier try may have worked, and only its answer was lost.
            let there = self.head(&record.key).await.ok();
            if there.is_some_and(|there| there.checksum_crc64_nvme.as_deref() == Some(sum)) {
                return Ok(Outcome::Written);
            }
        }
        match condition {
            Condition::Missing => Ok(Outcome::Existing),
            _ => Err("the object that is there was replaced while it was compared".to_owned()),
        }
    }

    fn told(&self, act: &str, key: &str, failure: Failure) -> String {
        told(&self.bucket, act, key, failure.tries, &failure.error)
    }
}

pub(super) fn told(bucket: &Bucket, act: &str, key: &str, tries: u32, error: &CallError) -> String {
    format!("{act} {key:?} in bucket {}{}: {}", bucket.name(), tried(tries), chain(error))
}

impl Condition {
    fn missing(&self) -> Option<String> {
        (*self == Self::Missing).then(|| "*".to_owned())
    }

    fn is(&self) -> Option<String> {
        match self {
            Self::Is(etag) => Some(etag.clone()),
            Self::None | Self::Missing => None,
        }
    }
}

fn headers(there: &HeadObjectOutput) -> Headers {
    let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    Headers {
        content_type: text(&there.content_type),
        content_encoding: text(&there.content_encoding),
        content_language: text(&there.content_language),
        content_disposition: text(&there.content_disposition),
        cache_control: text(&there.cache_control),
        expires: text(&there.expires_string),
        website_redirect: text(&there.website_redirect_location),
        metadata: there.metadata.iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// Tags as PutObject wants them: a query.
fn tagging(tags: &BTreeMap<String, String>) -> Option<String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> = tags.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}
