use std::sync::Arc;

use aws_sdk_s3::Client;
use s3_call::Patience;

use crate::environment::{Environment, Kind};
use crate::error::Error;
use crate::id::BackupId;
use crate::layout;

/// One environment's backups in one bucket. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    pub(crate) place: Arc<Place>,
}

pub(crate) struct Place {
    pub(crate) client: Client,
    /// The same with a longer timeout.
    pub(crate) completing: Client,
    pub(crate) bucket: String,
    pub(crate) environment: Environment,
    pub(crate) owner: Option<String>,
    pub(crate) patience: Patience,
    /// Keys that S3 lists at once: its own limit, and less in tests.
    pub(crate) page: Option<i32>,
}

impl Vault {
    /// The vault as `config` reaches it: credentials, Region, endpoint. `owner` is the account that must own the bucket.
    pub fn connect(config: &aws_types::SdkConfig, bucket: &str, environment: Environment, owner: Option<&str>) -> Self {
        let mut builder = aws_sdk_s3::config::Builder::from(config);
        // A server that isn't AWS's has no host name per bucket.
        if config.endpoint_url().is_some() {
            builder = builder.force_path_style(true);
        }
        let vault = Self::new(Client::from_conf(builder.build()), bucket, environment);
        match owner {
            Some(owner) => vault.expected_owner(owner),
            None => vault,
        }
    }

    /// The vault as `client` reaches it. The client's retries and timeouts are replaced by [`Patience`].
    pub fn new(client: Client, bucket: &str, environment: Environment) -> Self {
        let place = Place {
            completing: client.clone(),
            client,
            bucket: bucket.to_owned(),
            environment,
            owner: None,
            patience: Patience::default(),
            page: None,
        };
        Self { place: Arc::new(place) }.patience(Patience::default())
    }

    /// Every call fails if another account owns the bucket.
    #[must_use]
    pub fn expected_owner(self, account: &str) -> Self {
        self.but(|place| place.owner = Some(account.to_owned()))
    }

    /// Other timeouts and retries than the default ones.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Self {
        self.but(|place| {
            place.completing = patience.client(&place.client, patience.complete);
            place.client = patience.client(&place.client, patience.attempt);
            place.patience = patience;
        })
    }

    #[cfg(test)]
    pub(crate) fn page(self, keys: i32) -> Self {
        self.but(|place| place.page = Some(keys))
    }

    fn but(self, change: impl FnOnce(&mut Place)) -> Self {
        let old = self.place;
        let mut place = Place {
            client: old.client.clone(),
            completing: old.completing.clone(),
            bucket: old.bucket.clone(),
            environment: old.environment.clone(),
            owner: old.owner.clone(),
            patience: old.patience,
            page: old.page,
        };
        change(&mut place);
        Self { place: Arc::new(place) }
    }

    /// Whose backups these are.
    pub fn environment(&self) -> &Environment {
        &self.place.environment
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.place.bucket
    }

    /// The key of an object of a backup.
    pub(crate) fn key(&self, id: &BackupId, kind: Kind, object: &str) -> String {
        layout::folder(&self.place.environment, kind, id) + object
    }

    pub(crate) fn describe(&self, kind: Kind) -> String {
        format!("{} of bucket {}", layout::prefix(&self.place.environment, kind), self.place.bucket)
    }

    pub(crate) fn not_found(&self, kind: Kind, what: String, findings: Vec<crate::list::Finding>) -> Error {
        Error::NotFound { place: self.describe(kind), what, findings }
    }
}
