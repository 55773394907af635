//! `offsite status`: what is in the vault, and whether it is as it should be.

use std::process::Output;
use std::time::Duration;

use end_to_end::Site;
use serde_json::{Value, json};
use testing::postgres::USUAL;
use testing::{s3, unique};

use crate::command_line::offsite;

fn status(bucket: &str, environment: &str, more: &[&str]) -> Output {
    offsite().args(["status", "--vault", bucket, "--environment", environment]).args(more).output().unwrap()
}

fn answer(site: &Site, more: &[&str]) -> (Option<i32>, Value) {
    let more = [more, &["--json"]].concat();
    let output = status(&site.bucket, &site.environment, &more);
    let answer = serde_json::from_slice(&output.stdout);
    (output.status.code(), answer.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
}

fn wrong(answer: &Value) -> String {
    answer["wrong"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn sound_vault_is_told_with_its_newest_backups_and_its_lock() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let (code, empty) = answer(&site, &[]);
    assert_eq!((code, wrong(&empty)), (Some(3), "there is no backup".to_owned()));

    // Which of two in one second is the newer, nothing tells.
    let made = [site.back_up().await["backup"].clone(), site.back_up().await["backup"].clone()];
    let (code, sound) = answer(&site, &["--lock-days", "1"]);
    assert_eq!((code, &sound["ok"], &sound["wrong"]), (Some(0), &json!(true), &json!([])), "{sound}");
    let database = &sound["sources"][0];
    assert_eq!((&database["kind"], &database["source"]), (&json!("database"), &json!(site.database.name)));
    assert_eq!((&database["state"], &database["backups"]), (&json!("fresh"), &json!(2)));
    let newest = &database["newest"]["backup"];
    assert!(made.contains(newest) && database["gaps"] == json!([]), "{sound}");
    assert_eq!((&sound["sources"][1]["newest"], &sound["lock_days"]), (&Value::Null, &json!(1)));

    let people = status(&site.bucket, &site.environment, &[]);
    let said = String::from_utf8(people.stdout).unwrap();
    assert_eq!(people.status.code(), Some(0));
    assert!(said.contains(newest.as_str().unwrap()) && said.ends_with("all is well\n"), "{said}");
}

#[tokio::test]
async fn database_whose_backups_stop_is_late_though_another_s_go_on_until_it_is_said_to_have_ended() {
    let site = Site::new(USUAL).await;
    site.back_up().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let other = site.beside(USUAL).await;
    other.back_up().await;
    // None is so young for long.
    let (code, late) = answer(&site, &["--database-hours", "0"]);
    let stopped = format!("the newest backup of database {} is", site.database.name);
    assert!(code == Some(3) && wrong(&late).contains(&stopped), "{late}");
    let (_, ended) = answer(&site, &["--database-hours", "0", "--ended", &site.database.name]);
    assert!(!wrong(&ended).contains(&stopped), "{ended}");
    let of = |name: &str| ended["sources"].as_array().unwrap().iter().find(|source| source["source"] == *name).unwrap();
    assert_eq!((&of(&site.database.name)["state"], &of(&other.database.name)["backups"]), (&json!("ended"), &json!(1)));
    let people = status(&site.bucket, &site.environment, &["--database-hours", "0", "--ended", &site.database.name]);
    let said = String::from_utf8(people.stdout).unwrap();
    assert!(said.contains("and no longer missed") && said.contains(&other.database.name), "{said}");
}

#[tokio::test]
async fn what_is_missing_too_short_locked_or_tampered_with_makes_status_3() {
    let site = Site::new(USUAL).await;
    let report = site.back_up().await;
    let (code, files) = answer(&site, &["--files-hours", "30"]);
    assert_eq!((code, wrong(&files)), (Some(3), "there is no backup of files".to_owned()));
    let (code, days) = answer(&site, &["--lock-days", "30"]);
    assert_eq!(code, Some(3));
    assert!(wrong(&days).contains("for 1 days, and 30 are asked for"), "{days}");
    // No backup is as young as that.
    let (code, late) = answer(&site, &["--database-hours", "0"]);
    assert_eq!((code, &late["sources"][0]["state"]), (Some(3), &json!("late")), "{late}");

    // A run that left nothing is told, and is its own alarm's matter.
    let volume = &site.listing().await.backups[0].objects["volume-0001.sql.zst.enc"].key;
    // Of the same second, by another attempt.
    let (folder, name) = volume.rsplit_once('/').unwrap();
    let stray = format!("{}0123456789abcdef/{name}", &folder[..folder.len() - 16]);
    s3::client().put_object().bucket(&site.bucket).key(&stray).body(b"x".to_vec().into()).send().await.unwrap();
    let (code, incomplete) = answer(&site, &[]);
    assert_eq!((code, wrong(&incomplete)), (Some(0), String::new()));
    assert!(incomplete["findings"][0].as_str().unwrap().contains("incomplete"), "{incomplete}");

    let id = report["backup"].as_str().unwrap();
    let backup = site.listing().await.backups.remove(0);
    let summary = backup.objects["summary.json"].key.clone();
    s3::client().delete_object().bucket(&site.bucket).key(&summary).send().await.unwrap();
    let (code, deleted) = answer(&site, &[]);
    assert_eq!(code, Some(3));
    assert!(wrong(&deleted).contains(id) && wrong(&deleted).contains("was deleted"), "{deleted}");
    let people = status(&site.bucket, &site.environment, &[]);
    let said = String::from_utf8(people.stdout).unwrap();
    assert!(people.status.code() == Some(3) && said.ends_with("not all is well\n"), "{said}");
}

#[tokio::test]
async fn vault_that_does_not_lock_or_can_not_be_read_is_no_sound_one() {
    let bucket = s3::plain_bucket().await;
    let unlocked = status(&bucket, "test", &[]);
    assert_eq!(unlocked.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&unlocked.stdout).contains("has no Object Lock"));
    let gone = status(&unique("no-such-"), "test", &[]);
    assert_eq!(gone.status.code(), Some(1), "what could not be looked at is not a finding");
}
