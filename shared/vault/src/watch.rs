//! Whether the vault holds what was promised, told from what is to be seen without a key: versions, summaries and locks.

mod drills;
mod expiry;
mod locks;
mod notice;
mod schedule;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use futures_util::{StreamExt, stream};
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::serde::rfc3339;
use time::{Duration, OffsetDateTime};

use crate::backup::{Backup, ObjectVersion};
use crate::connect::Vault;
use crate::drill::{self, Drill};
use crate::environment::Kind;
use crate::error::Error;
use crate::layout;
use crate::list::{Assessed, FETCHES, Finding, Key, Listing, MAX_SKEW, Problem};
use crate::lock::LockStatus;
use crate::standing::{Expected, Standing};
use expiry::Expiry;
use locks::Locks;
use notice::Notices;
pub use notice::{Area, Concern, Notice};
use sizes::Daily;

const DAY: i64 = 24 * 60 * 60;

/// What was promised of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Hours from which the newest backup of each source of a kind is too old. A kind that is absent is not backed up.
    pub hours: BTreeMap<Kind, u32>,
    /// Names of databases and buckets that are not backed up any more.
    pub ended: BTreeSet<String>,
    /// Days in which nothing that was written can be deleted.
    pub lock_days: u32,
    /// Days from which the last restore drill of a kind in `hours` is too long ago; `None` if none is asked for.
    pub drill_days: Option<u32>,
    /// The same of the drill with the escrow's private key.
    pub recovery_drill_days: Option<u32>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Watch {
    /// What somebody must look at, by concern.
    pub wrong: Vec<Notice>,
    /// What is to be known, and no more.
    pub notes: Vec<Notice>,
    /// How many there are of each concern, also of those that are not told one by one.
    pub counts: BTreeMap<Concern, u64>,
    /// What there is of each source, of each kind the first that were backed up.
    pub sources: Vec<Standing>,
    /// How many sources there are of each kind.
    pub source_counts: BTreeMap<Kind, usize>,
    /// Of each kind, how old the newest backup of that source is where it is the oldest; absent if there is none.
    pub oldest_seconds: BTreeMap<Kind, i64>,
    /// The newest backup's size as a part of what is usual, by kind and source, where there are enough to compare with.
    pub size_ratios: BTreeMap<Kind, BTreeMap<String, f64>>,
    /// Versions in the bucket.
    pub versions: usize,
    /// Those whose lock was read.
    pub locks_read: usize,
    /// Of all versions.
    pub stored_bytes: u64,
    /// Of those that came in the last 24 hours.
    pub last_day_bytes: u64,
    /// In such a time usually; `None` before there are enough days.
    pub usual_day_bytes: Option<u64>,
    /// The newest restore drill, of any kind; `None`: never.
    #[serde(with = "rfc3339::option")]
    pub last_drill: Option<OffsetDateTime>,
    /// `None`: never.
    #[serde(with = "rfc3339::option")]
    pub last_recovery_drill: Option<OffsetDateTime>,
}

impl Watch {
    /// Nothing is wrong.
    pub fn ok(&self) -> bool {
        self.wrong.is_empty()
    }

    /// How much is wrong in an area.
    pub fn count(&self, area: Area) -> u64 {
        self.counts.iter().filter(|(concern, _)| concern.area() == Some(area)).map(|(_, count)| count).sum()
    }
}

