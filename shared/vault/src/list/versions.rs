//! ListObjectVersions, page by page.

use std::collections::BTreeMap;

use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;
use s3_call::{CallError, call};

use crate::backup::ObjectVersion;
use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

/// All that the vault has under one key.
pub(crate) struct Key {
    /// Newest first, as S3 lists them; empty if there are delete markers only.
    pub(crate) versions: Vec<ObjectVersion>,
    /// When each was put on top, in seconds since 1970.
    pub(crate) delete_markers: Vec<i64>,
}

impl Vault {
    /// Every key under a prefix with all its versions.
    pub(crate) async fn versions(&self, prefix: &str) -> Result<BTreeMap<String, Key>, Error> {
        let place = &*self.place;
        let under = if prefix.is_empty() { String::new() } else { format!(" under {prefix}") };
        let act = || format!("list the versions{under} in bucket {}", place.bucket);
        let wrong = |what: &str| Error::Call {
            act: act(),
            tries: 1,
            unknown: false,
            source: CallError::Wrong(what.to_owned()),
        };
        let mut keys = BTreeMap::<String, Key>::new();
        let mut next: Option<(String, Option<String>)> = None;
        loop {
            let (key_marker, version_marker) = next.clone().unzip();
            let answer = call(&place.patience, || {
                place
                    .client
                    .list_object_versions()
                    .bucket(&place.bucket)
                    .set_expected_bucket_owner(place.owner.clone())
                    .prefix(prefix)
                    // A key may hold characters that XML can't, and one such key must not hide all others.
                    .encoding_type(EncodingType::Url)
                    .set_key_marker(key_marker.clone())
                    .set_version_id_marker(version_marker.clone().flatten())
                    .set_max_keys(place.page)
                    .send()
            })
            .await
            .map_err(|failure| failure.reading(act()))?;
            let encoded = answer.encoding_type == Some(EncodingType::Url);
            let decode = |text: String| if encoded { decode(&text) } else { text };

            for version in answer.versions.unwrap_or_default() {
                let key = decode(version.key.ok_or_else(|| wrong("a version without a key"))?);
                let bytes = version.size.and_then(|size| u64::try_from(size).ok());
                let object = ObjectVersion {
                    key: key.clone(),
                    version: version.version_id,
                    bytes: bytes.ok_or_else(|| wrong("a version without a size"))?,
                    modified: version.last_modified.ok_or_else(|| wrong("a version without a time"))?.secs(),
                };
                entry(&mut keys, key).versions.push(object);
            }
            for marker in answer.delete_markers.unwrap_or_default() {
                let key = decode(marker.key.ok_or_else(|| wrong("a delete marker without a key"))?);
                let made = marker.last_modified.ok_or_else(|| wrong("a delete marker without a time"))?;
                entry(&mut keys, key).delete_markers.push(made.secs());
            }
            if answer.is_truncated != Some(true) {
                return Ok(keys);
            }
            let marker = decode(answer.next_key_marker.ok_or_else(|| wrong("a page without its end"))?);
            let following = Some((marker, answer.next_version_id_marker));
            if following == next {
                return Err(wrong("the same page twice"));
            }
            next = following;
        }
    }
}

fn entry(keys: &mut BTreeMap<String, Key>, key: String) -> &mut Key {
    keys.entry(key).or_insert_with(|| Key { versions: Vec::new(), delete_markers: Vec::new() })
}

fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}
