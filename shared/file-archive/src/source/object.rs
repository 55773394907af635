//! What S3 tells of an object besides its bytes.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use bytes::Bytes;
use s3_call::CallError;
use time::OffsetDateTime;

use crate::record::{FileRecord, Headers};

/// One version of an object: what every further call on it insists on.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    /// With its quotes.
    pub(crate) etag: String,
    pub(crate) version: Option<String>,
}

impl Pin {
    /// Versions are never written again, except the one that is called `null`.
    pub(crate) fn is_for_good(&self) -> bool {
        self.version.as_deref().is_some_and(|version| version != "null")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) pin: Pin,
    /// Of the whole object.
    pub(crate) bytes: u64,
    pub(crate) last_modified: OffsetDateTime,
    pub(crate) storage_class: Option<String>,
    pub(crate) headers: Headers,
    /// User metadata that is not among the headers.
    pub(crate) hidden_metadata: i32,
    pub(crate) tagged: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A small object.
pub(crate) struct Whole {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Head {
    /// Of a GET; `bytes` is the size of the whole object.
    pub(crate) fn of(answer: &GetObjectOutput, bytes: u64) -> Result<Self, CallError> {
        let missing = |what: &str| CallError::Wrong(format!("no {what} with the object"));
        let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let modified = answer.last_modified.as_ref().and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
        Ok(Self {
            pin: Pin { etag: answer.e_tag.clone().ok_or_else(|| missing("ETag"))?, version: text(&answer.version_id) },
            bytes,
            last_modified: modified.ok_or_else(|| missing("time"))?,
            storage_class: answer.storage_class.as_ref().map(|class| class.as_str().to_owned()),
            headers: Headers {
                content_type: text(&answer.content_type),
                content_encoding: text(&answer.content_encoding),
                content_language: text(&answer.content_language),
                content_disposition: text(&answer.content_disposition),
                cache_control: text(&answer.cache_control),
                expires: text(&answer.expires_string),
                website_redirect: text(&answer.website_redirect_location),
                metadata: answer.metadata.iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect(),
            },
            hidden_metadata: answer.missing_meta.unwrap_or(0),
            tagged: answer.tag_count.unwrap_or(0) > 0,
            tags: BTreeMap::new(),
        })
    }

    pub(crate) fn record(self, key: String, sha256: [u8; 32]) -> FileRecord {
        FileRecord {
            key,
            name: None,
            bytes: self.bytes,
            sha256,
            etag: self.pin.etag.trim_matches('"').to_owned(),
            version_id: self.pin.version,
            last_modified: self.last_modified,
            storage_class: self.storage_class.filter(|class| class != "STANDARD"),
            headers: self.headers,
            tags: self.tags,
        }
    }
}
