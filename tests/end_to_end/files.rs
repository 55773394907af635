//! The files that were backed up come back equal, with all that S3 tells of them.

use end_to_end::Site;
use end_to_end::files::{contents, fill, put};
use serde_json::json;
use testing::postgres::USUAL;
use testing::s3;

#[tokio::test]
async fn files_come_back_equal_with_all_that_belongs_to_them() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    fill(&bucket).await;
    let before = contents(&bucket).await;
    let report = site.backup_files(&bucket).invoke(&json!({})).await.report();
    assert_eq!((&report["status"], &report["bucket"]), (&json!("ok"), &json!(bucket)));
    assert_eq!(report["files"], before.len());
    assert_eq!(report["source_bytes"], before.values().map(|object| object["bytes"].as_u64().unwrap()).sum::<u64>());

    let other = s3::plain_bucket().await;
    let event = json!({"kind": "files", "backup": "latest", "into": other});
    let restored = site.restore().invoke(&event).await.report();
    assert_eq!((&restored["status"], &restored["written"]), (&json!("ok"), &report["files"]));
    assert_eq!(restored["selected"], restored["written"]);
    assert_eq!(contents(&other).await, before);
}

#[tokio::test]
async fn what_was_deleted_and_overwritten_comes_back_into_the_same_bucket() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    fill(&bucket).await;
    let before = contents(&bucket).await;
    let report = site.backup_files(&bucket).with("OFFSITE_VOLUME_BYTES", "50000").invoke(&json!({})).await.report();
    assert!(report["volumes"].as_u64().unwrap() > 5, "{report}");
    for key in ["small/00/0000.txt", "../climbs", "large/9 MiB.bin"] {
        s3::client().delete_object().bucket(&bucket).key(key).send().await.unwrap();
    }
    put(&bucket, "twin", 99, 5).await;
    put(&bucket, "newcomer", 3, 3).await;
    let newcomer = contents(&bucket).await.remove("newcomer").unwrap();
    let changed = contents(&bucket).await.remove("twin").unwrap();

    let event = json!({"kind": "files", "backup": report["backup"], "dry_run": true});
    let dry = site.restore().invoke(&event).await.report();
    assert_eq!((&dry["written"], &dry["existing"]), (&json!(3), &json!(before.len() - 3)));
    assert!(!contents(&bucket).await.contains_key("../climbs"));

    let event = json!({"kind": "files", "backup": "latest"});
    let missing = site.restore().invoke(&event).await.report();
    assert_eq!((&missing["written"], &missing["existing"]), (&json!(3), &json!(before.len() - 3)));
    assert_eq!(contents(&bucket).await["twin"], changed, "what is there stays");

    let event = json!({"kind": "files", "backup": "latest", "overwrite": "if-different"});
    let different = site.restore().invoke(&event).await.report();
    assert_eq!((&different["written"], &different["unchanged"]), (&json!(1), &json!(before.len() - 1)));
    let mut after = contents(&bucket).await;
    assert_eq!(after.remove("newcomer").unwrap(), newcomer, "what came later stays");
    assert_eq!(after, before);
}

#[tokio::test]
async fn one_file_out_of_many_volumes_is_restored_by_key_prefix_or_pattern() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    fill(&bucket).await;
    let before = contents(&bucket).await;
    site.backup_files(&bucket).with("OFFSITE_VOLUME_BYTES", "100000").invoke(&json!({})).await.report();
    let event = json!({
        "kind": "files", "backup": "latest", "into": other,
        "keys": ["a\\b"], "prefixes": ["small/03/"], "patterns": ["large/8*"],
    });
    let restored = site.restore().invoke(&event).await.report();
    let after = contents(&other).await;
    assert_eq!(restored["written"], after.len());
    let selected = |key: &str| key == "a\\b" || key.starts_with("small/03/") || key.starts_with("large/8");
    let expected = before.into_iter().filter(|(key, _)| selected(key)).collect();
    assert_eq!(after, expected);
}

#[tokio::test]
async fn bucket_without_files_is_a_backup_without_files() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    let report = site.backup_files(&bucket).invoke(&json!({})).await.report();
    assert_eq!((&report["files"], &report["volumes"]), (&json!(0), &json!(1)));
    let event = json!({"kind": "files", "backup": "latest", "into": other});
    assert_eq!(site.restore().invoke(&event).await.report()["selected"], 0);
}

#[tokio::test]
async fn prefix_limits_what_is_backed_up() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    fill(&bucket).await;
    let report = site.backup_files(&bucket).with("OFFSITE_FILES_PREFIX", "small/01/").invoke(&json!({})).await.report();
    assert_eq!(report["files"], contents(&bucket).await.keys().filter(|key| key.starts_with("small/01/")).count());
}

#[tokio::test]
async fn two_restores_at_once_into_one_bucket_do_not_disturb_each_other() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    for number in 0..40 {
        put(&bucket, &format!("file-{number:02}"), 10 + number, number).await;
    }
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    for overwrite in ["never", "if-different", "never"] {
        let event = json!({"kind": "files", "backup": "latest", "into": other, "overwrite": overwrite});
        let function = site.restore();
        let (one, two) = tokio::join!(function.invoke(&event), function.invoke(&event));
        for report in [one.report(), two.report()] {
            let count = |field: &str| report[field].as_u64().unwrap();
            assert_eq!(count("written") + count("existing") + count("unchanged"), 40, "{report}");
            assert_eq!((&report["status"], count("failed")), (&json!("ok"), 0), "{report}");
        }
        assert_eq!(contents(&other).await, contents(&bucket).await, "{overwrite}");
    }
    // Nothing was left to be done.
    let event = json!({"kind": "files", "backup": "latest", "into": other, "dry_run": true});
    let report = site.restore().invoke(&event).await.report();
    assert_eq!(
        (&report["written"], &report["existing"], &report["estimated_seconds"]),
        (&json!(0), &json!(40), &json!(1))
    );
}
