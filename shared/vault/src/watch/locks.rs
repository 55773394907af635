//! The lock of each version, against what was promised.

use std::time::Instant;

use aws_sdk_s3::types::ObjectLockRetentionMode;
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;

use super::notice::{Concern, Notices};
use super::{DAY, denied, shown, told};
use crate::backup::ObjectVersion;
use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

/// Locks that are read at once.
const READS: usize = 32;
/// S3 may count from the beginning of an upload, which can take a function's whole time.
const SLACK: i64 = 15 * 60;

/// What was found out of many versions.
#[derive(Debug, Default)]
pub(super) struct Locks {
    /// How many were read.
    pub(super) read: usize,
    /// The end of each lock, as of `versions`; `None` if it is not known.
    pub(super) ends: Vec<Option<i64>>,
}

enum Lock {
    None,
    Of { mode: Option<ObjectLockRetentionMode>, end: i64 },
    Denied(String),
    Gone,
    NoTime,
}

impl Vault {
    /// Reads the locks of `versions` in their order until there is no time left.
    pub(super) async fn locks(
        &self,
        versions: &[ObjectVersion],
        days: u32,
        until: Option<Instant>,
        notices: &mut Notices,
    ) -> Result<Locks, Error> {
        let reads = versions.iter().map(|version| async move {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Lock::NoTime);
            }
            self.lock_of(version).await
        });
        let mut found = stream::iter(reads).buffered(READS);
        let mut locks = Locks { read: 0, ends: Vec::with_capacity(versions.len()) };
        let (mut refused, mut late, mut words) = (0usize, 0usize, String::new());
        for version in versions {
            let Some(lock) = found.next().await else { break };
            let lock = lock?;
            locks.read += usize::from(matches!(lock, Lock::None | Lock::Of { .. }));
            locks.ends.push(if let Lock::Of { end, .. } = lock { Some(end) } else { None });
            match lock {
                Lock::Denied(why) => {
                    refused += 1;
                    words = why;
                }
                Lock::NoTime => late += 1,
                lock => judge(version, &lock, days, notices),
            }
        }
        let of = versions.len();
        if refused > 0 {
            notices.add(Concern::NotRead, format!("the locks of {refused} of {of} objects can't be read: {words}"));
        }
        if late > 0 {
            notices.add(
                Concern::NotRead,
                format!("the time was over before the locks of {late} of {of} objects were read, the oldest ones. HINT: Give the function more memory, which makes it faster."),
            );
        }
        Ok(locks)
    }

    async fn lock_of(&self, version: &ObjectVersion) -> Result<Lock, Error> {
        let read = self.retention(version).await;
        match read.map_err(|failure| failure.reading(format!("read the lock of {}", version.key))) {
            Ok(None) => Ok(Lock::None),
            Ok(Some(lock)) => {
                Ok(Lock::Of { mode: lock.mode, end: lock.retain_until_date.map_or(i64::MIN, |end| end.secs()) })
            }
            Err(error) if denied(&error) => Ok(Lock::Denied(told(&error))),
            // Deleted since it was listed.
            Err(Error::Call { source, .. }) if source.status() == Some(404) => Ok(Lock::Gone),
            Err(error) => Err(error),
        }
    }
}

fn judge(version: &ObjectVersion, lock: &Lock, days: u32, notices: &mut Notices) {
    let key = &version.key;
    let promised = version.modified + i64::from(days) * DAY;
    match lock {
        Lock::None => notices.add(Concern::NoLock, format!("{key} is not locked: whoever may delete can delete it")),
        Lock::Of { mode, .. } if *mode != Some(ObjectLockRetentionMode::Compliance) => {
            let mode = mode.as_ref().map_or("unknown", ObjectLockRetentionMode::as_str);
            notices.add(Concern::WeakLock, format!("{key} is locked in {mode} mode, which can be bypassed"));
        }
        Lock::Of { end, .. } if *end < promised - SLACK => notices.add(
            Concern::ShortLock,
            format!("{key} is locked until {}, and {days} days were promised: until {}", shown(*end), shown(promised)),
        ),
        // It went before its time.
        Lock::Gone if OffsetDateTime::now_utc().unix_timestamp() < promised => {
            notices.add(Concern::NoLock, format!("{key} is gone since it was listed, before its lock's end"));
        }
        Lock::Of { .. } | Lock::Gone | Lock::Denied(_) | Lock::NoTime => {}
    }
}
