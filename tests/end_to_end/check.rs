//! The function that opens backups and compares them with what they say of themselves.

use std::time::Duration;

use end_to_end::{Site, files};
use envelope::{Identities, WrappingKeys};
use pipeline::{BackupCheck, Deadline, Progress, Share};
use serde_json::{Value, json};
use testing::postgres::USUAL;
use testing::s3;
use vault::{Kind, Selector};

use crate::SHOP;
use crate::cut_ciphertext::{altered, forged, objects};

/// The report of the check of the one backup.
async fn check(site: &Site, kind: &str) -> Value {
    only(site.verify().invoke(&json!({"mode": "check", "kind": kind})).await.report())
}

fn only(report: Value) -> Value {
    assert_eq!(report["status"], "ok", "{report}");
    let [check] = &report["checks"].as_array().unwrap()[..] else { panic!("{report}") };
    let mut check = check.clone();
    check["peak_memory_bytes"] = report["peak_memory_bytes"].clone();
    check
}

/// Objects in a bucket where they can be altered.
async fn copied(objects: &[(String, Vec<u8>)]) -> String {
    let copy = s3::plain_bucket().await;
    for (key, bytes) in objects {
        put(&copy, key, bytes.clone()).await;
    }
    copy
}

async fn put(bucket: &str, key: &str, bytes: Vec<u8>) {
    s3::client().put_object().bucket(bucket).key(key).body(bytes.into()).send().await.unwrap();
}

/// The volume of a site's one backup.
fn volume(objects: &[(String, Vec<u8>)]) -> Vec<u8> {
    objects.iter().find(|(key, _)| key.contains("/volume-0001.")).unwrap().1.clone()
}

async fn refused(site: &Site, bucket: &str, kind: &str) -> String {
    site.verify().with("OFFSITE_VAULT_BUCKET", bucket).invoke(&json!({"mode": "check", "kind": kind})).await.failure()
}

#[tokio::test]
async fn sound_backup_of_a_database_is_read_to_its_last_row() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let backup = site.backup().with("OFFSITE_VOLUME_BYTES", "100000").invoke(&json!({})).await.report();
    let outcome = site.verify().invoke(&json!({"mode": "check", "kind": "database"})).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = only(outcome.report());
    assert_eq!(
        (&report["status"], &report["backup"], &report["whole"]),
        (&json!("ok"), &backup["backup"], &json!(true))
    );
    for name in ["rows", "sections", "volumes"] {
        assert_eq!(report[name], backup[name], "{name}: {report}");
    }
    assert!(backup["volumes"].as_u64().unwrap() > 1 && report["findings"] == json!([]), "{report}");
    assert!(report["peak_memory_bytes"].as_u64().unwrap() < 256 << 20, "{report}");
    assert_eq!((&measured["Function"], &measured["Success"]), (&json!("check-database"), &json!(1)));
    assert_eq!(measured["Rows"], backup["rows"]);
}

#[tokio::test]
async fn sound_backup_of_files_is_read_to_its_last_byte() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    files::fill(&bucket).await;
    let backup = site.backup_files(&bucket).invoke(&json!({})).await.report();
    let report = check(&site, "files").await;
    assert_eq!(
        (&report["status"], &report["backup"], &report["whole"]),
        (&json!("ok"), &backup["backup"], &json!(true))
    );
    assert_eq!((&report["files"], &report["source_bytes"]), (&backup["files"], &backup["source_bytes"]), "{report}");
    assert!(report["peak_memory_bytes"].as_u64().unwrap() < 256 << 20, "{report}");
}

/// Flips bits in every object of a site's one backup, whose summary is true.
async fn assert_no_bit_flips_unseen(site: &Site, kind: &str) {
    let objects = objects(&site.bucket).await;
    let objects = forged(&objects, &volume(&objects), &site.wrapping_keys).await;
    let copy = copied(&objects).await;
    let sound = site.verify().with("OFFSITE_VAULT_BUCKET", &copy);
    assert_eq!(only(sound.invoke(&json!({"mode": "check", "kind": kind})).await.report())["whole"], true);
    for (key, sound) in objects.iter().filter(|(key, _)| !key.ends_with("summary.json")) {
        // In the header, in the middle, and in the last tag.
        for place in [50, sound.len() / 3, sound.len() / 2, sound.len() - 1] {
            let mut bytes = sound.clone();
            bytes[place] ^= 1;
            put(&copy, key, bytes).await;
            let failure = refused(site, &copy, kind).await;
            let named = if key.ends_with("manifest.enc") { "manifest" } else { "volume-0001" };
            assert!(failure.contains(named), "byte {place} of {key}: {failure}");
        }
        put(&copy, key, sound.clone()).await;
    }
}

#[tokio::test]
async fn altered_bit_of_a_database_s_backup_fails_the_check_by_name() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    site.back_up().await;
    assert_no_bit_flips_unseen(&site, "database").await;
}

#[tokio::test]
async fn altered_bit_of_a_backup_of_files_fails_the_check_by_name() {
    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    files::fill(&bucket).await;
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    assert_no_bit_flips_unseen(&site, "files").await;
}

