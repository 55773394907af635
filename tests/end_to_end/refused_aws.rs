//! AWS that refuses, or is not reached: which service, which object, and what to do.

use end_to_end::Site;
use serde_json::json;
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::postgres::USUAL;

/// Nothing listens on port 1 of the loopback: as where a VPC has no endpoint.
const NOBODY: &str = "http://127.0.0.1:1";
const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-1111-1111-111111111111";

#[tokio::test]
async fn clock_that_is_wrong_is_named_and_not_tried_again() {
    let site = Site::new(USUAL).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::GetObjectLockConfiguration, 1, Fault::TimeTooSkewed, Times::ForGood);
    let failure = site.backup().with("AWS_ENDPOINT_URL_S3", proxy.endpoint()).invoke(&json!({})).await.failure();
    assert!(failure.contains(&site.bucket) && failure.contains("RequestTimeTooSkewed"), "{failure}");
    assert!(failure.contains("HINT: The clock of this machine"), "{failure}");
    assert_eq!(proxy.calls(Operation::GetObjectLockConfiguration), 1);
    site.assert_untouched().await;
}

#[tokio::test]
async fn network_without_a_way_to_secrets_manager_is_named() {
    let site = Site::new(USUAL).await;
    let outcome = site.backup().with("AWS_ENDPOINT_URL_SECRETS_MANAGER", NOBODY).invoke(&json!({})).await;
    assert!(outcome.log.contains("\"Success\":0"), "{}", outcome.log);
    let failure = outcome.failure();
    assert!(failure.contains(&site.wrapping_keys_secret) && failure.contains("Secrets Manager: in a VPC"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn network_without_a_way_to_kms_is_named() {
    let site = Site::new(USUAL).await;
    let function = site.backup().with("OFFSITE_KMS_KEY", KEY).with("AWS_ENDPOINT_URL_KMS", NOBODY);
    let failure = function.invoke(&json!({})).await.failure();
    assert!(failure.contains(KEY) && failure.contains("KMS: in a VPC by an interface endpoint"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn network_without_a_way_to_sns_backs_up_and_says_what_was_not_checked() {
    let site = Site::new(USUAL).await;
    let topic = "arn:aws:sns:us-east-1:000000000000:oncall";
    let function = site.backup().with("OFFSITE_ALARM_TOPIC", topic).with("AWS_ENDPOINT_URL_SNS", NOBODY);
    let outcome = function.invoke(&json!({})).await;
    assert!(outcome.log.contains("not checked whether anybody hears an alarm"), "{}", outcome.log);
    let report = outcome.report();
    let alarms = report["alarms"].as_str().unwrap_or_default();
    assert!(
        alarms.contains(topic) && alarms.contains("HINT: Run the stack's output ConfirmedSubscriptions"),
        "{report}"
    );
}

#[tokio::test]
async fn key_that_does_not_exist_is_named() {
    let site = Site::new(USUAL).await;
    let failure = site.backup().with("OFFSITE_KMS_KEY", KEY).invoke(&json!({})).await.failure();
    assert!(failure.contains(KEY) && failure.contains("HINT: Check the key's ARN, its Region included"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn time_that_the_schedule_did_not_fill_in_is_noted_in_log_and_report() {
    let site = Site::new(USUAL).await;
    let literal = "<aws.scheduler.scheduled-time>";
    let outcome = site.backup().invoke(&json!({"scheduled": literal})).await;
    assert!(outcome.log.contains("no scheduled time"), "{}", outcome.log);
    let report = outcome.report();
    assert!(report["note"].as_str().is_some_and(|note| note.contains(literal)), "{report}");

    let report = site.backup().invoke(&json!({"scheduled": "2026-11-22T12:00:00Z"})).await.report();
    assert_eq!((&report["scheduled"], report.get("note")), (&json!("2026-11-22T12:00:00Z"), None));
    let listing = site.listing().await;
    let scheduled = |index: usize| listing.backups[index].summary.scheduled.map(|time| time.to_string());
    assert!(
        [scheduled(0), scheduled(1)].contains(&Some("2026-11-22 12:00:00.0 +00:00:00".to_owned())),
        "{:?}",
        scheduled(0)
    );
    assert!(scheduled(0).is_some() && scheduled(1).is_some());
}
