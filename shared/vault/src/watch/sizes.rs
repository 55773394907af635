//! Sizes that differ from what is usual: a table that is gone, a stolen writer's filler.

use time::OffsetDateTime;

use crate::backup::{Backup, ObjectVersion};
use crate::standing::OfSource;

/// Backups before the newest that it is compared with.
const COMPARED: usize = 10;
/// Fewer say nothing about what is usual.
const FEWEST: usize = 3;
/// Parts of the usual size.
const SMALLEST: f64 = 0.5;
const LARGEST: f64 = 3.0;
/// Days that are compared with the last one.
const DAYS: usize = 30;
const DAY: i64 = 24 * 60 * 60;
/// Bytes in a day that cost too little to wake anybody.
const TRIFLE: u64 = 64 << 20;

/// The newest backup of a source beside those before it.
pub(super) struct Size<'a> {
    pub(super) newest: &'a Backup,
    pub(super) usual: u64,
}

impl<'a> Size<'a> {
    /// `None` if there are too few to compare with.
    pub(super) fn of(source: &OfSource<'a>) -> Option<Self> {
        let mut timely = source.backups.iter().copied().filter(|backup| backup.timely());
        let newest = timely.next()?;
        let usual = median(timely.take(COMPARED).map(|backup| backup.summary.bytes).collect())?;
        Some(Self { newest, usual })
    }

    /// The newest one's size as a part of the usual.
    pub(super) fn ratio(&self) -> f64 {
        self.newest.summary.bytes as f64 / self.usual.max(1) as f64
    }

    pub(super) fn changed(&self) -> bool {
        !(SMALLEST..=LARGEST).contains(&self.ratio())
    }
}

/// The bytes that came in the last 24 hours, and in such a time usually.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Daily {
    pub(super) last: u64,
    /// `None` before there are enough days.
    pub(super) usual: Option<u64>,
}

impl Daily {
    pub(super) fn of<'a>(versions: impl Iterator<Item = &'a ObjectVersion>, now: OffsetDateTime) -> Self {
        let mut days = [0u64; DAYS + 1];
        for version in versions {
            // What S3 stored after this clock's now came today.
            let ago = ((now.unix_timestamp() - version.modified) / DAY).max(0);
            if let Some(day) = usize::try_from(ago).ok().and_then(|ago| days.get_mut(ago)) {
                *day = day.saturating_add(version.bytes);
            }
        }
        // A day without a backup is not what is usual where one is made every week.
        let before: Vec<u64> = days[1..].iter().copied().filter(|bytes| *bytes > 0).collect();
        Self { last: days[0], usual: median(before) }
    }

    pub(super) fn many(&self) -> bool {
        self.usual.is_some_and(|usual| {
            self.last > usual.saturating_mul(LARGEST as u64) && self.last.saturating_sub(usual) > TRIFLE
        })
    }
}

/// `None` of too few.
fn median(mut values: Vec<u64>) -> Option<u64> {
    if values.len() < FEWEST {
        return None;
    }
    values.sort_unstable();
    Some(values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

    fn version(hours_ago: i64, mib: u64) -> ObjectVersion {
        let modified = (NOW - Duration::hours(hours_ago)).unix_timestamp();
        ObjectVersion { key: "k".to_owned(), version: None, bytes: mib << 20, modified }
    }

    #[test]
    fn bytes_of_the_last_day_are_compared_with_the_median_of_the_days_before() {
        let usual = [version(30, 100), version(50, 90), version(80, 5000), version(170, 110)];
        let day = |more: &[ObjectVersion]| Daily::of(usual.iter().chain(more), NOW);
        assert_eq!(day(&[]), Daily { last: 0, usual: Some(110 << 20) });
        assert!(!day(&[version(1, 330)]).many());
        assert!(day(&[version(1, 330), version(-1, 1)]).many());
        assert_eq!(day(&[version(24 * 31, 1)]).usual, Some(110 << 20));
    }

    #[test]
    fn trifles_and_a_vault_of_few_days_are_not_unusual() {
        let trifles = [version(30, 1), version(50, 1), version(80, 1), version(1, 60)];
        assert!(!Daily::of(trifles.iter(), NOW).many());
        let young = [version(30, 1), version(50, 1), version(1, 6000)];
        assert_eq!(Daily::of(young.iter(), NOW), Daily { last: 6000 << 20, usual: None });
    }
}