impl Vault {
    /// Compares the whole bucket with what was promised, as of `now`. No lock is read after `until`.
    ///
    /// It needs `s3:ListBucketVersions`, `s3:GetObjectVersion`, `s3:GetObjectRetention`, `s3:GetBucketObjectLockConfiguration` and
    /// `s3:GetLifecycleConfiguration`. What is denied is told as [`Concern::NotRead`].
    ///
    /// # Errors
    /// [`Error::Call`] when S3 fails otherwise.
    pub async fn watch(&self, promise: &Promise, now: OffsetDateTime, until: Option<Instant>) -> Result<Watch, Error> {
        let (mut notices, mut watch) = (Notices::default(), Watch::default());
        self.watch_lock(promise, &mut notices).await?;
        let expiry = unless_denied(self.expiry().await, &mut notices)?;
        if expiry == Some(None) {
            let what = format!("no lifecycle rule of bucket {} deletes what has expired", self.bucket());
            notices.add(Concern::NothingExpires, what);
        }
        // All of the bucket: what lies beside the environment's folder is nobody's.
        if let Some(keys) = unless_denied(self.versions("").await, &mut notices)? {
            let versions = newest_first(&keys);
            let daily = Daily::of(versions.iter(), now);
            if daily.many() {
                let usual = daily.usual.unwrap_or_default();
                notices.add(
                    Concern::ManyBytes,
                    format!("{} bytes came in the last 24 hours, and {usual} are usual. HINT: See by `offsite list` whose they are; a stolen writer can fill the vault.", daily.last),
                );
            }
            watch.versions = versions.len();
            watch.stored_bytes = versions.iter().map(|version| version.bytes).fold(0, u64::saturating_add);
            (watch.last_day_bytes, watch.usual_day_bytes) = (daily.last, daily.usual);
            let drilled = drill::last(&keys, self.environment());
            watch.last_drill = drills::newest(&drilled, |drill| matches!(drill, Drill::Restore(_)));
            watch.last_recovery_drill = drills::newest(&drilled, |drill| drill == Drill::Recovery);
            drills::watch(&drilled, promise, now, &mut notices);
            let listing = self.watch_backups(keys, promise, now, &mut notices).await?;
            for (kind, hours) in &promise.hours {
                let expected = Expected { hours: *hours, lock_days: Some(promise.lock_days), ended: &promise.ended };
                schedule::watch(&listing, *kind, expected, now, &mut watch, &mut notices);
            }
            let locks = self.locks(&versions, promise.lock_days, until, &mut notices).await?;
            watch.locks_read = locks.read;
            if let Some(Some(expiry)) = &expiry {
                watch_expiry(&versions, &locks, expiry, now, &mut notices);
            }
        }
        watch.counts.clone_from(notices.counts());
        (watch.wrong, watch.notes) = notices.told();
        Ok(watch)
    }

