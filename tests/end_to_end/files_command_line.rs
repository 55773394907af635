//! Files by the command line, as people type it.

use std::process::Output;

use end_to_end::Site;
use end_to_end::files::{contents, digest, fill};
use testing::postgres::USUAL;
use testing::s3;

use crate::command_line::offsite;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn backup_ls_and_restore_agree_with_each_other() {
    let site = Site::new(USUAL).await;
    let (bucket, other) = (s3::plain_bucket().await, s3::plain_bucket().await);
    fill(&bucket).await;
    let before = contents(&bucket).await;
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let place =
        ["--vault", &site.bucket, "--environment", &site.environment, "--wrapping-keys", keys.to_str().unwrap()];

    let made = offsite().args(["backup", "files", "--bucket", &bucket]).args(place).output().unwrap();
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains(&format!("{} files", before.len())), "{}", said(&made));

    let listed = offsite().args(["ls", "latest", "--json"]).args(place).output().unwrap();
    assert!(listed.status.success(), "{}", said(&listed));
    let lines = String::from_utf8(listed.stdout).unwrap();
    let sizes: std::collections::BTreeMap<String, serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|file| (file["key"].as_str().unwrap().to_owned(), file["bytes"].clone()))
        .collect();
    assert_eq!(sizes, before.iter().map(|(key, object)| (key.clone(), object["bytes"].clone())).collect());
    let plain = offsite().args(["ls", "latest", "--key", "line\nbreak"]).args(place).output().unwrap();
    assert!(said(&plain).ends_with("line\\nbreak\n"), "{}", said(&plain));

    let into = folder.path().join("restored");
    let restored =
        offsite().args(["restore", "files", "latest", "--into-folder"]).arg(&into).args(place).output().unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    let large = std::fs::read(into.join("large/9 MiB.bin")).unwrap();
    assert_eq!(before["large/9 MiB.bin"]["digest"], digest(&large));
    assert!(said(&restored).contains("../climbs"), "a key that can't be a path is told: {}", said(&restored));
    assert!(!folder.path().join("climbs").exists());

    let restored =
        offsite().args(["restore", "files", "latest", "--into-bucket", &other]).args(place).output().unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(contents(&other).await, before);
}

#[tokio::test]
async fn wrong_usage_and_missing_keys_are_told_apart() {
    let site = Site::new(USUAL).await;
    let place = ["--vault", &site.bucket, "--environment", &site.environment];
    let without_key = offsite().args(["backup", "files", "--bucket", "b"]).args(place).output().unwrap();
    assert_eq!(without_key.status.code(), Some(2), "{}", said(&without_key));
    let without_target = offsite().args(["restore", "files", "latest"]).args(place).output().unwrap();
    assert_eq!(without_target.status.code(), Some(2), "{}", said(&without_target));
}
