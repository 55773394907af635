//! The function's settings: the only place that reads its environment.

use anyhow::Result;
use lambda_host::{DatabaseSettings, KeySettings, Variables, VaultSettings};

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) database: DatabaseSettings,
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
}

impl Config {
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self> {
        Ok(Self {
            database: DatabaseSettings::from_variables(variables)?,
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
        })
    }
}