    /// The lock that new objects get.
    async fn watch_lock(&self, promise: &Promise, notices: &mut Notices) -> Result<(), Error> {
        match self.check_lock(Some(promise.lock_days)).await {
            Ok(LockStatus::Locked { .. }) => Ok(()),
            Ok(LockStatus::NotChecked) => {
                let what = format!("the lock configuration of bucket {} can't be read: AccessDenied", self.bucket());
                notices.add(Concern::NotRead, what);
                Ok(())
            }
            Err(unlocked @ Error::Unlocked { .. }) => {
                notices.add(Concern::VaultLock, unlocked.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// All backups, and what is odd about them and about what is none.
    async fn watch_backups(
        &self,
        mut keys: BTreeMap<String, Key>,
        promise: &Promise,
        now: OffsetDateTime,
        notices: &mut Notices,
    ) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for kind in Kind::ALL {
            let prefix = layout::prefix(self.environment(), kind);
            let of_kind = keys.extract_if(.., |key, _| key.starts_with(&prefix)).collect();
            let (folders, strays) = self.sorted(kind, of_kind, None)?;
            for stray in strays {
                notices.add(Concern::Unnamed, stray.to_string());
            }
            let assess = folders.into_iter().rev().map(|folder| async {
                let stored = folder.objects.values().map(|object| object.modified).min();
                let stored = stored.unwrap_or(folder.id.start().unix_timestamp());
                let past_lock = now.unix_timestamp() - stored >= i64::from(promise.lock_days) * DAY;
                (past_lock, self.assess(folder).await)
            });
            let mut assessed = stream::iter(assess).buffered(FETCHES);
            let (mut refused, mut words) = (0usize, String::new());
            while let Some((past_lock, assessed)) = assessed.next().await {
                let findings = match assessed {
                    Ok(Assessed::Backup(backup)) => {
                        watch_times(&backup, notices);
                        let findings = backup.findings.clone();
                        listing.backups.push(*backup);
                        findings
                    }
                    Ok(Assessed::NotOne(findings)) => findings,
                    Err(error) if denied(&error) => {
                        (refused, words) = (refused + 1, told(&error));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                for finding in findings {
                    watch_finding(&finding, past_lock, promise.lock_days, notices);
                }
            }
            if refused > 0 {
                notices.add(Concern::NotRead, format!("{refused} summaries of {kind} can't be read: {words}"));
            }
        }
        listing.backups.sort_by(|one, other| other.id.cmp(&one.id));
        for (key, of_key) in keys {
            // A marker alone is what the lifecycle leaves for a day.
            if !of_key.versions.is_empty() && Drill::of(&key, self.environment()).is_none() {
                notices.add(Concern::Unnamed, format!("{key}: {}", Problem::Stray));
            }
        }
        Ok(listing)
    }
}

fn newest_first(keys: &BTreeMap<String, Key>) -> Vec<ObjectVersion> {
    let mut versions: Vec<ObjectVersion> = keys.values().flat_map(|key| key.versions.iter().cloned()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.modified));
    versions
}

/// `past_lock`: the promise about this backup was kept, and the lifecycle may delete it object by object.
fn watch_finding(finding: &Finding, past_lock: bool, lock_days: u32, notices: &mut Notices) {
    let concern = match &finding.problem {
        Problem::DeleteMarker { days } if *days >= lock_days => return,
        Problem::Incomplete { .. } | Problem::SummaryDisagrees { .. } if past_lock => return,
        Problem::SecondVersion { .. } | Problem::LaterVersion { .. } => Concern::SecondVersion,
        Problem::DeleteMarker { .. } => Concern::DeleteMarker,
        Problem::Incomplete { .. } => Concern::Incomplete,
        Problem::TimeDisagrees { .. } => Concern::TimeDisagrees,
        Problem::UnreadableSummary { .. } | Problem::SummaryDisagrees { .. } => Concern::SummaryDisagrees,
        Problem::Unexpected | Problem::Stray => Concern::Unnamed,
    };
    notices.add(concern, finding.to_string());
}

/// A summary may say any snapshot, and so look younger than it is.
fn watch_times(backup: &Backup, notices: &mut Notices) {
    if let Some(stored) = backup.committed().filter(|_| backup.timely()) {
        let snapshot = backup.summary.snapshot;
        if snapshot > stored + Duration::seconds(MAX_SKEW) {
            let what = format!("backup {} says to be of {snapshot}, and was stored at {stored}", backup.id);
            notices.add(Concern::TimeDisagrees, what);
        }
    }
}

/// By folder, for a backup expires as a whole.
fn watch_expiry(
    versions: &[ObjectVersion],
    locks: &Locks,
    expiry: &Expiry,
    now: OffsetDateTime,
    notices: &mut Notices,
) {
    let now = now.unix_timestamp();
    let mut folders: BTreeMap<&str, u32> = BTreeMap::new();
    for (version, end) in versions.iter().zip(&locks.ends) {
        let Some(days) = expiry.days(&version.key) else { continue };
        // One that was locked for longer is to be kept for longer.
        let held = end.is_some_and(|end| end > now - 2 * DAY);
        if version.modified + i64::from(Expiry::overdue(days)) * DAY < now && !held {
            folders.insert(version.key.rsplit_once('/').map_or(&version.key, |(folder, _)| folder), days);
        }
    }
    for (folder, days) in folders {
        let what = format!(
            "{folder}: is still there, and the bucket deletes after {days} days. HINT: See whether the bucket's lifecycle rules are enabled."
        );
        notices.add(Concern::NotExpired, what);
    }
}

/// `None` if the role may not make the call, which is then told.
fn unless_denied<T>(result: Result<T, Error>, notices: &mut Notices) -> Result<Option<T>, Error> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if denied(&error) => {
            notices.add(Concern::NotRead, told(&error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn denied(error: &Error) -> bool {
    matches!(error, Error::Call { source, .. } if source.code() == "AccessDenied")
}

/// An error with its cause.
fn told(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn shown(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_else(|| "an impossible time".to_owned())
}
