//! How the backups of each source stand: a database that is no longer backed up must not hide behind another that is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use time::serde::rfc3339;
use time::{Duration, OffsetDateTime};

use crate::backup::Backup;
use crate::environment::Kind;
use crate::id::BackupId;
use crate::list::Listing;

/// What is asked of the backups of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// From which on the newest backup of a source is too old.
    pub hours: u32,
    /// Days in which no backup can be deleted. A source that has been late for so long has hardly a backup left, and is no longer missed; `None`
    /// if that is not known, and then it is missed for ever.
    pub lock_days: Option<u32>,
    /// Names of sources that somebody said are not backed up any more.
    pub ended: &'a BTreeSet<String>,
}

impl Expected<'_> {
    /// How a source stands of which the newest backup shows that instant, and the last was stored at that.
    pub(crate) fn state(
        self,
        name: &str,
        newest: Option<OffsetDateTime>,
        last: Option<OffsetDateTime>,
        now: OffsetDateTime,
    ) -> State {
        let hours = Duration::hours(self.hours.into());
        if newest.is_some_and(|newest| now - newest <= hours) {
            return State::Fresh;
        }
        let missed = |days: u32| hours + Duration::days(days.into());
        let over = self.lock_days.zip(last).is_some_and(|(days, last)| now - last > missed(days));
        if over || self.says_ended(name) { State::Ended } else { State::Late }
    }

    /// Whether somebody said so of a source, by its name in ids.
    pub(crate) fn says_ended(&self, name: &str) -> bool {
        self.ended.iter().any(|source| BackupId::name_of(source) == name)
    }
}

/// What there is of one source, and how it kept to its schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// What the backups are of.
    pub kind: Kind,
    /// Of which database or bucket, by its name as far as an id can hold it; `None` stands for a kind of which there is no backup.
    pub source: Option<String>,
    /// Whether it is backed up as it should be.
    pub state: State,
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

/// Whether a source is backed up as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Its newest backup is young enough.
    Fresh,
    /// Its newest backup is too old.
    Late,
    /// Its newest backup is too old, and nobody misses another: somebody said so, or it has been late for longer than the lock keeps a backup.
    Ended,
    /// There is none.
    Missing,
}

/// The newest backup of a source.
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

/// The backups of one database or bucket.
pub(crate) struct OfSource<'a> {
    pub(crate) name: &'a str,
    /// Newest first; never empty.
    pub(crate) backups: Vec<&'a Backup>,
    /// Since when there is one, as S3 saw it.
    since: Option<OffsetDateTime>,
    /// When the last one came, as S3 saw it.
    last: Option<OffsetDateTime>,
}

impl<'a> OfSource<'a> {
    /// Those of a kind, the one that has been backed up the longest first: nobody can write what S3 saw earlier, so that whatever a stolen writer
    /// makes up comes behind what is backed up in earnest.
    pub(crate) fn each(listing: &'a Listing, kind: Kind) -> Vec<Self> {
        let mut sources = BTreeMap::<&str, Self>::new();
        for backup in listing.backups.iter().filter(|backup| backup.kind == kind) {
            let name = backup.id.name();
            let new = || Self { name, backups: Vec::new(), since: None, last: None };
            let source = sources.entry(name).or_insert_with(new);
            source.backups.push(backup);
            if let Some(committed) = backup.committed() {
                source.since = Some(source.since.map_or(committed, |since| since.min(committed)));
                source.last = source.last.max(Some(committed));
            }
        }
        let mut sources: Vec<Self> = sources.into_values().collect();
        sources.sort_by_key(|source| source.since);
        sources
    }

    fn standing(&self, kind: Kind, expected: Expected<'_>, now: OffsetDateTime) -> Standing {
        let mut standing = Standing {
            source: Some(self.name.to_owned()),
            backups: self.backups.len(),
            ..Standing::none(kind, expected)
        };
        let (mut newest, mut later) = (None, None);
        for backup in &self.backups {
            standing.stored_bytes = standing.stored_bytes.saturating_add(backup.summary.bytes);
            if !backup.timely() {
                continue;
            }
            let instant = backup.instant();
            if newest.is_none() {
                newest = Some(instant);
                standing.newest = Some(Newest {
                    backup: backup.id.to_string(),
                    snapshot: backup.summary.snapshot,
                    age_seconds: (now - instant).whole_seconds(),
                    warnings: backup.summary.warnings.clone(),
                });
            }
            if let Some(before) =
                later.filter(|later: &OffsetDateTime| *later - instant > Duration::hours(expected.hours.into()))
            {
                standing.gaps.push(Gap { after: instant, before });
            }
            later = Some(instant);
        }
        standing.state = expected.state(self.name, newest, self.last, now);
        standing
    }
}

impl Standing {
    /// Of each source of a kind, the one that has been backed up the longest first, and one at least. Where every source has ended, the kind is
    /// missed all the same: the one that ended last is late, or the kind is missing if somebody said of each that it has ended.
    pub fn of_each(listing: &Listing, kind: Kind, expected: Expected<'_>, now: OffsetDateTime) -> Vec<Self> {
        Self::of_sources(&OfSource::each(listing, kind), kind, expected, now)
    }

    /// As many as there are sources and in their order; or one more, before them.
    pub(crate) fn of_sources(
        sources: &[OfSource<'_>],
        kind: Kind,
        expected: Expected<'_>,
        now: OffsetDateTime,
    ) -> Vec<Self> {
        let mut standings: Vec<Self> = sources.iter().map(|source| source.standing(kind, expected, now)).collect();
        if standings.iter().all(|standing| standing.state == State::Ended) {
            let unsaid = sources.iter().zip(&mut standings);
            let unsaid = unsaid.filter(|(source, _)| !expected.says_ended(source.name));
            match unsaid.max_by_key(|(source, _)| source.last) {
                Some((_, last)) => last.state = State::Late,
                None => standings.insert(0, Self::none(kind, expected)),
            }
        }
        standings
    }

    fn none(kind: Kind, expected: Expected<'_>) -> Self {
        Self {
            kind,
            source: None,
            state: State::Missing,
            backups: 0,
            stored_bytes: 0,
            newest: None,
            limit_hours: expected.hours,
            gaps: Vec::new(),
        }
    }

    /// What it is of, for people: `database shop`, `files of bucket-1`.
    pub fn name(&self) -> String {
        match (self.kind, &self.source) {
            (Kind::Database, Some(source)) => format!("database {source}"),
            (Kind::Files, Some(source)) => format!("files of {source}"),
            (kind, None) => format!("kind {kind}"),
        }
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
