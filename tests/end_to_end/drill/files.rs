//! A drill of files: a sample is restored and compared.

use end_to_end::{Site, files};
use serde_json::{Value, json};
use testing::postgres::USUAL;
use testing::s3;

use super::records;
use crate::cut_ciphertext::{forged, objects};

#[tokio::test]
async fn sample_of_files_is_restored_and_compared_and_the_same_seed_takes_the_same() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    for number in 0..30 {
        files::put(&bucket, &format!("folder/file {number}"), 1000 + number, number).await;
    }
    let backup = site.backup_files(&bucket).invoke(&json!({})).await.report();
    let drill = |more: Value| {
        let mut event = json!({"mode": "drill", "kind": "files"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let site = &site;
        async move { site.verify().invoke(&event).await }
    };
    let outcome = drill(json!({})).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    assert_eq!((&report["status"], &report["backup"]), (&json!("ok"), &backup["backup"]), "{report}");
    assert_eq!(
        (&report["files"], &report["of_files"], &report["bytes"]),
        (&json!(30), &json!(30), &backup["source_bytes"])
    );
    assert_eq!((&measured["Function"], &measured["Files"]), (&json!("drill-files"), &json!(30)));
    let key = report["record"].as_str().unwrap();
    assert!(key.starts_with(&format!("{}/drills/restore/files/", site.environment)), "{key}");

    let seed = "00000000000000ff";
    let few = drill(json!({"sample_files": 7, "sample_bytes": 5200, "seed": seed})).await.report();
    assert_eq!((&few["files"], &few["too_large"], &few["seed"]), (&json!(5), &json!(2), &json!(seed)), "{few}");
    let again = drill(json!({"sample_files": 7, "sample_bytes": 5200, "seed": seed})).await.report();
    assert_eq!(again["bytes"], few["bytes"]);
    let none = drill(json!({"sample_bytes": 10})).await.failure();
    assert!(none.contains("no file that was drawn") && none.contains("sample_bytes"), "{none}");
    assert_eq!(records(&site).await.len(), 3);
    let leftovers = std::fs::read_dir(std::env::temp_dir())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().join("folder/file 1").exists());
    assert_eq!(leftovers.count(), 0);
}

#[tokio::test]
async fn file_that_does_not_come_back_fails_the_drill_by_name() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    files::put(&bucket, "a", 100_000, 1).await;
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    // No folder can be made there.
    let full = site.verify().with("TMPDIR", "/dev/null").invoke(&json!({"mode": "drill", "kind": "files"})).await;
    let failure = full.failure();
    assert!(failure.contains("folder for temporary files"), "{failure}");

    let mut stored = objects(&site.bucket).await;
    let volume = stored.iter().find(|(key, _)| key.contains("/volume-0001.")).unwrap().1.clone();
    stored = forged(&stored, &volume, &site.wrapping_keys).await;
    let copy = s3::plain_bucket().await;
    for (key, mut bytes) in stored {
        if key.contains("/volume-0001.") {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        s3::client().put_object().bucket(&copy).key(key).body(bytes.into()).send().await.unwrap();
    }
    let altered = site.verify().with("OFFSITE_VAULT_BUCKET", &copy);
    let failure = altered.invoke(&json!({"mode": "drill", "kind": "files"})).await.failure();
    assert!(failure.contains("volume-0001") || failure.contains("\"a\""), "{failure}");
    assert!(records(&site).await.is_empty());
}
