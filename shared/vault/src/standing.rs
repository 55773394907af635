use std::collections::BTreeMap;

use serde::Serialize;
use time::serde::rfc3339;
use time::{Duration, OffsetDateTime};

use crate::backup::Backup;
use crate::environment::Kind;
use crate::list::Listing;

/// What there is of one kind, and how it kept to its schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What the backups are of.
    pub kind: Kind,
    /// How many.
    pub backups: usize,
    /// Of all their volumes.
    pub stored_bytes: u64,
    /// `None` without any whose time can be believed.
    pub newest: Option<Newest>,
    /// Hours from which the newest is too old.
    pub limit_hours: u32,
    /// Longer pauses between two backups than that, the latest first.
    pub gaps: Vec<Gap>,
}

/// The newest backup of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// Its id.
    pub backup: String,
    /// The instant that it shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// Since then.
    pub age_seconds: i64,
    /// How often each warning was given, by its code.
    pub warnings: BTreeMap<String, u64>,
}

/// A time without a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The backup before it.
    #[serde(with = "rfc3339")]
    pub after: OffsetDateTime,
    /// The backup behind it.
    #[serde(with = "rfc3339")]
    pub before: OffsetDateTime,
}

impl Standing {
    /// Of the backups of a kind, of which the newest may be so many hours old.
    pub fn of(listing: &Listing, kind: Kind, limit_hours: u32, now: OffsetDateTime) -> Self {
        let mut standing = Self { kind, backups: 0, stored_bytes: 0, newest: None, limit_hours, gaps: Vec::new() };
        let mut later: Option<OffsetDateTime> = None;
        for backup in listing.backups.iter().filter(|backup| backup.kind == kind) {
            standing.backups += 1;
            standing.stored_bytes = standing.stored_bytes.saturating_add(backup.summary.bytes);
            if !backup.timely() {
                continue;
            }
            let instant = backup.instant();
            if standing.newest.is_none() {
                standing.newest = Some(Newest {
                    backup: backup.id.to_string(),
                    snapshot: backup.summary.snapshot,
                    age_seconds: (now - instant).whole_seconds(),
                    warnings: backup.summary.warnings.clone(),
                });
            }
            if let Some(before) = later.filter(|later| *later - instant > Duration::hours(limit_hours.into())) {
                standing.gaps.push(Gap { after: instant, before });
            }
            later = Some(instant);
        }
        standing
    }

    /// The newest backup is older than it may be.
    pub fn late(&self) -> bool {
        self.newest.as_ref().is_some_and(|newest| newest.age_seconds > i64::from(self.limit_hours) * 3600)
    }
}

impl Backup {
    /// The instant that it shows; never later than S3 saw its summary, for whoever writes a summary may say anything.
    pub(crate) fn instant(&self) -> OffsetDateTime {
        let snapshot = self.summary.snapshot;
        self.committed().map_or(snapshot, |stored| snapshot.min(stored))
    }

    /// When S3 stored the summary.
    pub(crate) fn committed(&self) -> Option<OffsetDateTime> {
        let summary = self.objects.get(crate::layout::SUMMARY)?;
        OffsetDateTime::from_unix_timestamp(summary.modified).ok()
    }
}
