//! Whether somebody has proven lately that backups come back.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::notice::Notices;
use super::{Concern, Promise};
use crate::drill::Drill;

/// When S3 stored the newest record of such drills.
pub(super) fn newest(drilled: &BTreeMap<(Drill, String), i64>, of: impl Fn(Drill) -> bool) -> Option<OffsetDateTime> {
    let newest = drilled.iter().filter(|((drill, _), _)| of(*drill)).map(|(_, stored)| *stored).max()?;
    OffsetDateTime::from_unix_timestamp(newest).ok()
}

/// Each kind that is backed up has drills of its own: files that came back say nothing of a database.
pub(super) fn watch(
    drilled: &BTreeMap<(Drill, String), i64>,
    promise: &Promise,
    now: OffsetDateTime,
    notices: &mut Notices,
) {
    let restores = promise.hours.keys().map(|kind| {
        (Drill::Restore(*kind), Concern::DrillLate, format!("restore drill of kind {kind}"), promise.drill_days)
    });
    let what = "drill with the escrow's private key".to_owned();
    let recovery = (Drill::Recovery, Concern::RecoveryDrillLate, what, promise.recovery_drill_days);
    for (drill, concern, what, days) in restores.chain([recovery]) {
        let Some(days) = days else { continue };
        match newest(drilled, |of| of == drill).map(|last| (now - last).whole_days()) {
            None => notices.add(concern, format!("there never was a {what}")),
            Some(ago) if ago > i64::from(days) => {
                notices.add(concern, format!("the last {what} was {ago} days ago, and {days} are allowed"));
            }
            Some(_) => {}
        }
    }
}
