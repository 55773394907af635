//! A bucket: the source of an archive, or where files are restored into.

mod blank_key;
mod list;
mod object;
mod read;
mod stored;

use std::sync::Arc;

use aws_sdk_s3::Client;
use s3_call::{CallError, Failure, Patience};

use crate::error::{Error, chain};
use crate::problem::ProblemKind;
use blank_key::TrueKeys;

pub(crate) use blank_key::sendable;
pub use list::Estimate;
pub(crate) use list::{Listed, Pages};
pub(crate) use object::{Head, Pin, Whole};
pub(crate) use read::PIECE;
pub use stored::StoredObject;

/// A bucket as some client reaches it. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    place: Arc<Place>,
}

pub(crate) struct Place {
    pub(crate) client: Client,
    /// The same with a longer timeout.
    pub(crate) completing: Client,
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    pub(crate) patience: Patience,
}

impl Bucket {
    /// The bucket as `config` reaches it: credentials, Region, endpoint. `owner` is the account that must own it.
    pub fn connect(config: &aws_types::SdkConfig, name: &str, owner: Option<&str>) -> Self {
        let mut builder = aws_sdk_s3::config::Builder::from(config);
        // A server that isn't AWS's has no host name per bucket.
        if config.endpoint_url().is_some() {
            builder = builder.force_path_style(true);
        }
        let client = Client::from_conf(builder.interceptor(TrueKeys).build());
        Self::build(client, name, owner, Patience::default())
    }

    /// The bucket as `client` reaches it. The client's retries and timeouts are replaced by [`Patience`].
    pub fn new(client: Client, name: &str) -> Self {
        let client = Client::from_conf(client.config().to_builder().interceptor(TrueKeys).build());
        Self::build(client, name, None, Patience::default())
    }

    /// Other timeouts and retries than the default ones.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Self {
        Self::build(self.place.client.clone(), &self.place.name, self.place.owner.as_deref(), patience)
    }

    fn build(client: Client, name: &str, owner: Option<&str>, patience: Patience) -> Self {
        let place = Place {
            completing: patience.client(&client, patience.complete),
            client: patience.client(&client, patience.attempt),
            name: name.to_owned(),
            owner: owner.map(str::to_owned),
            patience,
        };
        Self { place: Arc::new(place) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

/// Why an object was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// Because of itself.
    Problem(ProblemKind, String),
    /// It is another one than when the reading began, or not the one that its checksum is of.
    Changed(String),
    /// Because of S3, the network or us.
    Failed(Error),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problem(kind, detail) => write!(f, "{}: {detail}", kind.as_str()),
            Self::Changed(detail) => f.write_str(detail),
            Self::Failed(error) => f.write_str(&chain(error)),
        }
    }
}

impl Unread {
    /// What a failed call on an object means.
    pub(crate) fn of(failure: Failure, act: impl FnOnce() -> String) -> Self {
        let kind = match &failure.error {
            CallError::Answered { status, code, message, .. } => match (*status, code.as_str()) {
                (_, "NoSuchBucket") => None,
                (412, _) | (416, _) => return Self::Changed(failure.error.to_string()),
                (404, _) | (405, "MethodNotAllowed") => Some(ProblemKind::Deleted),
                (_, "InvalidObjectState") => Some(ProblemKind::Archived),
                (400, "InvalidRequest") if message.contains("Server Side Encryption") => Some(ProblemKind::CustomerKey),
                (_, "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "RequestTimeTooSkewed") => None,
                (403, _) => Some(ProblemKind::Denied),
                (_, code) if code.starts_with("KMS.") => Some(ProblemKind::Denied),
                _ => None,
            },
            _ => None,
        };
        match (kind, failure.error) {
            (Some(kind), CallError::Answered { status, code, .. }) => Self::Problem(kind, format!("{status} {code}")),
            (_, error) => Self::Failed(Error::Call { act: act(), tries: failure.tries, source: error }),
        }
    }
}
