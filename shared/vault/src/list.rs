//! What is in the vault, by versions: a delete marker or a second version is something to tell, and hides nothing.

mod assess;
mod finding;
mod versions;

use futures_util::{StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;

use crate::backup::Backup;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::layout;
pub(crate) use assess::{Assessed, Folder, MAX_SKEW};
pub use finding::{Finding, Problem};
pub(crate) use versions::Key;

/// Summaries that are fetched at once.
pub(crate) const FETCHES: usize = 16;

/// What is in the vault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing {
    /// Newest first.
    pub backups: Vec<Backup>,
    /// Everything odd, of these backups and of what is none.
    pub findings: Vec<Finding>,
}

/// Backups of one kind that one firing of the schedule made: usually one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot<'a> {
    /// What they are of.
    pub kind: Kind,
    /// When the schedule meant them to run.
    pub scheduled: Option<OffsetDateTime>,
    /// Newest first; never empty.
    pub backups: Vec<&'a Backup>,
}

impl Listing {
    /// The backups with those of the same source and scheduled time together, newest first. A schedule that fires twice
    /// makes two backups in one slot.
    pub fn slots(&self) -> Vec<Slot<'_>> {
        let mut slots: Vec<Slot<'_>> = Vec::new();
        for backup in &self.backups {
            let scheduled = backup.summary.scheduled;
            let same = |slot: &&mut Slot<'_>| {
                scheduled.is_some()
                    && (slot.kind, slot.scheduled) == (backup.kind, scheduled)
                    && slot.backups.iter().all(|other| other.id.name() == backup.id.name())
            };
            match slots.iter_mut().find(same) {
                Some(slot) => slot.backups.push(backup),
                None => slots.push(Slot { kind: backup.kind, scheduled, backups: vec![backup] }),
            }
        }
        slots
    }
}

impl Vault {
    /// Lists every backup of a kind, or of all.
    ///
    /// # Errors
    /// [`Error::Call`]. What is wrong with single backups is in [`Listing::findings`].
    pub async fn list(&self, kind: Option<Kind>) -> Result<Listing, Error> {
        let mut listing = Listing::default();
        for kind in Kind::ALL.into_iter().filter(|each| kind.is_none_or(|kind| kind == *each)) {
            let (folders, strays) = self.folders(kind, &layout::prefix(self.environment(), kind), None).await?;
            listing.findings.extend(strays);
            let assess = folders.into_iter().rev().map(|folder| self.assess(folder));
            let mut assessed = stream::iter(assess).buffered(FETCHES);
            while let Some(assessed) = assessed.try_next().await? {
                match assessed {
                    Assessed::Backup(backup) => {
                        listing.findings.extend(backup.findings.iter().cloned());
                        listing.backups.push(*backup);
                    }
                    Assessed::NotOne(findings) => listing.findings.extend(findings),
                }
            }
        }
        listing.backups.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(listing)
    }
}

#[cfg(test)]
mod tests;
