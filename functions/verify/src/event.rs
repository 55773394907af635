//! What to look at.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use vault::{Kind, Selector};

#[derive(Debug, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Event {
    /// Versions, summaries and locks; nothing is decrypted.
    Watch {},
    /// One backup, decrypted and compared with what it says of itself.
    Check {
        kind: Kind,
        /// `latest`, `before T`, or a backup's id.
        #[serde(default = "latest")]
        backup: Selector,
        /// The database or bucket, where the environment has backups of several.
        #[serde(default)]
        source: Option<String>,
    },
    /// One backup, restored to see that it comes back.
    Drill(DrillEvent),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrillEvent {
    pub(crate) kind: Kind,
    /// `latest`, `before T`, or a backup's id.
    #[serde(default = "latest")]
    pub(crate) backup: Selector,
    /// The database or bucket; otherwise that of which a drill is longest ago.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// More that is asked of a restored database, by name; besides the template's.
    #[serde(default)]
    pub(crate) checks: BTreeMap<String, String>,
    /// Begin, though a database is expected to take longer than the function has.
    #[serde(default)]
    pub(crate) ignore_estimate: bool,
    /// Files that are restored at most.
    #[serde(default)]
    pub(crate) sample_files: Option<u64>,
    /// Their bytes at most.
    #[serde(default)]
    pub(crate) sample_bytes: Option<u64>,
    /// As an earlier drill reported it: the same files of the same backup.
    #[serde(default)]
    pub(crate) seed: Option<String>,
}

impl DrillEvent {
    /// What of the event says nothing about the kind.
    fn beside_the_kind(&self) -> Option<&'static str> {
        let files = [
            ("sample_files", self.sample_files.is_some()),
            ("sample_bytes", self.sample_bytes.is_some()),
            ("seed", self.seed.is_some()),
        ];
        let database = [("checks", !self.checks.is_empty()), ("ignore_estimate", self.ignore_estimate)];
        let others: &[_] = if self.kind == Kind::Database { &files } else { &database };
        others.iter().find(|(_, said)| *said).map(|(name, _)| *name)
    }

    /// What the sample of files follows from.
    ///
    /// # Errors
    /// If the event gives something else than 16 hexadecimal digits.
    pub(crate) fn seed(&self) -> Result<Option<u64>> {
        let Some(seed) = &self.seed else { return Ok(None) };
        let parsed = u64::from_str_radix(seed, 16);
        Ok(Some(parsed.with_context(|| format!("the event's `seed` is {seed:?}, and not 16 hexadecimal digits"))?))
    }
}

/// Reads an event, and refuses what it can't mean.
pub(crate) fn read(event: &Value) -> Result<Event> {
    let event = Event::deserialize(event).context("the event")?;
    if let Event::Drill(drill) = &event
        && let Some(name) = drill.beside_the_kind()
    {
        bail!("the event's `{name}` means nothing in a drill of kind {}", drill.kind);
    }
    Ok(event)
}

fn latest() -> Selector {
    Selector::Latest
}

/// By what name a run's metrics are kept.
pub(crate) fn name_of(event: &Value) -> &'static str {
    match Event::deserialize(event) {
        Ok(Event::Watch {}) => "watch",
        Ok(Event::Check { kind: Kind::Database, .. }) => "check-database",
        Ok(Event::Check { kind: Kind::Files, .. }) => "check-files",
        Ok(Event::Drill(DrillEvent { kind: Kind::Database, .. })) => "drill-database",
        Ok(Event::Drill(DrillEvent { kind: Kind::Files, .. })) => "drill-files",
        Err(_) => "verify",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn drill_is_told_only_what_fits_its_kind() {
        assert_eq!(name_of(&json!({"mode": "drill", "kind": "database"})), "drill-database");
        assert_eq!(name_of(&json!({"mode": "drill", "kind": "files", "seed": "00000000000000ff"})), "drill-files");
        for (event, said) in [
            (json!({"mode": "drill", "kind": "files", "checks": {"a": "SELECT true"}}), "checks"),
            (json!({"mode": "drill", "kind": "database", "seed": "1"}), "seed"),
        ] {
            let error = read(&event).unwrap_err().to_string();
            assert!(error.contains(&format!("`{said}` means nothing")), "{error}");
        }
        let Event::Drill(drill) = read(&json!({"mode": "drill", "kind": "files", "seed": "x"})).unwrap() else {
            panic!("no drill");
        };
        assert!(drill.seed().unwrap_err().to_string().contains("\"x\""));
    }

    #[test]
    fn event_that_is_not_understood_is_refused_by_the_word() {
        assert_eq!(name_of(&json!({"mode": "watch"})), "watch");
        assert_eq!(name_of(&json!({"mode": "check", "kind": "files"})), "check-files");
        for (event, said) in [
            (json!({"mode": "wach"}), "wach"),
            (json!({"mode": "watch", "backup": "latest"}), "backup"),
            (json!({"mode": "check", "kind": "tables"}), "tables"),
            (json!({"mode": "check"}), "kind"),
            (json!({"mode": "drill", "kind": "database", "into": "shop"}), "into"),
            (json!({}), "mode"),
        ] {
            let error = Event::deserialize(&event).unwrap_err().to_string();
            assert!(error.contains(said) && name_of(&event) == "verify", "{error}");
        }
    }
}
