//! From what was asked for to one backup. What could be meant otherwise is told, and nobody guesses.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::backup::Backup;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::{Candidate, Error};
use crate::id::BackupId;
use crate::layout;
use crate::list::{Assessed, Finding, Folder};
use crate::selector::{BackupChoice, ObjectKey, Selector};
use crate::standing::{Expected, State};

/// Both by the source's name as it stands in ids.
#[derive(Default)]
struct Newest {
    found: BTreeMap<String, Backup>,
    /// What is newer than that, and no backup that could be meant.
    passed_over: BTreeMap<String, Vec<Finding>>,
}

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

    /// Names of the sources of a kind, as they stand in ids, that are backed up or missed, the one that has been backed up the longest first.
    /// Where all have ended, it is the last of them.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn sources(&self, kind: Kind, expected: Expected<'_>, now: OffsetDateTime) -> Result<Vec<String>, Error> {
        let (folders, _) = self.folders(kind, &layout::prefix(self.environment(), kind), None).await?;
        let mut since = BTreeMap::<String, i64>::new();
        for folder in &folders {
            // By S3's clock, which nobody sets back.
            let stored = folder.objects.values().map(|object| object.modified).min();
            let since = since.entry(folder.id.name().to_owned()).or_insert(i64::MAX);
            *since = stored.unwrap_or(i64::MAX).min(*since);
        }
        let Newest { found, .. } = self.newest_of_each(folders, &Selector::Latest.into(), None).await?;
        let state = |backup: &Backup| expected.state(backup.id.name(), Some(backup.instant()), backup.committed(), now);
        let mut named: Vec<&Backup> = found.values().filter(|backup| state(backup) != State::Ended).collect();
        if named.is_empty() {
            named.extend(found.values().max_by_key(|backup| &backup.id));
        }
        named.sort_by_key(|backup| since.get(backup.id.name()));
        Ok(named.into_iter().map(|backup| backup.id.name().to_owned()).collect())
    }

    async fn newest(&self, kind: Kind, choice: &BackupChoice, until: Option<OffsetDateTime>) -> Result<Backup, Error> {
        if let Some(version) = &choice.version_id {
            return Err(Error::VersionOfNothing(version.clone()));
        }
        let (folders, _) = self.folders(kind, &layout::prefix(self.environment(), kind), None).await?;
        let Newest { found, passed_over } = self.newest_of_each(folders, choice, until).await?;
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

    async fn newest_of_each(
        &self,
        folders: Vec<Folder>,
        choice: &BackupChoice,
        until: Option<OffsetDateTime>,
    ) -> Result<Newest, Error> {
        let mut newest = Newest::default();
        for folder in folders.into_iter().rev() {
            let name = folder.id.name().to_owned();
            let too_late = until.is_some_and(|until| folder.id.start() > until);
            if too_late || !choice.means(&folder.id) || newest.found.contains_key(&name) {
                continue;
            }
            let passed_over = newest.passed_over.entry(name.clone()).or_default();
            match self.assess(folder).await? {
                Assessed::NotOne(findings) => passed_over.extend(findings),
                Assessed::Backup(mut backup) => {
                    if !backup.timely() || until.is_some_and(|until| backup.summary.snapshot > until) {
                        passed_over.extend(backup.findings);
                        continue;
                    }
                    // Newer ones that could not be meant: whoever restores must know that this isn't the last.
                    backup.findings.append(passed_over);
                    newest.found.insert(name, *backup);
                }
            }
        }
        Ok(newest)
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
