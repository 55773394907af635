//! What drills leave in the vault, and what the watch tells of it.

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration,
};
use time::Duration;
use vault::{Area, BackupId, Concern, Drill, Kind, Promise};

use super::{assert_wrong, backed_up, promise};
use crate::sample::now;

#[tokio::test]
async fn drills_are_known_by_what_they_leave() {
    let (vault, id) = backed_up().await;
    let asked = Promise {
        hours: [(Kind::Database, 3), (Kind::Files, 30)].into(),
        drill_days: Some(7),
        recovery_drill_days: Some(90),
        ..promise()
    };
    let no_files = (Concern::Late, "no backup of kind files is to be seen");
    let never = |kind| (Concern::DrillLate, kind);
    let seen = vault.watch(&asked, now(), None).await.unwrap();
    assert_wrong(
        &seen,
        &[
            no_files,
            never("there never was a restore drill of kind database"),
            never("there never was a restore drill of kind files"),
            (Concern::RecoveryDrillLate, "there never was a drill with the escrow's private key"),
        ],
    );
    for drill in [Drill::Restore(Kind::Database), Drill::Recovery] {
        vault.record_drill(drill, &id, &serde_json::json!({"rows": 1})).await.unwrap();
    }
    // Rows that came back say nothing of files.
    let seen = vault.watch(&asked, now(), None).await.unwrap();
    assert_wrong(&seen, &[no_files, never("there never was a restore drill of kind files")]);
    vault.record_drill(Drill::Restore(Kind::Files), &id, &()).await.unwrap();
    let seen = vault.watch(&asked, now(), None).await.unwrap();
    assert_wrong(&seen, &[no_files]);
    assert!(seen.last_drill.is_some() && seen.last_recovery_drill.is_some(), "{seen:#?}");
    let database = Promise { hours: [(Kind::Database, 1000)].into(), ..asked };
    let seen = vault.watch(&database, now() + Duration::days(8), None).await.unwrap();
    let drills: Vec<_> = seen.wrong.iter().filter(|notice| notice.name.area() == Some(Area::Drills)).collect();
    assert_eq!(drills.len(), 1, "{:#?}", seen.wrong);
    assert_eq!(drills[0].what, "the last restore drill of kind database was 8 days ago, and 7 are allowed");
}

#[tokio::test]
async fn record_of_a_drill_is_never_written_over_and_tells_of_which_source_it_was() {
    let (vault, id) = backed_up().await;
    let drill = Drill::Restore(Kind::Database);
    assert!(vault.last_drills(Kind::Database).await.unwrap().is_empty());
    vault.record_drill(drill, &id, &()).await.unwrap();
    assert!(matches!(vault.record_drill(drill, &id, &()).await, Err(vault::Error::Exists(_))));
    vault.record_drill(drill, &BackupId::new(now(), "other").unwrap(), &()).await.unwrap();
    vault.record_drill(Drill::Restore(Kind::Files), &BackupId::new(now(), "bucket").unwrap(), &()).await.unwrap();
    let last = vault.last_drills(Kind::Database).await.unwrap();
    assert_eq!(last.keys().collect::<Vec<_>>(), ["other", "shop"]);
}

#[tokio::test]
async fn records_of_drills_are_kept_for_longer_than_backups() {
    let rule = |area: &str, days: i32| {
        LifecycleRule::builder()
            .id(area)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix(format!("production/{area}/")).build())
            .expiration(LifecycleExpiration::builder().days(days).build())
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(1).build())
            .build()
            .unwrap()
    };
    let (vault, id) = backed_up().await;
    vault.record_drill(Drill::Recovery, &id, &()).await.unwrap();
    let seen = |rules: Vec<LifecycleRule>| {
        let vault = &vault;
        async move {
            let lifecycle = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
            let put = testing::s3::client().put_bucket_lifecycle_configuration().bucket(vault.bucket());
            put.lifecycle_configuration(lifecycle).send().await.unwrap();
            let nothing = Promise { hours: [].into(), ..promise() };
            vault.watch(&nothing, now() + Duration::days(9), None).await.unwrap()
        }
    };
    let words = format!("{id}: is still there, and the bucket deletes after 3 days");
    let all = vec![rule("database", 2), rule("files", 2), rule("drills", 800)];
    assert_wrong(&seen(all).await, &[(Concern::NotExpired, &words)]);
    // Files are never deleted then.
    let without_files = vec![rule("database", 2), rule("drills", 800)];
    assert_wrong(&seen(without_files).await, &[(Concern::NothingExpires, "no lifecycle rule of bucket")]);
}
