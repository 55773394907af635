//! Which folders are backups, and what is odd about them.

use std::collections::BTreeMap;

use crate::backup::{Backup, ObjectVersion};
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::id::BackupId;
use crate::layout::{self, MANIFEST, SUMMARY};
use crate::list::versions::Key;
use crate::list::{Finding, Problem};
use crate::summary::Summary;

/// Between the id's time and S3's.
pub(crate) const MAX_SKEW: i64 = 2 * 60 * 60;
const DAY: i64 = 24 * 60 * 60;
/// A summary of more bytes is not read.
const MAX_SUMMARY: u64 = 16 << 20;

/// The objects under one id.
pub(crate) struct Folder {
    pub(crate) id: BackupId,
    pub(crate) kind: Kind,
    key: String,
    pub(crate) objects: BTreeMap<String, ObjectVersion>,
    findings: Vec<Finding>,
}

/// What a folder turned out to be.
pub(crate) enum Assessed {
    Backup(Box<Backup>),
    NotOne(Vec<Finding>),
}

impl Vault {
    /// All folders of a kind whose keys begin with `prefix`, oldest first, and the findings about keys that belong to none. Of the key that
    /// is `pinned` that version counts, and of all others the oldest.
    pub(crate) async fn folders(
        &self,
        kind: Kind,
        prefix: &str,
        pinned: Option<(&str, &str)>,
    ) -> Result<(Vec<Folder>, Vec<Finding>), Error> {
        self.sorted(kind, self.versions(prefix).await?, pinned)
    }

    /// Of keys of a kind: as [`Self::folders`].
    pub(crate) fn sorted(
        &self,
        kind: Kind,
        keys: BTreeMap<String, Key>,
        pinned: Option<(&str, &str)>,
    ) -> Result<(Vec<Folder>, Vec<Finding>), Error> {
        let environment = self.environment();
        let mut folders = BTreeMap::<BackupId, Folder>::new();
        let mut strays = Vec::new();
        for (key, mut all) in keys {
            let Some((id, object)) = layout::parse(environment, kind, &key) else {
                strays.push(Finding { key, problem: Problem::Stray });
                continue;
            };
            let folder = folders.entry(id.clone()).or_insert_with(|| Folder {
                key: layout::folder(environment, kind, &id),
                id,
                kind,
                objects: BTreeMap::new(),
                findings: Vec::new(),
            });
            let mut find = |problem| folder.findings.push(Finding { key: key.clone(), problem });
            if let Some(deleted) = all.delete_markers.iter().min() {
                let stored = all.versions.last().map_or(folder.id.start().unix_timestamp(), |oldest| oldest.modified);
                let days = u32::try_from((deleted - stored) / DAY).unwrap_or(0);
                find(Problem::DeleteMarker { days });
            }
            if all.versions.len() > 1 {
                find(Problem::SecondVersion { versions: all.versions.len() });
            }
            // The oldest is the last.
            let Some(mut oldest) = all.versions.pop() else { continue };
            if let Some((_, version)) = pinned.filter(|(pinned, _)| *pinned == key)
                && oldest.version.as_deref() != Some(version)
            {
                let Some(later) = all.versions.into_iter().find(|one| one.version.as_deref() == Some(version)) else {
                    return Err(self.not_found(kind, format!("version {version} of {key}"), Vec::new()));
                };
                find(Problem::LaterVersion { version: version.to_owned() });
                oldest = later;
            }
            if oldest.modified.abs_diff(folder.id.start().unix_timestamp()) > MAX_SKEW.unsigned_abs() {
                find(Problem::TimeDisagrees { modified: oldest.modified });
            }
            folder.objects.insert(object.to_owned(), oldest);
        }
        Ok((folders.into_values().collect(), strays))
    }

    /// Fetches the folder's summary and compares it with what is there.
    ///
    /// # Errors
    /// [`Error::Call`] if S3 fails; what S3 holds is never an error here.
    pub(crate) async fn assess(&self, folder: Folder) -> Result<Assessed, Error> {
        let Some(summary) = folder.objects.get(SUMMARY) else {
            let bytes = folder.objects.values().map(|object| object.bytes).fold(0, u64::saturating_add);
            let problem = Problem::Incomplete { objects: folder.objects.len(), bytes };
            return Ok(folder.not_one(problem));
        };
        if summary.bytes > MAX_SUMMARY {
            let why = format!("it has {} bytes", summary.bytes);
            return Ok(folder.not_one(Problem::UnreadableSummary { why }));
        }
        let reader = self.object(&summary.key, summary.version.as_deref(), summary.bytes);
        let json = reader.read_range(0..summary.bytes).await?;
        let summary = match Summary::parse(&json) {
            Ok(summary) => summary,
            Err(error) => {
                let why = match std::error::Error::source(&error) {
                    Some(source) => source.to_string(),
                    None => error.to_string(),
                };
                return Ok(folder.not_one(Problem::UnreadableSummary { why }));
            }
        };
        let environment = self.environment();
        if (&summary.backup, summary.kind, &summary.environment) != (&folder.id, folder.kind, environment) {
            let what = format!("it is of {} {} in {}", summary.kind, summary.backup, summary.environment);
            return Ok(folder.not_one(Problem::SummaryDisagrees { what }));
        }
        if let Some(what) = folder.lacks(&summary) {
            return Ok(folder.not_one(Problem::SummaryDisagrees { what }));
        }
        Ok(folder.backup(summary))
    }
}

impl Folder {
    /// What the summary names and is not there, or not in that length.
    fn lacks(&self, summary: &Summary) -> Option<String> {
        if !self.objects.contains_key(MANIFEST) {
            return Some(format!("{MANIFEST} is missing"));
        }
        if summary.volumes.is_empty() {
            return Some("it names no volume".to_owned());
        }
        summary.volumes.iter().find_map(|volume| match self.objects.get(&volume.name) {
            None => Some(format!("{} is missing", volume.name)),
            Some(object) if object.bytes != volume.bytes => {
                Some(format!("{} has {} bytes, and {} in the summary", volume.name, object.bytes, volume.bytes))
            }
            Some(_) => None,
        })
    }

    fn not_one(mut self, problem: Problem) -> Assessed {
        let key = if matches!(problem, Problem::Incomplete { .. }) { self.key } else { self.key + SUMMARY };
        self.findings.push(Finding { key, problem });
        Assessed::NotOne(self.findings)
    }

    fn backup(mut self, summary: Summary) -> Assessed {
        for (name, object) in &self.objects {
            let named = summary.volumes.iter().any(|volume| volume.name == *name);
            if !named && name != MANIFEST && name != SUMMARY {
                self.findings.push(Finding { key: object.key.clone(), problem: Problem::Unexpected });
            }
        }
        let Self { id, kind, objects, findings, .. } = self;
        Assessed::Backup(Box::new(Backup { id, kind, summary, objects, findings }))
    }
}
