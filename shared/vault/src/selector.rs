//! How people say which backup they mean.

use std::str::FromStr;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::environment::{Environment, Kind};
use crate::error::Error;
use crate::id::BackupId;
use crate::layout;

/// Which backup: the same in a function's event and on the command line.
///
/// `S` is what `backup` may say: a [`Selector`], or that and more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct BackupChoice<S = Selector>
where
    S: FromStr + Clone + Send + Sync + 'static,
    S::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// `latest`; `before 2026-11-22T12:00:00Z`; a backup's id as `offsite list` shows it; or the key of one of its objects.
    pub backup: S,
    /// The database or bucket that `latest` and `before` mean. Needed only if the environment has backups of several.
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME"))]
    #[serde(default)]
    pub source: Option<String>,
    /// The version of the object that is named by its key, to be read in place of the oldest one.
    #[cfg_attr(feature = "clap", arg(long, value_name = "VERSION"))]
    #[serde(default)]
    pub version_id: Option<String>,
}

impl<S> BackupChoice<S>
where
    S: FromStr + Clone + Send + Sync + 'static,
    S::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// The same with what `backup` turned out to say.
    pub fn of(&self, selector: Selector) -> BackupChoice {
        BackupChoice { backup: selector, source: self.source.clone(), version_id: self.version_id.clone() }
    }

    /// Whether that is a name of what the backup is of: in full, or as far as an id can hold it.
    pub(crate) fn means(&self, id: &BackupId) -> bool {
        self.source.as_ref().is_none_or(|source| BackupId::name_of(source) == id.name())
    }
}

impl From<Selector> for BackupChoice {
    fn from(backup: Selector) -> Self {
        Self { backup, source: None, version_id: None }
    }
}

/// One backup of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Selector {
    /// The newest.
    Latest,
    /// The newest whose snapshot is not after this instant.
    Before(OffsetDateTime),
    /// This one.
    Id(BackupId),
    /// The one that an object belongs to.
    Object(ObjectKey),
}

/// The key of an object of a backup, or of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectKey {
    /// If it was given as `s3://BUCKET/KEY`.
    pub bucket: Option<String>,
    /// The key.
    pub key: String,
    /// Its first part.
    pub environment: Environment,
    /// Its second part.
    pub kind: Kind,
    /// The backup.
    pub id: BackupId,
}

impl ObjectKey {
    /// The object in the folder; `None` for the folder itself.
    pub fn object(&self) -> Option<&str> {
        self.key.rsplit_once('/').map(|(_, object)| object).filter(|object| !object.is_empty())
    }
}

impl FromStr for Selector {
    type Err = Error;

    /// `latest`, `before 2026-11-22T12:00:00Z` (any RFC 3339 time), an id, or a key, with or without `s3://BUCKET/` before it.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let selector = match text.strip_prefix("before ") {
            Some(time) => OffsetDateTime::parse(time.trim(), &Rfc3339).ok().map(Self::Before),
            None if text.contains('/') => object(text).map(Self::Object),
            None => text.parse().ok().map(Self::Id),
        };
        selector.ok_or_else(|| Error::Selector(text.to_owned()))
    }
}

impl TryFrom<String> for Selector {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

fn object(text: &str) -> Option<ObjectKey> {
    let (bucket, key) = match text.strip_prefix("s3://") {
        Some(place) => place.split_once('/').map(|(bucket, key)| (Some(bucket.to_owned()), key))?,
        None => (None, text),
    };
    let mut parts = key.splitn(3, '/');
    let (environment, kind): (Environment, Kind) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (before, _) = key.rsplit_once('/')?;
    let id: BackupId = before.rsplit_once('/')?.1.parse().ok()?;
    let is_here = key.starts_with(&layout::folder(&environment, kind, &id));
    is_here.then(|| ObjectKey { bucket, key: key.to_owned(), environment, kind, id })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]
    use super::*;
    use time::macros::datetime;

    const ID: &str = "20261122T121433Z-shop-00010203040506ab";

    #[test]
    fn selector_reads_latest_before_and_ids() {
        assert_eq!("latest".parse::<Selector>().unwrap(), Selector::Latest);
        let before = Selector::Before(datetime!(2026-11-22 12:00 UTC));
        assert_eq!("before 2026-11-22T12:00:00Z".parse::<Selector>().unwrap(), before);
        assert_eq!("before 2026-11-22T13:00:00+01:00".parse::<Selector>().unwrap(), before);
        assert_eq!(ID.parse::<Selector>().unwrap(), Selector::Id(ID.parse().unwrap()));
        for bad in ["", "Latest", "before", "before yesterday", "2026-11-22"] {
            assert!(bad.parse::<Selector>().unwrap_err().to_string().contains("HINT"), "{bad}");
        }
    }

    #[test]
    fn selector_reads_keys_of_backups_and_of_nothing_else() {
        let folder = format!("production/files/2026/11/22/{ID}/");
        for (text, bucket, object) in [
            (folder.clone(), None, None),
            (format!("{folder}manifest.enc"), None, Some("manifest.enc")),
            (format!("s3://vault-1/{folder}summary.json"), Some("vault-1"), Some("summary.json")),
        ] {
            let Selector::Object(key) = text.parse().unwrap() else { panic!("{text}") };
            assert_eq!((key.bucket.as_deref(), key.object()), (bucket, object), "{text}");
            assert_eq!((key.environment.as_str(), key.kind, key.id), ("production", Kind::Files, ID.parse().unwrap()));
        }
        for bad in [
            "s3://vault-1".to_owned(),
            format!("files/2026/11/22/{ID}/manifest.enc"),
            folder.replace("/22/", "/23/"),
            folder.replace("/files/", "/tables/"),
            format!("{folder}a/b"),
            folder.trim_end_matches('/').to_owned(),
            "production/older/2022-07-22.sql.encrypted".to_owned(),
        ] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }
}
