use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{
    DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetention, ObjectLockRetentionMode,
    ObjectLockRule,
};
use vault::{BackupId, Error, Kind, LockStatus, Vault};

use crate::sample::{environment, locked_vault, now, store};

#[tokio::test]
async fn stored_backup_cannot_be_deleted_overwritten_or_unlocked() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    store(&vault, &id, &[b"volume"]).await.unwrap();
    let client = testing::s3::client();
    let versions = client.list_object_versions().bucket(vault.bucket()).send().await.unwrap();
    assert_eq!(versions.versions().len(), 3);
    for object in versions.versions() {
        let (key, version) = (object.key().unwrap(), object.version_id().unwrap());
        let deleted = client.delete_object().bucket(vault.bucket()).key(key).version_id(version);
        let error = deleted.clone().send().await.unwrap_err();
        assert_eq!(error.code(), Some("AccessDenied"), "{key}");
        let error = deleted.bypass_governance_retention(true).send().await.unwrap_err();
        assert_eq!(error.code(), Some("AccessDenied"), "{key}");

        let written = client.put_object().bucket(vault.bucket()).key(key).if_none_match("*").send().await;
        assert_eq!(written.unwrap_err().code(), Some("PreconditionFailed"), "{key}");

        let soon = DateTime::from_secs(now().unix_timestamp() + 60);
        let shorter =
            ObjectLockRetention::builder().mode(ObjectLockRetentionMode::Compliance).retain_until_date(soon).build();
        let shortened =
            client.put_object_retention().bucket(vault.bucket()).key(key).version_id(version).retention(shorter);
        assert_eq!(shortened.send().await.unwrap_err().code(), Some("AccessDenied"), "{key}");
    }
    assert_eq!(vault.list(None).await.unwrap().backups.len(), 1);
}

async fn vault_with(retention: DefaultRetention) -> Vault {
    let bucket = testing::s3::locked_bucket().await;
    let rule = ObjectLockRule::builder().default_retention(retention).build();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
    let client = testing::s3::client();
    client.put_object_lock_configuration().bucket(&bucket).object_lock_configuration(lock).send().await.unwrap();
    Vault::new(client, &bucket, environment())
}

#[tokio::test]
async fn vault_locked_for_the_days_or_more_is_accepted() {
    let vault = locked_vault().await;
    for days in [None, Some(0), Some(1)] {
        assert_eq!(vault.check_lock(days).await.unwrap(), LockStatus::Locked { days: 1 });
    }
    let compliance = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance);
    let vault = vault_with(compliance.years(2).build()).await;
    assert_eq!(vault.check_lock(Some(730)).await.unwrap(), LockStatus::Locked { days: 730 });
}

#[tokio::test]
async fn vault_that_does_not_protect_is_an_error_that_says_why() {
    let plain = Vault::new(testing::s3::client(), &testing::s3::plain_bucket().await, environment());
    let governance = DefaultRetention::builder().mode(ObjectLockRetentionMode::Governance).days(400).build();
    let without_rule = testing::unique("vault-");
    let client = testing::s3::client();
    client.create_bucket().bucket(&without_rule).object_lock_enabled_for_bucket(true).send().await.unwrap();
    let cases = [
        (plain, None, "has no Object Lock"),
        (Vault::new(client, &without_rule, environment()), None, "without a default retention"),
        (vault_with(governance).await, None, "GOVERNANCE"),
        (locked_vault().await, Some(2), "for 1 days, and 2 are asked for"),
    ];
    for (vault, days, expected) in cases {
        let error = vault.check_lock(days).await.unwrap_err();
        assert!(matches!(error, Error::Unlocked { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(expected) && text.contains("HINT") && text.contains(vault.bucket()), "{text}");
    }
}

#[tokio::test]
async fn missing_vault_is_named() {
    let vault = Vault::new(testing::s3::client(), "no-such-vault", environment());
    for error in [
        vault.check_lock(None).await.unwrap_err(),
        vault.list(None).await.unwrap_err(),
        store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"x"]).await.unwrap_err(),
    ] {
        let text = crate::sample::told(&error);
        assert!(text.contains("NoSuchBucket") && text.contains("HINT: Check the bucket's name."), "{text}");
    }
    assert!(vault.find(Kind::Files, &vault::Selector::Latest.into()).await.is_err());
}
