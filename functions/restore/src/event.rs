//! What to restore, and to where.

use file_archive::Overwrite;
use serde::Deserialize;

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
    /// `latest`, `before T`, or a backup's id.
    pub(crate) backup: String,
    /// The name of the new database; the source's if absent.
    #[serde(default)]
    pub(crate) into: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FilesEvent {
    /// `latest`, `before T`, or a backup's id.
    pub(crate) backup: String,
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
