//! The function's settings: the only place that reads its environment.

use anyhow::Result;
use file_archive::ArchiveOptions;
use lambda_host::{BucketSettings, KeySettings, Variables, VaultSettings};

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) source: BucketSettings,
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    pub(crate) archive: ArchiveOptions,
}

impl Config {
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self> {
        let mut archive = ArchiveOptions {
            prefix: variables.optional("OFFSITE_FILES_PREFIX").map(str::to_owned),
            allow_partial: variables.flag("OFFSITE_ALLOW_PARTIAL")?.unwrap_or(false),
            ..ArchiveOptions::default()
        };
        if let Some(bytes) = variables.parsed("OFFSITE_VOLUME_BYTES")? {
            archive.volume_bytes = bytes;
        }
        Ok(Self {
            source: BucketSettings::from_variables(variables),
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
            archive,
        })
    }
}
