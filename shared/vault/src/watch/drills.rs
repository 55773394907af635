//! When somebody last proved that a backup comes back: by what a drill leaves at `{environment}/drills/{kind}/{id}.json`.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use crate::environment::Environment;
use crate::id::BackupId;
use crate::list::Key;

/// Of a restore whose rows were compared.
pub(super) const RESTORE: &str = "restore";
/// Of the escrow's private key.
pub(super) const RECOVERY: &str = "recovery";

/// `{environment}/drills/`
pub(super) fn prefix(environment: &Environment) -> String {
    format!("{environment}/drills/")
}

/// When S3 stored the newest record of a kind of drill: its own word may be anything.
pub(super) fn last(keys: &BTreeMap<String, Key>, environment: &Environment, kind: &str) -> Option<OffsetDateTime> {
    let stored = keys.iter().filter(|(key, _)| record(key, environment) == Some(kind));
    let newest = stored.filter_map(|(_, key)| key.versions.last()).map(|record| record.modified).max()?;
    OffsetDateTime::from_unix_timestamp(newest).ok()
}

/// The kind of drill that a key is the record of.
pub(super) fn record<'a>(key: &'a str, environment: &Environment) -> Option<&'a str> {
    let (kind, name) = key.strip_prefix(&prefix(environment))?.split_once('/')?;
    name.strip_suffix(".json")?.parse::<BackupId>().ok()?;
    [RESTORE, RECOVERY].contains(&kind).then_some(kind)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn record_is_known_by_its_place() {
        let environment: Environment = "production".parse().unwrap();
        let id = "20261122T121433Z-shop-00010203040506ab";
        let record = |key: String| record(&key, &environment).map(str::to_owned);
        assert_eq!(record(format!("production/drills/restore/{id}.json")).as_deref(), Some("restore"));
        assert_eq!(record(format!("production/drills/recovery/{id}.json")).as_deref(), Some("recovery"));
        for other in [
            "production/drills/other/{id}.json",
            "production/drills/restore/x.json",
            "staging/drills/restore/{id}.json",
        ] {
            assert_eq!(record(other.replace("{id}", id)), None, "{other}");
        }
    }
}
