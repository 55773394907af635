//! From what was asked for to one backup. What could be meant otherwise is told, and nobody guesses.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::backup::Backup;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::{Candidate, Error};
use crate::id::BackupId;
use crate::layout;
use crate::list::{Assessed, Finding};
use crate::selector::{BackupChoice, ObjectKey, Selector};

impl Vault {
    /// The backup that is meant. `latest` and `before` pass over what is incomplete, contradicts itself or has a wrong time.
    ///
    /// # Errors
    /// [`Error::NotFound`] with what was passed over; [`Error::Ambiguous`] if backups of several sources could be meant;
    /// [`Error::OtherKind`], [`Error::Elsewhere`], [`Error::VersionOfNothing`]; [`Error::Call`].
    pub async fn find(&self, kind: Kind, choice: &BackupChoice) -> Result<Backup, Error> {
        match &choice.backup {
            Selector::Latest => self.newest(kind, choice, None).await,
            Selector::Before(time) => self.newest(kind, choice, Some(*time)).await,
            Selector::Id(id) => {
                if let Some(version) = &choice.version_id {
                    return Err(Error::VersionOfNothing(version.clone()));
                }
                self.of_id(kind, id, None).await
            }
            Selector::Object(key) => self.of_object(kind, key, choice.version_id.as_deref()).await,
        }
    }

    async fn newest(&self, kind: Kind, choice: &BackupChoice, until: Option<OffsetDateTime>) -> Result<Backup, Error> {
        if let Some(version) = &choice.version_id {
            return Err(Error::VersionOfNothing(version.clone()));
        }
        let (folders, _) = self.folders(kind, &layout::prefix(self.environment(), kind), None).await?;
        // By the source's name as it stands in ids.
        let mut found = BTreeMap::<String, Backup>::new();
        let mut passed_over = BTreeMap::<String, Vec<Finding>>::new();
        for folder in folders.into_iter().rev() {
            let name = folder.id.name().to_owned();
            let too_late = until.is_some_and(|until| folder.id.start() > until);
            if too_late || !choice.means(&folder.id) || found.contains_key(&name) {
                continue;
            }
            let passed_over = passed_over.entry(name.clone()).or_default();
            match self.assess(folder).await? {
                Assessed::NotOne(findings) => passed_over.extend(findings),
                Assessed::Backup(mut backup) => {
                    if !backup.timely() || until.is_some_and(|until| backup.summary.snapshot > until) {
                        passed_over.extend(backup.findings);
                        continue;
                    }
                    // Newer ones that could not be meant: whoever restores must know that this isn't the last.
                    backup.findings.append(passed_over);
                    found.insert(name, *backup);
                }
            }
        }
        let what = || match until {
            None => "backup".to_owned(),
            Some(time) => format!("backup before {time}"),
        };
        if found.len() > 1 {
            let now = OffsetDateTime::now_utc();
            let mut candidates: Vec<_> = found.into_values().map(|backup| Candidate::of(&backup, now)).collect();
            candidates.sort_by(|one, other| other.backup.cmp(&one.backup));
            return Err(Error::Ambiguous { place: self.describe(kind), candidates });
        }
        found.into_values().next().ok_or_else(|| {
            let what = match &choice.source {
                None => what(),
                Some(source) => format!("{} of {source:?}", what()),
            };
            self.not_found(kind, what, passed_over.into_values().flatten().collect())
        })
    }

    /// `pinned` is a key of the backup, and the version of it that counts.
    async fn of_id(&self, kind: Kind, id: &BackupId, pinned: Option<(&str, &str)>) -> Result<Backup, Error> {
        let place = layout::folder(self.environment(), kind, id);
        let (folders, strays) = self.folders(kind, &place, pinned).await?;
        let missing = |findings| self.not_found(kind, format!("backup {id}"), findings);
        let Some(folder) = folders.into_iter().next() else {
            for other in Kind::ALL.into_iter().filter(|other| *other != kind) {
                let place = layout::folder(self.environment(), other, id);
                if !self.versions(&place).await?.is_empty() {
                    return Err(Error::OtherKind { backup: id.to_string(), is: other });
                }
            }
            return Err(missing(strays));
        };
        match self.assess(folder).await? {
            Assessed::Backup(backup) => Ok(*backup),
            Assessed::NotOne(findings) => Err(missing(findings)),
        }
    }

    async fn of_object(&self, kind: Kind, key: &ObjectKey, version: Option<&str>) -> Result<Backup, Error> {
        let elsewhere = |is: String, asked: String| Err(Error::Elsewhere { key: key.key.clone(), is, asked });
        if let Some(bucket) = key.bucket.as_ref().filter(|bucket| *bucket != self.bucket()) {
            return elsewhere(format!("in bucket {bucket}"), format!("the vault is {}", self.bucket()));
        }
        if key.environment != *self.environment() {
            let asked = format!("backups of {} are asked for", self.environment());
            return elsewhere(format!("of environment {}", key.environment), asked);
        }
        if key.kind != kind {
            return Err(Error::OtherKind { backup: key.id.to_string(), is: key.kind });
        }
        let pinned = match (version, key.object()) {
            (None, _) => None,
            (Some(version), Some(_)) => Some((key.key.as_str(), version)),
            (Some(version), None) => return Err(Error::VersionOfNothing(version.to_owned())),
        };
        let backup = self.of_id(kind, &key.id, pinned).await?;
        match key.object().filter(|object| !backup.objects.contains_key(*object)) {
            None => Ok(backup),
            Some(object) => Err(self.not_found(kind, format!("{object} in backup {}", key.id), backup.findings)),
        }
    }
}
