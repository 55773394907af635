//! ListObjectsV2, page by page.

use aws_sdk_s3::types::{EncodingType, Object};
use percent_encoding::percent_decode_str;
use s3_call::{CallError, call};

use super::Bucket;
use crate::error::Error;

/// An object as the listing shows it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) bytes: u64,
}

/// What a listing adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Objects.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Bucket {
    /// Lists all objects whose keys begin with `prefix`, and adds them up; until `enough` says that no more need be known.
    ///
    /// # Errors
    /// [`Error::Call`] if the bucket is missing or can't be listed.
    pub async fn estimate(
        &self,
        prefix: Option<&str>,
        mut enough: impl FnMut(&Estimate) -> bool,
    ) -> Result<Estimate, Error> {
        let mut estimate = Estimate::default();
        let mut pages = Pages::new(self.clone(), prefix);
        while let Some(page) = pages.next().await? {
            for listed in page {
                estimate.files += 1;
                estimate.bytes += listed.bytes;
            }
            if enough(&estimate) {
                break;
            }
        }
        Ok(estimate)
    }
}

/// A listing in progress.
pub(crate) struct Pages {
    bucket: Bucket,
    prefix: Option<String>,
    token: Option<String>,
    ended: bool,
}

impl Pages {
    pub(crate) fn new(bucket: Bucket, prefix: Option<&str>) -> Self {
        Self { bucket, prefix: prefix.map(str::to_owned), token: None, ended: false }
    }

    /// The next objects in the order of their keys' bytes; `None` behind the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Listed>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let place = self.bucket.place();
        let act = || format!("list bucket {}", place.name);
        let failed = |tries, source| Error::Call { act: act(), tries, source };
        let answer = call(&place.patience, || {
            place
                .client
                .list_objects_v2()
                .bucket(&place.name)
                .set_expected_bucket_owner(place.owner.clone())
                .set_prefix(self.prefix.clone())
                .set_continuation_token(self.token.clone())
                // XML has no way to write some of the bytes that keys may have.
                .encoding_type(EncodingType::Url)
                .send()
        })
        .await
        .map_err(|failure| failed(failure.tries, failure.error))?;
        let encoded = answer.encoding_type == Some(EncodingType::Url);
        self.token = answer.next_continuation_token;
        self.ended = !answer.is_truncated.unwrap_or(false);
        if !self.ended && self.token.is_none() {
            return Err(failed(
                1,
                CallError::Wrong("a page that is not the last, and does not say what follows".to_owned()),
            ));
        }
        let objects = answer.contents.unwrap_or_default();
        let listed: Option<Vec<_>> = objects.into_iter().map(|object| listed(object, encoded)).collect();
        listed
            .map(Some)
            .ok_or_else(|| failed(1, CallError::Wrong("an object without a readable key or size".to_owned())))
    }
}

fn listed(object: Object, encoded: bool) -> Option<Listed> {
    let key = object.key?;
    let key = if encoded { percent_decode_str(&key.replace('+', " ")).decode_utf8().ok()?.into_owned() } else { key };
    Some(Listed { key, bytes: u64::try_from(object.size?).ok()? })
}
