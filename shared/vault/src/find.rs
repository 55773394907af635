use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::backup::Backup;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::id::BackupId;
use crate::list::{Assessed, Finding};

/// Which backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The newest.
    Latest,
    /// The newest whose snapshot is not after this instant.
    Before(OffsetDateTime),
    /// This one.
    Id(BackupId),
}

impl FromStr for Selector {
    type Err = Error;

    /// `latest`, `before 2026-11-22T12:00:00Z` (any RFC 3339 time), or an id.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let selector = match text.strip_prefix("before ") {
            Some(time) => OffsetDateTime::parse(time.trim(), &Rfc3339).ok().map(Self::Before),
            None => text.parse().ok().map(Self::Id),
        };
        selector.ok_or_else(|| Error::Selector(text.to_owned()))
    }
}

impl Vault {
    /// The backup that is meant. `latest` and `before` pass over what is incomplete, contradicts itself or has a wrong time.
    ///
    /// # Errors
    /// [`Error::NotFound`] with what was passed over; [`Error::Call`].
    pub async fn find(&self, kind: Kind, selector: &Selector) -> Result<Backup, Error> {
        let (folders, _) = self.folders(kind).await?;
        let mut passed_over: Vec<Finding> = Vec::new();
        for folder in folders.into_iter().rev() {
            let candidate = match selector {
                Selector::Latest => true,
                Selector::Before(time) => folder.id.start() <= *time,
                Selector::Id(id) => folder.id == *id,
            };
            if !candidate {
                continue;
            }
            match self.assess(folder).await? {
                Assessed::NotOne(findings) => passed_over.extend(findings),
                Assessed::Backup(mut backup) => {
                    let meant = match selector {
                        Selector::Latest => backup.timely(),
                        Selector::Before(time) => backup.timely() && backup.summary.snapshot <= *time,
                        Selector::Id(_) => true,
                    };
                    if meant {
                        // Newer ones that could not be meant: whoever restores must know that this isn't the last.
                        backup.findings.extend(passed_over);
                        return Ok(*backup);
                    }
                    passed_over.extend(backup.findings);
                }
            }
        }
        let what = match selector {
            Selector::Latest => "backup".to_owned(),
            Selector::Before(time) => format!("backup before {time}"),
            Selector::Id(id) => format!("backup {id}"),
        };
        Err(self.not_found(kind, what, passed_over))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use time::macros::datetime;

    #[test]
    fn selector_reads_latest_before_and_ids() {
        assert_eq!("latest".parse::<Selector>().unwrap(), Selector::Latest);
        let before = Selector::Before(datetime!(2026-11-22 12:00 UTC));
        assert_eq!("before 2026-11-22T12:00:00Z".parse::<Selector>().unwrap(), before);
        assert_eq!("before 2026-11-22T13:00:00+01:00".parse::<Selector>().unwrap(), before);
        let id = "20261122T121433Z-shop-00010203040506ab";
        assert_eq!(id.parse::<Selector>().unwrap(), Selector::Id(id.parse().unwrap()));
        for bad in ["", "Latest", "before", "before yesterday", "2026-11-22"] {
            assert!(bad.parse::<Selector>().unwrap_err().to_string().contains("HINT"), "{bad}");
        }
    }
}
