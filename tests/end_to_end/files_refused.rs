//! What can't be backed up or restored whole is refused, by name, and nothing of it is visible.

use std::time::Duration;

use end_to_end::Site;
use end_to_end::files::{contents, put};
use serde_json::json;
use testing::postgres::USUAL;
use testing::s3;

use crate::cut_ciphertext::{altered, forged, objects};

#[tokio::test]
async fn bucket_that_is_not_there_is_named() {
    let site = Site::new(USUAL).await;
    let failure = site.backup_files("no-such-bucket-of-ours").invoke(&json!({})).await.failure();
    assert!(failure.contains("no-such-bucket-of-ours"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn vault_without_lock_is_refused() {
    let site = Site::new(USUAL).await;
    let (bucket, unlocked) = (s3::plain_bucket().await, s3::plain_bucket().await);
    let failure = site.backup_files(&bucket).with("OFFSITE_VAULT_BUCKET", &unlocked).invoke(&json!({})).await.failure();
    assert!(failure.contains(&unlocked) && failure.contains("lock"), "{failure}");
}

#[tokio::test]
async fn object_in_an_archive_class_fails_the_run_unless_a_partial_backup_is_allowed() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    put(&bucket, "readable", 100, 1).await;
    for key in ["cold/1", "cold/2"] {
        let request = s3::client().put_object().bucket(&bucket).key(key).body(vec![1; 10].into());
        request.storage_class("GLACIER".into()).send().await.unwrap();
    }
    let failure = site.backup_files(&bucket).invoke(&json!({})).await.failure();
    assert!(failure.contains("cold/1") && failure.contains("cold/2") && failure.contains("archived"), "{failure}");
    site.assert_untouched().await;

    let partial = site.backup_files(&bucket).with("OFFSITE_ALLOW_PARTIAL", "true").invoke(&json!({})).await.report();
    assert_eq!(partial["files"], 1);
    let warning = partial["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "files_archived");
    assert_eq!(warning.expect("a warning")["names"], json!(["cold/1", "cold/2"]));

    let other = s3::plain_bucket().await;
    let event = json!({"kind": "files", "backup": "latest", "into": other});
    let restored = site.restore().invoke(&event).await.report();
    assert_eq!(restored["written"], 1);
    let told = restored["backup_warnings"].as_array().unwrap();
    assert!(told.iter().any(|warning| warning["code"] == "files_archived"), "{restored}");
}

#[tokio::test]
async fn bucket_that_cannot_fit_is_refused_at_once_with_the_figure() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    for number in 0..4 {
        let request =
            s3::client().put_object().bucket(&bucket).key(number.to_string()).body(vec![0; 75_000_000].into());
        request.send().await.unwrap();
    }
    // Three seconds to read what takes four.
    let function = site.backup_files(&bucket).limit(Duration::from_secs(93));
    let failure = function.invoke(&json!({})).await.failure();
    assert!(failure.contains(&bucket) && failure.contains("4 files of 300000000 bytes"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn vault_is_no_place_to_restore_files_into() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    put(&bucket, "a", 1, 1).await;
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    let event = json!({"kind": "files", "backup": "latest", "into": site.bucket});
    let failure = site.restore().invoke(&event).await.failure();
    assert!(failure.contains(&site.bucket) && failure.contains("vault"), "{failure}");
}

#[tokio::test]
async fn restore_that_selects_nothing_or_is_not_understood_is_refused() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    put(&bucket, "a", 1, 1).await;
    let refused = async |event| site.restore().invoke(&event).await.failure();
    let none = refused(json!({"kind": "files", "backup": "latest"})).await;
    assert!(none.contains(&site.environment), "{none}");
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    let nothing = refused(json!({"kind": "files", "backup": "latest", "keys": ["b"]})).await;
    assert!(nothing.contains("no file") && nothing.contains("HINT"), "{nothing}");
    let word = refused(json!({"kind": "files", "backup": "latest", "overwrite": "sometimes"})).await;
    assert!(word.contains("sometimes"), "{word}");
    let field = refused(json!({"kind": "files", "backup": "latest", "prefix": "a"})).await;
    assert!(field.contains("prefix"), "{field}");
    let gone = refused(json!({"kind": "files", "backup": "latest", "into": "no-such-bucket-of-ours"})).await;
    assert!(gone.contains("no-such-bucket-of-ours"), "{gone}");
}

/// A vault with nothing but these objects.
async fn vault_of(objects: Vec<(String, Vec<u8>)>) -> String {
    let vault = s3::plain_bucket().await;
    for (key, bytes) in objects {
        s3::client().put_object().bucket(&vault).key(&key).body(bytes.into()).send().await.expect("copy the object");
    }
    vault
}

/// Restores from a vault in which the backup has another volume, with a manifest and a summary to match.
async fn restored_from(site: &Site, volume: &[u8], into: &str) -> testing::lambda::Outcome {
    let vault = vault_of(forged(&objects(&site.bucket).await, volume, &site.wrapping_keys).await).await;
    let event = json!({"kind": "files", "backup": "latest", "into": into});
    site.restore().with("OFFSITE_VAULT_BUCKET", &vault).invoke(&event).await
}

#[tokio::test]
async fn volume_of_which_the_manifest_tells_files_and_no_keys_is_opened_for_every_selection() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    for (number, key) in ["a", "b", "c"].into_iter().enumerate() {
        put(&bucket, key, 10, number).await;
    }
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    let stored = objects(&site.bucket).await;
    let volume = stored.iter().find(|(key, _)| key.contains("/volume-0001.")).unwrap().1.clone();
    let nameless = altered(&stored, &volume, &site.wrapping_keys, |manifest| {
        (manifest.contents[0].first, manifest.contents[0].last) = (None, None);
    });
    let vault = vault_of(nameless.await).await;
    let event = json!({"kind": "files", "backup": "latest", "into": other, "keys": ["b"]});
    let restored = site.restore().with("OFFSITE_VAULT_BUCKET", &vault).invoke(&event).await.report();
    assert_eq!((&restored["status"], &restored["written"]), (&json!("ok"), &json!(1)));
    assert_eq!(contents(&other).await["b"], contents(&bucket).await["b"]);
}

#[tokio::test]
async fn altered_or_cut_volume_restores_nothing_that_is_not_whole() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    for number in 1..4 {
        put(&bucket, &format!("{number}"), 3 << 20, number).await;
    }
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    let before = contents(&bucket).await;
    let volume = objects(&site.bucket).await.into_iter().find(|(key, _)| key.contains("/volume-0001.")).unwrap().1;

    let mut flipped = volume.clone();
    flipped[volume.len() / 3] ^= 1;
    let failure = restored_from(&site, &flipped, &other).await.failure();
    assert!(failure.contains("volume-0001") || failure.contains("not every file"), "{failure}");
    // Only what is whole may be there.
    let there = contents(&other).await;
    assert!(there.len() < before.len(), "{failure}");
    assert!(there.iter().all(|(key, object)| *object == before[key]), "{failure}");

    for cut in [volume.len() - 1, volume.len() / 2, 100] {
        let empty = s3::plain_bucket().await;
        let failure = restored_from(&site, &volume[..cut], &empty).await.failure();
        assert!(failure.contains("volume-0001"), "{failure}");
        assert!(contents(&empty).await.is_empty(), "{cut}");
    }

    assert_eq!(restored_from(&site, &volume, &other).await.report()["status"], "ok");
    assert_eq!(contents(&other).await, before);
}
