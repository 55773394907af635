use std::collections::BTreeMap;

use serde::Serialize;

/// Of one concern, these many are told one by one: a report has to fit into a line of a log.
const NAMED: usize = 20;

/// What a notice is about, by a name that programs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Concern {
    /// There is no backup of a kind, or the newest of a source is too old.
    Late,
    /// Someone wrote a key again.
    SecondVersion,
    /// Someone deleted a key before its lock's end.
    DeleteMarker,
    /// A time that S3 contradicts.
    TimeDisagrees,
    /// No readable summary, or one that does not fit what is there.
    SummaryDisagrees,
    /// An object that no summary names.
    Unnamed,
    /// The vault's own lock is not what was promised.
    VaultLock,
    /// A version is not locked.
    NoLock,
    /// A version is locked in a mode that can be bypassed.
    WeakLock,
    /// A version is locked for a shorter time than promised.
    ShortLock,
    /// The newest backup of a source is much smaller or larger than those before it.
    SizeChanged,
    /// Many more bytes came in a day than usual.
    ManyBytes,
    /// What should be deleted by now is still there.
    NotExpired,
    /// Nothing deletes what has expired.
    NothingExpires,
    /// Something could not be looked at.
    NotRead,
    /// No restore drill for too long.
    DrillLate,
    /// The escrow's key was not tried for too long.
    RecoveryDrillLate,
    /// A run that is under way, or failed. Never wrong by itself.
    Incomplete,
    /// A pause that is over. Never wrong by itself.
    Gap,
    /// A source that is not backed up any more, and is no longer missed; or one that is, although somebody said that it is not. Never wrong by itself.
    Ended,
}

/// Concerns that one alarm tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Backups are missing.
    Late,
    /// Somebody meddled with the vault.
    Tampered,
    /// Something can be deleted too early.
    Unlocked,
    /// Sizes that ask for a look.
    Unusual,
    /// Something is kept too long.
    Overdue,
    /// The watch itself does not see all.
    Unread,
    /// A drill is due.
    Drills,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 7] =
        [Self::Late, Self::Tampered, Self::Unlocked, Self::Unusual, Self::Overdue, Self::Unread, Self::Drills];
}

impl Concern {
    /// Which alarm tells of it; `None` if it is only to be known.
    pub fn area(self) -> Option<Area> {
        Some(match self {
            Self::Late => Area::Late,
            Self::SecondVersion | Self::DeleteMarker | Self::TimeDisagrees | Self::SummaryDisagrees | Self::Unnamed => {
                Area::Tampered
            }
            Self::VaultLock | Self::NoLock | Self::WeakLock | Self::ShortLock => Area::Unlocked,
            Self::SizeChanged | Self::ManyBytes => Area::Unusual,
            Self::NotExpired | Self::NothingExpires => Area::Overdue,
            Self::NotRead => Area::Unread,
            Self::DrillLate | Self::RecoveryDrillLate => Area::Drills,
            Self::Incomplete | Self::Gap | Self::Ended => return None,
        })
    }
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// For programs.
    pub name: Concern,
    /// For people: which object, and what about it.
    pub what: String,
}

/// Notices as they come.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    counts: BTreeMap<Concern, u64>,
    notices: Vec<Notice>,
}

impl Notices {
    pub(crate) fn add(&mut self, name: Concern, what: impl Into<String>) {
        let count = self.counts.entry(name).or_default();
        *count += 1;
        if *count <= NAMED as u64 {
            self.notices.push(Notice { name, what: what.into() });
        }
    }

    pub(crate) fn counts(&self) -> &BTreeMap<Concern, u64> {
        &self.counts
    }

    /// What is wrong, and what is only to be known; each sorted by concern.
    pub(crate) fn told(mut self) -> (Vec<Notice>, Vec<Notice>) {
        for (name, count) in &self.counts {
            let unnamed = count.saturating_sub(NAMED as u64);
            if unnamed > 0 {
                self.notices.push(Notice { name: *name, what: format!("and {unnamed} more") });
            }
        }
        self.notices.sort_by_key(|notice| notice.name);
        self.notices.into_iter().partition(|notice| notice.name.area().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_of_each_concern_are_named() {
        let mut notices = Notices::default();
        for number in 0..25 {
            notices.add(Concern::Unnamed, format!("object {number}"));
        }
        notices.add(Concern::Gap, "a pause");
        notices.add(Concern::Late, "too old");
        assert_eq!(notices.counts()[&Concern::Unnamed], 25);
        let (wrong, notes) = notices.told();
        assert_eq!(wrong.len(), 22);
        assert_eq!((wrong[0].name, wrong[21].what.as_str()), (Concern::Late, "and 5 more"));
        assert_eq!(notes, [Notice { name: Concern::Gap, what: "a pause".to_owned() }]);
    }
}
