//! The yearly drill with the escrow's private key.

use std::path::{Path, PathBuf};
use std::process::Output;

use end_to_end::{Site, files};
use serde_json::{Value, json};
use tempfile::TempDir;
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::postgres::USUAL;
use testing::s3;

use crate::command_line::offsite;

/// A pair of keys, as `offsite keygen` makes it.
struct Escrow {
    folder: TempDir,
    recipients: String,
}

impl Escrow {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = offsite().args(["keygen", "escrow", "--out"]).arg(folder.path()).output().unwrap();
        assert!(made.status.success());
        let public = std::fs::read_to_string(folder.path().join("escrow.pub.pem")).unwrap();
        Self { recipients: json!({"escrow": public}).to_string(), folder }
    }

    fn private_key(&self) -> PathBuf {
        self.folder.path().join("escrow.key.pem")
    }
}

fn drill(site: &Site, key: &Path, more: &[&str]) -> Output {
    drill_at(s3::endpoint(), site, key, more)
}

fn drill_at(endpoint: &str, site: &Site, key: &Path, more: &[&str]) -> Output {
    let mut drill = offsite();
    drill.args(["recovery-drill", "--private-key"]).arg(key).args(more);
    drill.args(["--vault", &site.bucket, "--environment", &site.environment]);
    // Nobody else is to help: KMS is nowhere.
    drill.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_ENDPOINT_URL_S3", endpoint);
    drill.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn records(site: &Site) -> Vec<String> {
    let prefix = format!("{}/drills/", site.environment);
    let listed = s3::client().list_objects_v2().bucket(&site.bucket).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// A site with a backup of a database and one of files, which the escrow and wrapping keys open.
async fn backed_up(escrow: &Escrow) -> (Site, [Value; 2]) {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let database = site.backup().with("OFFSITE_RSA_RECIPIENTS", &escrow.recipients).invoke(&json!({})).await.report();
    let bucket = s3::plain_bucket().await;
    files::put(&bucket, "a", 1000, 1).await;
    let function = site.backup_files(&bucket).with("OFFSITE_RSA_RECIPIENTS", &escrow.recipients);
    let files = function.invoke(&json!({})).await.report();
    (site, [database["backup"].clone(), files["backup"].clone()])
}

#[tokio::test]
async fn private_key_alone_opens_the_newest_backup_of_each_source_and_the_watch_knows() {
    let escrow = Escrow::new();
    let (site, backups) = backed_up(&escrow).await;
    // An older one of the same source is not opened, whoever it is for.
    let watched = site.verify().with("OFFSITE_RECOVERY_DRILL_DAYS", "400");
    let before = watched.invoke(&json!({"mode": "watch"})).await.report();
    assert_eq!(before["counts"]["recovery_drill_late"], 1, "{before}");

    let unrecorded = drill(&site, &escrow.private_key(), &["--no-record", "--whole"]);
    assert!(unrecorded.status.success(), "{}", said(&unrecorded));
    assert!(said(&unrecorded).ends_with("not recorded\n") && records(&site).await.is_empty());

    let output = drill(&site, &escrow.private_key(), &["--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let opened: Vec<_> = answer["opened"].as_array().unwrap().iter().map(|one| one["backup"].clone()).collect();
    assert_eq!(opened, backups);
    assert_eq!((&answer["opened"][0]["rows"], &answer["opened"][1]["files"]), (&json!(10), &json!(1)), "{answer}");
    let key = answer["record"].as_str().unwrap();
    assert_eq!(records(&site).await, [key]);
    assert!(key.starts_with(&format!("{}/drills/recovery/", site.environment)), "{key}");
    let after = watched.invoke(&json!({"mode": "watch"})).await.report();
    assert!(
        after["counts"].get("recovery_drill_late").is_none() && after["last_recovery_drill"].is_string(),
        "{after}"
    );

    let people = said(&drill(&site, &escrow.private_key(), &[]));
    assert!(people.contains("opens: 10 rows") && people.contains("each of 2 sources\nrecorded as "), "{people}");
}

#[tokio::test]
async fn newest_backup_of_every_database_is_opened() {
    let escrow = Escrow::new();
    let (site, _) = backed_up(&escrow).await;
    let other = testing::postgres::Database::create(USUAL).await;
    let secret = json!({
        "username": other.server.user, "password": other.server.password, "host": other.server.host,
        "port": other.server.port, "dbname": other.name,
    });
    let secret = testing::secrets::create(&secret.to_string()).await;
    // This one has no escrow, and its backup is not the newest of all.
    let backup = site.backup().with("OFFSITE_DATABASE_SECRET", &secret).invoke(&json!({})).await.report();
    site.backup().with("OFFSITE_RSA_RECIPIENTS", &escrow.recipients).invoke(&json!({})).await.report();
    let output = drill(&site, &escrow.private_key(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let named =
        format!("opens 2 of the 3 newest backups: backup {} has no rsa recipient", backup["backup"].as_str().unwrap());
    assert!(said(&output).contains(&named), "{}", said(&output));
    assert!(records(&site).await.is_empty());
}

#[tokio::test]
async fn key_that_opens_nothing_is_told_with_each_backup_and_nothing_is_recorded() {
    let (escrow, other) = (Escrow::new(), Escrow::new());
    let (site, backups) = backed_up(&escrow).await;
    let output = drill(&site, &other.private_key(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("opens 0 of the 2 newest backups") && text.contains("HINT"), "{text}");
    for backup in &backups {
        let words = format!("backup {} is encrypted for rsa escrow, which is not this key", backup.as_str().unwrap());
        assert!(text.contains(&words), "{text}");
    }
    let public = drill(&site, &escrow.folder.path().join("escrow.pub.pem"), &[]);
    assert!(public.status.code() == Some(1) && said(&public).contains("escrow.pub.pem"), "{}", said(&public));
    let absent = drill(&site, Path::new("no-such.pem"), &[]);
    assert!(absent.status.code() == Some(1) && said(&absent).contains("read no-such.pem"), "{}", said(&absent));
    assert!(records(&site).await.is_empty());
}

#[tokio::test]
async fn backup_for_wrapping_keys_only_and_a_vault_without_backups_prove_nothing() {
    let escrow = Escrow::new();
    let site = Site::new(USUAL).await;
    let output = drill(&site, &escrow.private_key(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("has no whole backup of this environment"), "{}", said(&output));
    let backup = site.back_up().await["backup"].as_str().unwrap().to_owned();
    let output = drill(&site, &escrow.private_key(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let words = format!("backup {backup} has no rsa recipient, and is encrypted for secret test-1 only");
    assert!(said(&output).contains(&words), "{}", said(&output));
    assert!(records(&site).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_that_may_not_be_recorded_is_told_and_fails() {
    let escrow = Escrow::new();
    let (site, backups) = backed_up(&escrow).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::PutObject, 1, Fault::AccessDenied, Times::ForGood);
    let output = drill_at(proxy.endpoint(), &site, &escrow.private_key(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains(&format!("{} opens", backups[0].as_str().unwrap())), "{text}");
    assert!(text.contains("the drill succeeded, but no record of it could be left"), "{text}");
    assert!(text.contains("AccessDenied") && records(&site).await.is_empty(), "{text}");
}
