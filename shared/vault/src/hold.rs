use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockRetention, ObjectLockRetentionMode};
use s3_call::call;
use time::OffsetDateTime;

use crate::backup::ObjectVersion;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::failure::FailedAct;
use crate::id::BackupId;
use crate::layout;

/// What a longer lock was put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What the backup is of.
    pub kind: Kind,
    /// Versions of objects that it consists of.
    pub versions: usize,
    /// Those whose lock ended earlier.
    pub lengthened: usize,
    /// Whether its summary is among them; if not, it is no backup that can be restored.
    pub whole: bool,
}

impl Vault {
    /// Locks every version of every object of a backup until that instant at least. No lock is shortened.
    ///
    /// It reads no object, so that who may lengthen locks need not be allowed to read backups. What was lengthened before a failure stays
    /// so; a second call does the rest.
    ///
    /// # Errors
    /// [`Error::NotFound`] without any object; [`Error::Call`], which names the object.
    pub async fn hold(&self, id: &BackupId, until: OffsetDateTime) -> Result<Hold, Error> {
        for kind in [Kind::Database, Kind::Files] {
            let folder = layout::folder(self.environment(), kind, id);
            let keys = self.versions(&folder).await?;
            let whole = keys.get(&(folder + layout::SUMMARY)).is_some_and(|key| !key.versions.is_empty());
            let versions: Vec<_> = keys.into_values().flat_map(|key| key.versions).collect();
            if versions.is_empty() {
                continue;
            }
            let mut lengthened = 0;
            for version in &versions {
                lengthened += usize::from(self.lengthen(version, until).await?);
            }
            return Ok(Hold { kind, versions: versions.len(), lengthened, whole });
        }
        let place = format!("{} of bucket {}", self.environment(), self.bucket());
        Err(Error::NotFound { place, what: format!("backup {id}"), findings: Vec::new() })
    }

    /// Whether the lock ended earlier.
    async fn lengthen(&self, version: &ObjectVersion, until: OffsetDateTime) -> Result<bool, Error> {
        let (place, key) = (&*self.place, &version.key);
        let lock =
            self.retention(version).await.map_err(|failure| failure.reading(format!("read the lock of {key}")))?;
        let lock = lock.filter(|lock| lock.mode == Some(ObjectLockRetentionMode::Compliance));
        if lock.and_then(|lock| lock.retain_until_date).is_some_and(|end| end.secs() >= until.unix_timestamp()) {
            return Ok(false);
        }
        let longer = ObjectLockRetention::builder()
            .mode(ObjectLockRetentionMode::Compliance)
            .retain_until_date(DateTime::from_secs(until.unix_timestamp()))
            .build();
        call(&place.patience, || {
            place
                .client
                .put_object_retention()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .key(key)
                .set_version_id(version.version.clone())
                .retention(longer.clone())
                .send()
        })
        .await
        .map_err(|failure| failure.reading(format!("lengthen the lock of {key}")))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aws_sdk_s3::primitives::ByteStream;
    use time::Duration;

    const ID: &str = "20261122T121433Z-shop-00010203040506ab";
    const FOLDER: &str = "production/files/2026/11/22/20261122T121433Z-shop-00010203040506ab/";
    const NEIGHBOUR: &str = "production/files/2026/11/22/20261122T121433Z-shop-00010203040506ac/summary.json";

    async fn vault(keys: &[&str]) -> Vault {
        let vault =
            Vault::new(testing::s3::client(), &testing::s3::locked_bucket().await, "production".parse().unwrap());
        for key in keys {
            let body = ByteStream::from_static(b"x");
            testing::s3::client().put_object().bucket(vault.bucket()).key(*key).body(body).send().await.unwrap();
        }
        vault
    }

    /// When the lock of each version of a key ends, newest version first.
    async fn ends(vault: &Vault, key: &str) -> Vec<i64> {
        let mut ends = Vec::new();
        for version in vault.versions(key).await.unwrap().remove(key).unwrap().versions {
            let lock = testing::s3::client().get_object_retention().bucket(vault.bucket()).key(key);
            let lock = lock.set_version_id(version.version).send().await.unwrap().retention.unwrap();
            assert_eq!(lock.mode, Some(ObjectLockRetentionMode::Compliance));
            ends.push(lock.retain_until_date.unwrap().secs());
        }
        ends
    }

    fn in_days(days: i64) -> OffsetDateTime {
        (OffsetDateTime::now_utc() + Duration::days(days)).replace_nanosecond(0).unwrap()
    }

    #[tokio::test]
    async fn hold_lengthens_the_lock_of_every_version_of_a_backup_and_of_nothing_else() {
        let (volume, summary) = (format!("{FOLDER}volume-0001.zip.enc"), format!("{FOLDER}summary.json"));
        let vault = vault(&[&volume, &volume, &summary, NEIGHBOUR]).await;
        // A deleted object is still there, and may be all that is left of a backup.
        testing::s3::client().delete_object().bucket(vault.bucket()).key(&summary).send().await.unwrap();
        let before = ends(&vault, NEIGHBOUR).await;
        let until = in_days(100);
        let held = vault.hold(&ID.parse().unwrap(), until).await.unwrap();
        assert_eq!(held, Hold { kind: Kind::Files, versions: 3, lengthened: 3, whole: true });
        assert_eq!(ends(&vault, &volume).await, [until.unix_timestamp(); 2]);
        assert_eq!(ends(&vault, &summary).await, [until.unix_timestamp()]);
        assert_eq!(ends(&vault, NEIGHBOUR).await, before);
    }

    #[tokio::test]
    async fn hold_never_shortens_a_lock() {
        let summary = format!("{FOLDER}summary.json");
        let vault = vault(&[&summary]).await;
        let until = in_days(100);
        vault.hold(&ID.parse().unwrap(), until).await.unwrap();
        for earlier in [in_days(50), in_days(-50), until] {
            assert_eq!(vault.hold(&ID.parse().unwrap(), earlier).await.unwrap().lengthened, 0);
        }
        assert_eq!(ends(&vault, &summary).await, [until.unix_timestamp()]);
    }

    #[tokio::test]
    async fn hold_says_of_a_backup_without_summary_that_it_is_not_whole() {
        let vault = vault(&[&format!("{FOLDER}volume-0001.zip.enc")]).await;
        assert!(!vault.hold(&ID.parse().unwrap(), in_days(100)).await.unwrap().whole);
    }

    #[tokio::test]
    async fn hold_of_a_backup_that_is_not_there_is_an_error() {
        let vault = vault(&[NEIGHBOUR]).await;
        let refused = vault.hold(&ID.parse().unwrap(), in_days(100)).await.unwrap_err();
        assert!(refused.to_string().contains(&format!("has no backup {ID}")), "{refused}");
    }

    #[tokio::test]
    async fn hold_in_a_bucket_without_lock_names_the_object() {
        let vault =
            Vault::new(testing::s3::client(), &testing::s3::versioned_bucket().await, "production".parse().unwrap());
        let key = format!("{FOLDER}summary.json");
        let body = ByteStream::from_static(b"x");
        testing::s3::client().put_object().bucket(vault.bucket()).key(&key).body(body).send().await.unwrap();
        let refused = vault.hold(&ID.parse().unwrap(), in_days(100)).await.unwrap_err();
        assert!(refused.to_string().contains(&key), "{refused}");
    }
}
