//! The function's settings: the only place that reads its environment.

use anyhow::{Result, bail};
use lambda_host::{BucketSettings, DatabaseSettings, KeySettings, Variables, VaultSettings};

/// What the template's parameters say.
pub(crate) struct Config {
    database: Option<DatabaseSettings>,
    pub(crate) files: BucketSettings,
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    /// The secret with passwords of the older tools' files.
    pub(crate) older_passwords: Option<String>,
}

impl Config {
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self> {
        Ok(Self {
            database: DatabaseSettings::are_there(variables)
                .then(|| DatabaseSettings::from_variables(variables))
                .transpose()?,
            files: BucketSettings::from_variables(variables),
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
            older_passwords: variables.optional("OFFSITE_OLDER_PASSWORDS_SECRET").map(str::to_owned),
        })
    }

    /// The server that a database is restored on.
    ///
    /// # Errors
    /// If the stack has none.
    pub(crate) fn database(&self) -> Result<&DatabaseSettings> {
        match &self.database {
            Some(database) => Ok(database),
            None => bail!(
                "the environment variable OFFSITE_DATABASE_SECRET is not set. HINT: The template sets it from its parameters."
            ),
        }
    }
}
