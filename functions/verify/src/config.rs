//! The function's settings: the only place that reads its environment.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use lambda_host::{DatabaseSettings, KeySettings, Variables, VaultSettings};
use vault::{Kind, Promise};

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    pub(crate) promise: Promise,
    /// Stored bytes of a backup that are checked at once; those of a larger one on the days after.
    pub(crate) check_bytes: u64,
    /// The server of the drills.
    database: Option<DatabaseSettings>,
    /// Whether it may have a database of the source's name.
    pub(crate) drill_on_source_server: bool,
    /// What drills ask of a restored database: statements by their names.
    pub(crate) drill_checks: BTreeMap<String, String>,
    /// How long an answer may take.
    pub(crate) drill_check_timeout: Option<Duration>,
}

/// As the template's parameter CheckGiB.
const CHECK_GIB: u64 = 8;

impl Config {
    pub(crate) fn from_variables(variables: &Variables) -> Result<Self> {
        let hours = [(Kind::Database, "OFFSITE_DATABASE_HOURS"), (Kind::Files, "OFFSITE_FILES_HOURS")];
        let mut limits = BTreeMap::new();
        for (kind, name) in hours {
            // 0 says that there are none of the kind.
            if let Some(hours) = variables.parsed(name)?.filter(|hours| *hours > 0) {
                limits.insert(kind, hours);
            }
        }
        let checks =
            variables.optional("OFFSITE_DRILL_CHECKS").map(serde_json::from_str).transpose().context(
                "the environment variable OFFSITE_DRILL_CHECKS is no JSON map of names to statements of SQL",
            )?;
        let days = |name| anyhow::Ok(variables.parsed(name)?.filter(|days| *days > 0));
        let lock_days = variables.parsed("OFFSITE_LOCK_DAYS")?;
        let ended = variables.optional("OFFSITE_ENDED_SOURCES").unwrap_or_default();
        Ok(Self {
            vault: VaultSettings::from_variables(variables)?,
            keys: KeySettings::from_variables(variables)?,
            check_bytes: variables.parsed("OFFSITE_CHECK_GIB")?.unwrap_or(CHECK_GIB).saturating_mul(1 << 30),
            promise: Promise {
                hours: limits,
                ended: ended.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                lock_days: lock_days.context(
                    "the environment variable OFFSITE_LOCK_DAYS is not set. HINT: The template sets it from its parameters.",
                )?,
                // 0 says that none is asked for.
                drill_days: days("OFFSITE_DRILL_DAYS")?,
                recovery_drill_days: days("OFFSITE_RECOVERY_DRILL_DAYS")?,
            },
            database: DatabaseSettings::are_there(variables)
                .then(|| DatabaseSettings::from_variables(variables))
                .transpose()?,
            drill_on_source_server: variables.flag("OFFSITE_DRILL_ON_SOURCE_SERVER")?.unwrap_or(false),
            drill_checks: checks.unwrap_or_default(),
            drill_check_timeout: variables.parsed("OFFSITE_DRILL_CHECK_SECONDS")?.map(Duration::from_secs),
        })
    }

    /// The server that a database is drilled on.
    ///
    /// # Errors
    /// If the stack has none.
    pub(crate) fn database(&self) -> Result<&DatabaseSettings> {
        self.database.as_ref().context(
            "no server is configured on which a database could be restored. HINT: Give the stack of the watch the parameter DrillDatabaseSecret.",
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(more: &[(&str, &str)]) -> Result<Config> {
        let usual = [("OFFSITE_ENVIRONMENT", "production"), ("OFFSITE_VAULT_BUCKET", "vault")];
        let variables = usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_variables(&variables.collect())
    }

    #[test]
    fn kinds_that_are_not_backed_up_are_not_missed() {
        let days = ("OFFSITE_LOCK_DAYS", "35");
        let both = config(&[days, ("OFFSITE_DATABASE_HOURS", "3"), ("OFFSITE_FILES_HOURS", "30")]).unwrap();
        assert_eq!(both.promise.hours, [(Kind::Database, 3), (Kind::Files, 30)].into());
        let one = config(&[days, ("OFFSITE_DATABASE_HOURS", "3"), ("OFFSITE_FILES_HOURS", "0")]).unwrap();
        assert_eq!(one.promise.hours, [(Kind::Database, 3)].into());
    }

    #[test]
    fn setting_that_is_missing_or_malformed_is_named() {
        let missing = config(&[]).err().unwrap().to_string();
        assert!(missing.contains("OFFSITE_LOCK_DAYS"), "{missing}");
        let malformed = format!("{:#}", config(&[("OFFSITE_LOCK_DAYS", "35 days")]).err().unwrap());
        assert!(malformed.contains("OFFSITE_LOCK_DAYS") && malformed.contains("35 days"), "{malformed}");
        let checks = [("OFFSITE_LOCK_DAYS", "35"), ("OFFSITE_DRILL_CHECKS", "SELECT true")];
        let malformed = format!("{:#}", config(&checks).err().unwrap());
        assert!(malformed.contains("OFFSITE_DRILL_CHECKS is no JSON map"), "{malformed}");
    }

    #[test]
    fn drill_is_asked_for_unless_its_days_are_none() {
        let days = [("OFFSITE_LOCK_DAYS", "35"), ("OFFSITE_DRILL_DAYS", "10"), ("OFFSITE_RECOVERY_DRILL_DAYS", "0")];
        let config = config(&days).unwrap();
        assert_eq!((config.promise.drill_days, config.promise.recovery_drill_days), (Some(10), None));
        let error = config.database().err().unwrap().to_string();
        assert!(error.contains("DrillDatabaseSecret"), "{error}");
        assert!(!config.drill_on_source_server && config.drill_checks.is_empty());
    }
}
