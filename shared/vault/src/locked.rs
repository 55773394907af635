//! Until when nobody can delete what is in the vault.

use aws_sdk_s3::types::{ObjectLockRetention, ObjectLockRetentionMode};
use futures_util::{StreamExt, TryStreamExt, stream};
use s3_call::{Failure, call};
use time::OffsetDateTime;

use crate::backup::{Backup, ObjectVersion};
use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

/// Objects that are asked about at once.
const ASKED: usize = 16;

/// How long all objects of a backup are locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockEnd {
    /// In COMPLIANCE mode, all of them until this instant at least.
    Until(OffsetDateTime),
    /// One of them is not.
    Unlocked,
    /// Whoever asks may not know.
    NotKnown,
}

impl Vault {
    /// The ends of the locks of these backups, in their order. A backup's is that of the object that is locked for the least time.
    ///
    /// # Errors
    /// [`Error::Call`], which names the object. That reading locks is denied is no error: then nothing more is asked.
    pub async fn lock_ends(&self, backups: &[Backup]) -> Result<Vec<LockEnd>, Error> {
        let all =
            || backups.iter().enumerate().flat_map(|(at, one)| one.objects.values().map(move |object| (at, object)));
        let mut ends: Vec<Option<LockEnd>> = vec![None; backups.len()];
        // One first: where that is denied, all others would be.
        let (first, others): (Vec<_>, Vec<_>) = (all().take(1).collect(), all().skip(1).collect());
        for objects in [first, others] {
            let asked = objects.into_iter().map(|(at, object)| async move { Ok((at, self.lock_end(object).await?)) });
            let mut told = stream::iter(asked).buffer_unordered(ASKED);
            while let Some((at, end)) = told.try_next().await? {
                if end == LockEnd::NotKnown {
                    return Ok(vec![LockEnd::NotKnown; backups.len()]);
                }
                ends[at] = Some(match (ends[at], end) {
                    (None, end) => end,
                    (Some(LockEnd::Until(one)), LockEnd::Until(other)) => LockEnd::Until(one.min(other)),
                    _ => LockEnd::Unlocked,
                });
            }
        }
        Ok(ends.into_iter().map(|end| end.unwrap_or(LockEnd::Unlocked)).collect())
    }

    async fn lock_end(&self, object: &ObjectVersion) -> Result<LockEnd, Error> {
        let lock = match self.retention(object).await {
            Ok(lock) => lock,
            Err(failure) if failure.error.status() == Some(403) => return Ok(LockEnd::NotKnown),
            Err(failure) => return Err(failure.reading(format!("read the lock of {}", object.key))),
        };
        let end = lock
            .filter(|lock| lock.mode == Some(ObjectLockRetentionMode::Compliance))
            .and_then(|lock| lock.retain_until_date)
            .and_then(|end| OffsetDateTime::from_unix_timestamp(end.secs()).ok())
            .filter(|end| *end > OffsetDateTime::now_utc());
        Ok(end.map_or(LockEnd::Unlocked, LockEnd::Until))
    }

    /// The lock of a version; `None` if it has none.
    pub(crate) async fn retention(&self, object: &ObjectVersion) -> Result<Option<ObjectLockRetention>, Failure> {
        let place = &*self.place;
        let answer = call(&place.patience, || {
            place
                .client
                .get_object_retention()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .key(&object.key)
                .set_version_id(object.version.clone())
                .send()
        })
        .await;
        match answer {
            Ok(answer) => Ok(answer.retention),
            // Of an object, and of a bucket, without any.
            Err(failure) if ["NoSuchObjectLockConfiguration", "InvalidRequest"].contains(&failure.error.code()) => {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}