#[tokio::test]
async fn manifest_that_counts_other_rows_or_files_fails_the_check() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    site.back_up().await;
    let stored = objects(&site.bucket).await;
    let more = altered(&stored, &volume(&stored), &site.wrapping_keys, |manifest| manifest.objects[0].rows += 1).await;
    let failure = refused(&site, &copied(&more).await, "database").await;
    assert!(failure.contains("its volumes promise other rows than its manifest"), "{failure}");

    let site = Site::new(USUAL).await;
    let bucket = s3::plain_bucket().await;
    files::put(&bucket, "a", 100, 1).await;
    site.backup_files(&bucket).invoke(&json!({})).await.report();
    let stored = objects(&site.bucket).await;
    let more = altered(&stored, &volume(&stored), &site.wrapping_keys, |manifest| {
        *manifest.inventory.get_mut("file").unwrap() += 1;
    })
    .await;
    let failure = refused(&site, &copied(&more).await, "files").await;
    assert!(failure.contains("it lists 1 files of 100 bytes, and counts 2 of 100"), "{failure}");
}

#[tokio::test]
async fn backup_that_is_checked_in_parts_is_checked_whole_by_as_many_turns() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let database = site.back_up().await;
    let bucket = s3::plain_bucket().await;
    files::fill(&bucket).await;
    let filed = site.backup_files(&bucket).invoke(&json!({})).await.report();
    let vault = site.vault();
    let identities = Identities::new().wrapping_keys(WrappingKeys::from_json(&site.wrapping_keys).unwrap());
    for (kind, backup, budget) in [(Kind::Database, &database, 100_000), (Kind::Files, &filed, 4 << 20)] {
        let (mut rows, mut files, mut bytes, mut parts) = (0, 0, 0, 1);
        let mut turn = 0;
        while turn < parts {
            let check = BackupCheck {
                vault: &vault,
                identities: &identities,
                kind,
                backup: Selector::Latest.into(),
                share: Share { budget, turn },
                deadline: Deadline::default(),
                progress: Progress::default(),
            };
            let report = check.run().await.unwrap();
            assert!(!report.whole && report.part == turn + 1, "{report:?}");
            (rows, files, bytes) = (rows + report.rows, files + report.files, bytes + report.source_bytes);
            (parts, turn) = (report.parts, turn + 1);
        }
        assert!(parts > 1, "{kind}");
        assert_eq!(
            (json!(rows + files), &json!(bytes)),
            (backup[if kind == Kind::Database { "rows" } else { "files" }].clone(), &backup["source_bytes"])
        );
    }
}

#[tokio::test]
async fn newest_backup_of_every_source_is_checked_and_one_that_is_not_sound_hides_no_other() {
    let site = Site::new(USUAL).await;
    let beside = [site.beside(USUAL).await, site.beside(USUAL).await];
    let mut backups = Vec::new();
    for (rows, source) in (1..).zip([&site, &beside[0], &beside[1]]) {
        source.database.run(&format!("CREATE TABLE t AS SELECT generate_series(1, {rows}) AS n")).await;
        backups.push(source.back_up().await["backup"].as_str().unwrap().to_owned());
        // Since when each is backed up, S3 tells in seconds.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    let event = json!({"mode": "check", "kind": "database"});
    let outcome = site.verify().invoke(&event).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    let checked: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["backup"].as_str().unwrap()).collect();
    assert_eq!((checked, &measured["Rows"]), (backups.iter().map(String::as_str).collect(), &json!(6)), "{report}");

    // A stolen writer puts a copy of the first one's backup in the place of a newer.
    let forged = format!("{}ffffffffffffffff", &backups[0][..backups[0].len() - 16]);
    for (key, bytes) in objects(&site.bucket).await.into_iter().filter(|(key, _)| key.contains(&backups[0])) {
        let bytes = match String::from_utf8(bytes) {
            Ok(summary) => summary.replace(&backups[0], &forged).into_bytes(),
            Err(encrypted) => encrypted.into_bytes(),
        };
        put(&site.bucket, &key.replace(&backups[0], &forged), bytes).await;
    }
    let outcome = site.verify().invoke(&event).await;
    let log = outcome.log.clone();
    let failure = outcome.failure();
    let words = "of 3 sources of kind database, the newest backups of 1 could not be shown to be sound";
    assert!(failure.contains(&format!("{words}: {}: ", site.database.name)) && failure.contains(&forged), "{failure}");
    for source in &beside {
        assert!(log.contains(&format!("the newest backup of {} is sound", source.database.name)), "{log}");
    }
    assert!(log.contains("\"Success\":0"), "{log}");

    // One of them alone, by its name.
    let asked = json!({"mode": "check", "kind": "database", "source": beside[0].database.name});
    let report = only(site.verify().invoke(&asked).await.report());
    assert_eq!((&report["backup"], &report["rows"]), (&json!(backups[1]), &json!(2)));
}

#[tokio::test]
async fn check_without_a_backup_or_a_key_says_so() {
    let site = Site::new(USUAL).await;
    let none = site.verify().invoke(&json!({"mode": "check", "kind": "files"})).await;
    assert!(none.log.contains("\"Function\":\"check-files\"") && none.log.contains("\"Success\":0"), "{}", none.log);
    let failure = none.failure();
    assert!(failure.contains("has no backup") && failure.contains(&site.bucket), "{failure}");
    site.back_up().await;
    let keyless = site.verify().with("OFFSITE_WRAPPING_KEYS_SECRET", "");
    let failure = keyless.invoke(&json!({"mode": "check", "kind": "database"})).await.failure();
    assert!(failure.contains("decrypt the manifest of backup"), "{failure}");
}
