use aws_sdk_s3::types::{DefaultRetention, ObjectLockRetentionMode};
use s3_call::call;
use serde::{Deserialize, Serialize};

use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

const HINT: &str = "Create it with Object Lock and a default retention in COMPLIANCE mode; for a test, allow an unlocked vault by its explicit setting.";
const HINT_DAYS: &str = "Raise the default retention of the bucket, or lower the days that are asked for.";

/// What is known about the vault's protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockStatus {
    /// New objects can't be deleted or overwritten by anyone for so many days.
    Locked {
        /// A year counts 365.
        days: u32,
    },
    /// The role may not read the lock configuration.
    NotChecked,
}

/// What is asked of the vault's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockPolicy {
    /// COMPLIANCE retention by default, of at least so many days.
    Required {
        /// `None`: of any length.
        days: Option<u32>,
    },
    /// An explicit setting for tests: the vault may be without lock.
    NotRequired,
}

impl Vault {
    /// What the vault's lock is, if the policy asks for one.
    ///
    /// # Errors
    /// As [`Vault::check_lock`].
    pub async fn check_lock_policy(&self, policy: LockPolicy) -> Result<Option<LockStatus>, Error> {
        match policy {
            LockPolicy::Required { days } => Ok(Some(self.check_lock(days).await?)),
            LockPolicy::NotRequired => Ok(None),
        }
    }

    /// Reads the vault's default retention: COMPLIANCE, for `days` at least, or any time if `None`.
    ///
    /// # Errors
    /// [`Error::Unlocked`] if it is less; [`Error::Call`].
    pub async fn check_lock(&self, days: Option<u32>) -> Result<LockStatus, Error> {
        let place = &*self.place;
        let answer = call(&place.patience, || {
            place
                .client
                .get_object_lock_configuration()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .send()
        })
        .await;
        let configuration = match answer {
            Ok(answer) => answer.object_lock_configuration,
            Err(failure) => match failure.error.code() {
                "AccessDenied" => return Ok(LockStatus::NotChecked),
                "ObjectLockConfigurationNotFoundError" => None,
                _ => return Err(failure.reading(format!("read the lock configuration of bucket {}", place.bucket))),
            },
        };
        let unlocked = |what: String, hint| Err(Error::Unlocked { bucket: place.bucket.clone(), what, hint });
        let Some(configuration) = configuration else { return unlocked("has no Object Lock".to_owned(), HINT) };
        let Some(retention) = configuration.rule.and_then(|rule| rule.default_retention) else {
            return unlocked("has Object Lock without a default retention".to_owned(), HINT);
        };
        if retention.mode != Some(ObjectLockRetentionMode::Compliance) {
            let mode = retention.mode.as_ref().map_or("unknown", ObjectLockRetentionMode::as_str);
            return unlocked(format!("locks objects in {mode} mode, which privileged users can bypass"), HINT);
        }
        let locked = retention_days(&retention);
        if locked < days.unwrap_or(1).max(1) {
            let asked = days.unwrap_or(1);
            return unlocked(format!("locks objects for {locked} days, and {asked} are asked for"), HINT_DAYS);
        }
        Ok(LockStatus::Locked { days: locked })
    }
}

fn retention_days(retention: &DefaultRetention) -> u32 {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
    number(retention.days).saturating_add(number(retention.years).saturating_mul(365))
}
