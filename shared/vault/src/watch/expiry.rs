//! When the bucket deletes what it no longer locks.

use aws_sdk_s3::types::{ExpirationStatus, LifecycleRule};
use s3_call::call;

use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::failure::FailedAct;
use crate::layout;

/// S3 rounds each of the two steps up to the next midnight, and may take a while for each.
const SLACK: u32 = 5;

/// When objects of the vault are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiry(Vec<Rule>);

/// A rule for all objects whose keys begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    prefix: String,
    current: Option<u32>,
    noncurrent: Option<u32>,
}

impl Expiry {
    /// Days after which an object is gone: they make it noncurrent, and then delete it. `None` if no rules do both.
    pub(super) fn days(&self, key: &str) -> Option<u32> {
        let of_key = || self.0.iter().filter(|rule| key.starts_with(&rule.prefix));
        let current = of_key().filter_map(|rule| rule.current).min()?;
        let noncurrent = of_key().filter_map(|rule| rule.noncurrent).min()?;
        Some(current.saturating_add(noncurrent))
    }

    /// The days after which an object that is still there was forgotten.
    pub(super) fn overdue(days: u32) -> u32 {
        days.saturating_add(SLACK)
    }

    fn of(rules: &[LifecycleRule]) -> Self {
        let days = |days: Option<i32>| days.and_then(|days| u32::try_from(days).ok());
        let enabled = rules.iter().filter(|rule| rule.status == ExpirationStatus::Enabled);
        let of_prefix = enabled.filter_map(|rule| {
            Some(Rule {
                prefix: prefix(rule)?.to_owned(),
                current: days(rule.expiration.as_ref().and_then(|expiration| expiration.days)),
                noncurrent: days(rule.noncurrent_version_expiration.as_ref().and_then(|of| of.noncurrent_days)),
            })
        });
        Self(of_prefix.collect())
    }
}

/// `None` for a rule that asks for more than a prefix.
fn prefix(rule: &LifecycleRule) -> Option<&str> {
    #[allow(deprecated)]
    let prefix = rule.prefix.as_deref();
    let Some(filter) = &rule.filter else { return Some(prefix.unwrap_or_default()) };
    let more = filter.tag.is_some()
        || filter.and.is_some()
        || filter.object_size_greater_than.is_some()
        || filter.object_size_less_than.is_some();
    (!more).then(|| filter.prefix.as_deref().or(prefix).unwrap_or_default())
}

impl Vault {
    /// What the bucket's lifecycle does; `None` if it does not delete every backup one day.
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
            Ok(answer) => {
                let expiry = Expiry::of(&answer.rules.unwrap_or_default());
                let all =
                    Kind::ALL.iter().all(|kind| expiry.days(&layout::prefix(self.environment(), *kind)).is_some());
                Ok(all.then_some(expiry))
            }
            Err(failure) if failure.error.code() == "NoSuchLifecycleConfiguration" => Ok(None),
            Err(failure) => Err(failure.reading(format!("read the lifecycle of bucket {}", place.bucket))),
        }
    }
}
