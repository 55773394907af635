//! The function's settings: the only place that reads its environment.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use lambda_host::{KeySettings, Variables, VaultSettings};
use vault::{Kind, Promise};

/// What the template's parameters say.
pub(crate) struct Config {
    pub(crate) vault: VaultSettings,
    pub(crate) keys: KeySettings,
    pub(crate) promise: Promise,
    /// Stored bytes of a backup that are checked at once; those of a larger one on the days after.
    pub(crate) check_bytes: u64,
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
                drill_days: variables.parsed("OFFSITE_DRILL_DAYS")?,
                recovery_drill_days: variables.parsed("OFFSITE_RECOVERY_DRILL_DAYS")?,
            },
        })
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
    }
}
