//! A vault that can't keep a backup: a clear error, and no backup.

use end_to_end::Site;
use serde_json::json;
use testing::postgres::{Database, USUAL};
use testing::s3;

#[tokio::test]
async fn missing_vault_is_named() {
    let site = Site::new(USUAL).await;
    let failure = site.backup().with("OFFSITE_VAULT_BUCKET", "no-such-bucket").invoke(&json!({})).await.failure();
    assert!(failure.contains("no-such-bucket"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn vault_without_lock_is_refused_unless_allowed() {
    let site = Site::with(Database::create(USUAL).await, s3::plain_bucket().await).await;
    let failure = site.backup().invoke(&json!({})).await.failure();
    assert!(failure.contains(&site.bucket) && failure.to_lowercase().contains("lock"), "{failure}");
    site.assert_untouched().await;
    let report = site.backup().with("OFFSITE_REQUIRE_LOCK", "false").invoke(&json!({})).await.report();
    assert_eq!(report["status"], "ok");
}

#[tokio::test]
async fn vault_with_too_short_a_lock_is_refused_with_both_figures() {
    let site = Site::new(USUAL).await;
    let failure = site.backup().with("OFFSITE_LOCK_DAYS", "35").invoke(&json!({})).await.failure();
    assert!(failure.contains("35") && failure.contains(&site.bucket), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn nobody_to_encrypt_for_is_refused() {
    let site = Site::new(USUAL).await;
    let failure = site.backup().with("OFFSITE_WRAPPING_KEYS_SECRET", "").invoke(&json!({})).await.failure();
    assert!(failure.contains("recipient"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn stored_objects_cannot_be_deleted_or_written_over() {
    let site = Site::new(USUAL).await;
    site.back_up().await;
    let client = s3::client();
    let versions = client.list_object_versions().bucket(&site.bucket).send().await.unwrap();
    assert_eq!(versions.versions().len(), 3, "volume, manifest, summary");
    for version in versions.versions() {
        let (key, id) = (version.key().unwrap(), version.version_id().unwrap());
        let deleted = client.delete_object().bucket(&site.bucket).key(key).version_id(id).send().await.unwrap_err();
        assert_eq!(deleted.into_service_error().meta().code(), Some("AccessDenied"), "{key}");
        let written = client.put_object().bucket(&site.bucket).key(key).if_none_match("*").send().await.unwrap_err();
        assert_eq!(written.into_service_error().meta().code(), Some("PreconditionFailed"), "{key}");
    }
}
