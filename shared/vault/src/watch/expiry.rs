//! When the bucket deletes what it no longer locks.

use aws_sdk_s3::types::{ExpirationStatus, LifecycleRule};
use s3_call::call;

use crate::connect::Vault;
use crate::error::Error;
use crate::failure::FailedAct;

/// S3 rounds each of the two steps up to the next midnight, and may take a while for each.
const SLACK: u32 = 5;

/// Days after which an object of the vault is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) days: u32,
}

impl Expiry {
    /// The days after which an object that is still there was forgotten.
    pub(super) fn overdue(self) -> u32 {
        self.days.saturating_add(SLACK)
    }

    /// `None` unless rules for all objects make them noncurrent and then delete them.
    fn of(rules: &[LifecycleRule]) -> Option<Self> {
        let days = |days: Option<i32>| days.and_then(|days| u32::try_from(days).ok());
        let of_all = || rules.iter().filter(|rule| rule.status == ExpirationStatus::Enabled && is_of_all(rule));
        let current = of_all().filter_map(|rule| days(rule.expiration.as_ref()?.days)).min()?;
        let noncurrent =
            of_all().filter_map(|rule| days(rule.noncurrent_version_expiration.as_ref()?.noncurrent_days)).min()?;
        Some(Self { days: current.saturating_add(noncurrent) })
    }
}

fn is_of_all(rule: &LifecycleRule) -> bool {
    #[allow(deprecated)]
    let prefix = rule.prefix.as_deref().unwrap_or_default();
    let narrowed = rule.filter.as_ref().is_some_and(|filter| {
        filter.prefix.as_deref().is_some_and(|prefix| !prefix.is_empty())
            || filter.tag.is_some()
            || filter.and.is_some()
            || filter.object_size_greater_than.is_some()
            || filter.object_size_less_than.is_some()
    });
    prefix.is_empty() && !narrowed
}

impl Vault {
    /// What the bucket's lifecycle does; `None` if it does not delete everything one day.
    pub(super) async fn expiry(&self) -> Result<Option<Expiry>, Error> {
        let place = &*self.place;
        let answer = call(&place.patience, || {
            place
                .client
                .get_bucket_lifecycle_configuration()
                .bucket(&place.bucket)
                .set_expected_bucket_owner(place.owner.clone())
                .send()
        })
        .await;
        match answer {
            Ok(answer) => Ok(Expiry::of(&answer.rules.unwrap_or_default())),
            Err(failure) if failure.error.code() == "NoSuchLifecycleConfiguration" => Ok(None),
            Err(failure) => Err(failure.reading(format!("read the lifecycle of bucket {}", place.bucket))),
        }
    }
}
