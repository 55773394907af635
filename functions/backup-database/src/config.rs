//! The function's settings: the only place that reads its environment.

use anyhow::{Result, bail};
use lambda_host::{DatabaseSettings, KeySettings, Variables, VaultSettings};
use pg_dump::DumpOptions;
use pipeline::LockPolicy;

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) database: DatabaseSettings,
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    pub(crate) lock: LockPolicy,
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
        dump.allow_partial = flag(variables, "OFFSITE_ALLOW_PARTIAL")?.unwrap_or(false);
        let lock = if flag(variables, "OFFSITE_REQUIRE_LOCK")?.unwrap_or(true) {
            LockPolicy::Required { days: variables.parsed("OFFSITE_LOCK_DAYS")? }
        } else {
            LockPolicy::NotRequired
        };
        Ok(Self {
            database: DatabaseSettings::from_variables(variables)?,
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
            lock,
            dump,
            volume_bytes: variables.parsed("OFFSITE_VOLUME_BYTES")?,
        })
    }
}

fn flag(variables: &Variables, name: &str) -> Result<Option<bool>> {
    match variables.optional(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => bail!("the environment variable {name} is \"{other}\", neither true nor false"),
    }
}
