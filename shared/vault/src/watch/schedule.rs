//! Whether each source is backed up as often and as much as it should be.

use time::OffsetDateTime;

use super::notice::{Concern, Notices};
use super::sizes::Size;
use super::{Watch, shown};
use crate::environment::Kind;
use crate::list::Listing;
use crate::standing::{Expected, OfSource, Standing, State};

/// Of a kind, so many sources are in the report, and of each so many gaps: it has to fit into a line of a log, whatever a stolen writer makes up.
const SOURCES: usize = 50;
const GAPS: usize = 10;

pub(super) fn watch(
    listing: &Listing,
    kind: Kind,
    expected: Expected<'_>,
    now: OffsetDateTime,
    watch: &mut Watch,
    notices: &mut Notices,
) {
    let sources = OfSource::each(listing, kind);
    let standings = Standing::of_sources(&sources, kind, expected, now);
    let living = standings.iter().filter(|standing| standing.state != State::Ended);
    if let Some(oldest) = living.clone().filter_map(|standing| Some(standing.newest.as_ref()?.age_seconds)).max() {
        watch.oldest_seconds.insert(kind, oldest);
    }
    watch.source_counts.insert(kind, sources.len());
    for standing in &standings {
        watch_state(standing, expected, notices);
        for gap in &standing.gaps {
            let (after, before) = (shown(gap.after.unix_timestamp()), shown(gap.before.unix_timestamp()));
            notices.add(Concern::Gap, format!("no backup of {} from {after} to {before}", standing.name()));
        }
    }
    let of_sources = standings.iter().filter(|standing| standing.source.is_some());
    for (source, _) in sources.iter().zip(of_sources).filter(|(_, standing)| standing.state != State::Ended) {
        if let Some(size) = Size::of(source) {
            watch_size(&size, notices);
            let ratios = watch.size_ratios.entry(kind).or_default();
            if ratios.len() < SOURCES {
                ratios.insert(source.name.to_owned(), size.ratio());
            }
        }
    }
    watch.sources.extend(standings.into_iter().take(SOURCES).map(|mut standing| {
        standing.gaps.truncate(GAPS);
        standing
    }));
}

fn watch_state(standing: &Standing, expected: Expected<'_>, notices: &mut Notices) {
    let (name, limit) = (standing.name(), standing.limit_hours);
    let newest = standing.newest.as_ref().map(|newest| (newest.age_seconds / 3600, &newest.backup));
    match (standing.state, newest) {
        (State::Late, Some((hours, backup))) => notices.add(
            Concern::Late,
            format!("the newest backup of {name} is {hours} hours old, and {limit} are allowed: {backup}. HINT: See why no newer one came; if it is not to be backed up any more, give its name to the parameter EndedSources."),
        ),
        (State::Late, None) => {
            notices.add(Concern::Late, format!("no backup of {name} is of a time that can be believed"));
        }
        (State::Missing, _) if expected.ended.is_empty() => {
            notices.add(Concern::Late, format!("no backup of {name} is to be seen"));
        }
        (State::Missing, _) => notices.add(
            Concern::Late,
            format!("no backup of {name} is to be seen but of what is said to have ended. HINT: If none is backed up any more, set its hours to 0."),
        ),
        (State::Ended, Some((hours, backup))) => notices.add(
            Concern::Ended,
            format!("the newest backup of {name} is {hours} hours old, and is no longer missed: {backup}"),
        ),
        (State::Ended, None) => notices.add(Concern::Ended, format!("{name} is no longer missed")),
        (State::Fresh, Some((_, backup))) if standing.source.as_deref().is_some_and(|source| expected.says_ended(source)) => notices.add(
            Concern::Ended,
            format!("{name} is said to have ended, and is backed up: {backup}. HINT: Take it out of the parameter EndedSources, or nobody will miss it."),
        ),
        (State::Fresh, _) => {}
    }
}

fn watch_size(size: &Size<'_>, notices: &mut Notices) {
    if size.changed() {
        let (id, bytes) = (&size.newest.id, size.newest.summary.bytes);
        let what = format!(
            "backup {id} has {bytes} bytes, and {} are usual. HINT: See whether the source lost or gained as much.",
            size.usual
        );
        notices.add(Concern::SizeChanged, what);
    }
}
