//! The record of a drill, by which the watch knows that somebody restored: `{environment}/drills/restore/{kind}/{id}.json`, and
//! `{environment}/drills/recovery/{id}.json` of one with the escrow's private key.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::connect::Vault;
use crate::environment::{Environment, Kind};
use crate::error::Error;
use crate::failure::FailedAct;
use crate::id::BackupId;
use crate::list::Key;
use crate::stored::StoredObject;

/// What was proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drill {
    /// Backups of a kind come back equal.
    Restore(Kind),
    /// The escrow's private key opens the newest backups.
    Recovery,
}

impl Drill {
    const ALL: [Self; 3] = [Self::Restore(Kind::Database), Self::Restore(Kind::Files), Self::Recovery];

    fn folder(self, environment: &Environment) -> String {
        match self {
            Self::Restore(kind) => format!("{environment}/drills/restore/{kind}/"),
            Self::Recovery => format!("{environment}/drills/recovery/"),
        }
    }

    /// The drill that a key is the record of, and the record's id.
    pub(crate) fn of(key: &str, environment: &Environment) -> Option<(Self, BackupId)> {
        Self::ALL.into_iter().find_map(|drill| {
            let name = key.strip_prefix(&drill.folder(environment))?.strip_suffix(".json")?;
            Some((drill, name.parse().ok()?))
        })
    }
}

/// When S3 stored the newest record of each drill, by the name in the record's id: a record's own word may be anything.
pub(crate) fn last(keys: &BTreeMap<String, Key>, environment: &Environment) -> BTreeMap<(Drill, String), i64> {
    let mut last = BTreeMap::new();
    for (key, of_key) in keys {
        let Some((drill, id)) = Drill::of(key, environment) else { continue };
        // The oldest version counts, as everywhere.
        let Some(stored) = of_key.versions.last() else { continue };
        let newest = last.entry((drill, id.name().to_owned())).or_insert(stored.modified);
        *newest = stored.modified.max(*newest);
    }
    last
}

impl Vault {
    /// Leaves the record of a drill that succeeded. `figures` may name no table, file or role: it is stored in the clear.
    ///
    /// It needs `s3:PutObject` in the drill's folder.
    ///
    /// # Errors
    /// [`Error::Call`], [`Error::Exists`], [`Error::Mismatch`].
    pub async fn record_drill(
        &self,
        drill: Drill,
        id: &BackupId,
        figures: &(impl Serialize + Sync),
    ) -> Result<StoredObject, Error> {
        let key = format!("{}{id}.json", drill.folder(self.environment()));
        let json = serde_json::to_vec_pretty(figures).map_err(|source| Error::Format { what: key.clone(), source })?;
        self.put(&key, json.into(), "application/json", FailedAct::reading).await
    }

    /// When each source of a kind was last restored by a drill, in seconds since 1970, by its name in ids.
    ///
    /// # Errors
    /// [`Error::Call`].
    pub async fn last_drills(&self, kind: Kind) -> Result<BTreeMap<String, i64>, Error> {
        let drill = Drill::Restore(kind);
        let keys = self.versions(&drill.folder(self.environment())).await?;
        let last = last(&keys, self.environment()).into_iter();
        Ok(last.filter(|((of, _), _)| *of == drill).map(|((_, name), stored)| (name, stored)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn record_is_known_by_its_place() {
        let environment: Environment = "production".parse().unwrap();
        let id = "20261122T121433Z-shop-00010203040506ab";
        let of = |place: &str| Drill::of(&place.replace("{id}", id), &environment).map(|(drill, _)| drill);
        assert_eq!(of("production/drills/restore/database/{id}.json"), Some(Drill::Restore(Kind::Database)));
        assert_eq!(of("production/drills/restore/files/{id}.json"), Some(Drill::Restore(Kind::Files)));
        assert_eq!(of("production/drills/recovery/{id}.json"), Some(Drill::Recovery));
        for other in [
            "production/drills/other/{id}.json",
            "production/drills/restore/{id}.json",
            "production/drills/restore/database/x.json",
            "production/drills/restore/database/x/{id}.json",
            "staging/drills/recovery/{id}.json",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
