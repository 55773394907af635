//! What to look at.

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
        Err(_) => "verify",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn event_that_is_not_understood_is_refused_by_the_word() {
        assert_eq!(name_of(&json!({"mode": "watch"})), "watch");
        assert_eq!(name_of(&json!({"mode": "check", "kind": "files"})), "check-files");
        for (event, said) in [
            (json!({"mode": "wach"}), "wach"),
            (json!({"mode": "watch", "backup": "latest"}), "backup"),
            (json!({"mode": "check", "kind": "tables"}), "tables"),
            (json!({"mode": "check"}), "kind"),
            (json!({}), "mode"),
        ] {
            let error = Event::deserialize(&event).unwrap_err().to_string();
            assert!(error.contains(said) && name_of(&event) == "verify", "{error}");
        }
    }
}
