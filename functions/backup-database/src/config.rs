//! The function's settings: the only place that reads its environment.

use anyhow::Result;
use lambda_host::{DatabaseSettings, KeySettings, Variables, VaultSettings};
use pg_dump::DumpOptions;

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) database: DatabaseSettings,
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    pub(crate) dump: DumpOptions,
    /// Bytes of plaintext after which a volume closes; for tests.
    pub(crate) volume_bytes: Option<u64>,
}

impl Config {
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self> {
        let mut dump = DumpOptions::default();
        if let Some(connections) = variables.parsed("OFFSITE_CONNECTIONS")? {
            dump.connections = connections;
        }
        if let Some(bytes) = variables.parsed("OFFSITE_MAX_ROW_BYTES")? {
            dump.max_row = bytes;
        }
        dump.allow_partial = variables.flag("OFFSITE_ALLOW_PARTIAL")?.unwrap_or(false);
        Ok(Self {
            database: DatabaseSettings::from_variables(variables)?,
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
            dump,
            volume_bytes: variables.parsed("OFFSITE_VOLUME_BYTES")?,
        })
    }
}
