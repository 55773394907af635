//! What to restore, and to where.

use file_archive::Overwrite;
use serde::Deserialize;
use vault::BackupChoice;

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Event {
    Database(DatabaseEvent),
    Files(FilesEvent),
    OlderDatabase(OlderDatabaseEvent),
    OlderFiles(OlderFilesEvent),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatabaseEvent {
    /// Which backup.
    #[serde(flatten)]
    pub(crate) backup: BackupChoice,
    /// The name of the database; the source's if it is new and this is absent.
    #[serde(default)]
    pub(crate) into: Option<String>,
    /// What of the backup is restored, and as whose.
    #[serde(flatten)]
    pub(crate) choice: pg_restore::Choice,
    /// Begin, though it is expected to take longer than the function has.
    #[serde(default)]
    pub(crate) ignore_estimate: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesEvent {
    /// Which backup.
    #[serde(flatten)]
    pub(crate) backup: BackupChoice,
    /// The bucket that files are written to; the one that was backed up if absent.
    #[serde(default)]
    pub(crate) into: Option<String>,
    /// Keys to restore. With neither keys nor prefixes nor patterns: all.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// Beginnings of keys to restore.
    #[serde(default)]
    pub(crate) prefixes: Vec<String>,
    /// Patterns of keys to restore.
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
    /// What happens to files that are there already.
    #[serde(default)]
    pub(crate) overwrite: Overwrite,
    /// Only say what would be done.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Begin, though moving all files takes longer than the function has.
    #[serde(default)]
    pub(crate) ignore_estimate: bool,
}

/// A dump that an older tool left in a bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderDatabaseEvent {
    /// `s3://BUCKET/KEY`: of the vault, or of the bucket that the template's parameter names.
    pub(crate) file: String,
    /// The name of the new database.
    pub(crate) into: String,
}

/// Files that the older job left in a bucket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OlderFilesEvent {
    /// `s3://BUCKET/KEY`, as above; of several parts, any of them.
    pub(crate) file: String,
    /// The bucket that files are written to; the application's if absent.
    #[serde(default)]
    pub(crate) into: Option<String>,
    /// Keys to restore. With neither keys nor prefixes nor patterns: all.
    #[serde(default)]
    pub(crate) keys: Vec<String>,
    /// Beginnings of keys to restore.
    #[serde(default)]
    pub(crate) prefixes: Vec<String>,
    /// Patterns of keys to restore.
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
    /// What happens to files that are there already.
    #[serde(default)]
    pub(crate) overwrite: Overwrite,
    /// Only say what would be done.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pg_restore::Content;
    use serde_json::json;

    use super::*;

    fn database(event: serde_json::Value) -> Result<DatabaseEvent, serde_json::Error> {
        match serde_json::from_value(event)? {
            Event::Database(event) => Ok(event),
            _ => Err(serde::de::Error::custom("files")),
        }
    }

    #[test]
    fn event_says_what_of_a_backup_is_restored() {
        let event = database(json!({"kind": "database", "backup": "latest"})).unwrap();
        assert_eq!(event.choice.content, Content::All);
        let event = database(json!({
            "kind": "database", "backup": "latest", "into": "x", "content": "schema", "tables": ["a.*"],
            "no_owner": true, "no_privileges": true, "roles": {"old": "new"}, "create_roles": true,
            "existing": true, "on_conflict": "truncate",
        }))
        .unwrap();
        let choice = event.choice;
        assert_eq!((choice.content, choice.tables.len(), choice.roles.len()), (Content::Schema, 1, 1));
        assert!(choice.no_owner && choice.no_privileges && choice.create_roles && choice.existing);
        assert_eq!(choice.on_conflict, pg_restore::OnConflict::Truncate);
    }

    #[test]
    fn event_that_is_not_understood_is_refused_by_the_word() {
        for (field, value, said) in [
            ("intoo", json!("x"), "intoo"),
            ("content", json!("rows"), "rows"),
            ("tables", json!(["a.b.c.d"]), "a.b.c.d"),
        ] {
            let mut event = json!({"kind": "database", "backup": "latest"});
            event[field] = value;
            let error = database(event).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
