//! Which backup is meant, said to the function and on the command line in the same words.

use std::path::PathBuf;
use std::process::Output;

use end_to_end::Site;
use end_to_end::files::put;
use serde_json::{Value, json};
use testing::postgres::{Database, USUAL};
use testing::s3;

use crate::command_line::offsite;

/// Two databases whose backups lie in one environment of one vault.
struct Two {
    one: Site,
    other: Site,
    folder: tempfile::TempDir,
}

impl Two {
    async fn new() -> Self {
        let one = Site::new(USUAL).await;
        let mut other = Site::with(Database::create(USUAL).await, one.bucket.clone()).await;
        other.environment = one.environment.clone();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keys.json"), &one.wrapping_keys).unwrap();
        Self { one, other, folder }
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys.json")
    }

    fn offsite(&self, arguments: &[&str]) -> Output {
        let mut command = offsite();
        command.args(arguments).args(["--vault", &self.one.bucket, "--environment", &self.one.environment]);
        if arguments[0] != "list" {
            command.arg("--wrapping-keys").arg(self.keys());
        }
        command.env("DATABASE_URL", self.one.database.server.url("postgres")).output().unwrap()
    }

    fn listed(&self, arguments: &[&str]) -> Value {
        let arguments = [&["list", "--json"], arguments].concat();
        serde_json::from_str(&said(&self.offsite(&arguments))).unwrap()
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn latest_of_two_databases_is_not_guessed() {
    let two = Two::new().await;
    for (site, rows) in [(&two.one, 1), (&two.other, 2)] {
        site.database.run(&format!("CREATE TABLE t AS SELECT generate_series(1, {rows}) AS n")).await;
    }
    let ids = [two.one.back_up().await["backup"].clone(), two.other.back_up().await["backup"].clone()];
    let into = format!("{}_chosen", two.one.database.name);
    let mut event = json!({"kind": "database", "backup": "latest", "into": into});
    let failure = two.one.restore().invoke(&event).await.failure();
    for id in &ids {
        assert!(failure.contains(id.as_str().unwrap()) && failure.contains("`source` in an event"), "{failure}");
    }
    assert!(!two.one.database_exists(&into).await);
    let table = |more: &[&str]| two.offsite(&[&["cat", "latest", "t"], more].concat());
    assert!(refused(&table(&[])).contains("`--source`"));

    let source = two.other.database.name.as_str();
    assert_eq!(said(&table(&["--source", source])), "1\n2\n");
    event["source"] = json!(source);
    let report = two.one.restore().invoke(&event).await.report();
    assert_eq!((&report["backup"], &report["rows"]), (&ids[1], &json!(2)));
    two.one.drop_database(&into).await;
}

#[tokio::test]
async fn backup_is_named_by_a_key_and_a_version_that_the_list_shows() {
    let two = Two::new().await;
    two.one.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
    let id = two.one.back_up().await["backup"].clone();
    two.other.back_up().await;
    let listed = two.listed(&["--kind", "database", "--source", &two.one.database.name]);
    let [shown] = listed["backups"].as_array().unwrap().as_slice() else { panic!("{listed}") };
    assert_eq!((&shown["backup"], &shown["locked"], &shown["findings"]), (&id, &json!(true), &json!([])));
    assert!(shown["age_seconds"].as_i64().unwrap() >= 0 && shown["locked_until"].is_string(), "{shown}");
    let manifest = &shown["objects_stored"]["manifest.enc"];
    let (key, version) = (manifest["key"].as_str().unwrap(), manifest["version_id"].as_str().unwrap());

    // Somebody puts the same bytes over it, and then others.
    let client = s3::client();
    let bytes =
        client.get_object().bucket(&two.one.bucket).key(key).send().await.unwrap().body.collect().await.unwrap();
    let over = async |bytes: Vec<u8>| {
        let put = client.put_object().bucket(&two.one.bucket).key(key).body(bytes.into()).send().await.unwrap();
        put.version_id.unwrap()
    };
    let same = over(bytes.to_vec()).await;
    let forged = over(b"not what was backed up".to_vec()).await;

    let at = format!("s3://{}/{key}", two.one.bucket);
    let report = |version: Option<&str>| {
        let version = version.map(|version| ["--version-id", version]);
        let version = version.as_ref().map_or(&[][..], |version| version);
        let into = format!("{}_key", two.one.database.name);
        let arguments = [&["restore", "database", &at, "--into", &into, "--dry-run", "--json"], version].concat();
        two.offsite(&arguments)
    };
    for (asked, later) in [(None, false), (Some(version), false), (Some(same.as_str()), true)] {
        let report: Value = serde_json::from_str(&said(&report(asked))).unwrap();
        let findings = report["findings"].to_string();
        assert_eq!(report["backup"], id);
        assert!(findings.contains("has 3 versions, of which the oldest counts"), "{findings}");
        assert_eq!(findings.contains(&format!("is read in version {same}")), later, "{findings}");
    }
    let failure = refused(&report(Some(&forged)));
    assert!(failure.contains(key) && failure.contains("not what its backup's summary says"), "{failure}");
    let event = json!({"kind": "database", "backup": at, "version_id": forged, "into": "never"});
    let failure = two.one.restore().invoke(&event).await.failure();
    assert!(failure.contains(key) && failure.contains("not what its backup's summary says"), "{failure}");
    let people = said(&two.offsite(&["list"]));
    assert!(people.contains("locked until") && people.contains("manifest.enc: was written again"), "{people}");
}

#[tokio::test]
async fn files_of_two_buckets_are_told_apart_as_databases_are() {
    let two = Two::new().await;
    let buckets = [s3::plain_bucket().await, s3::plain_bucket().await];
    for (number, bucket) in buckets.iter().enumerate() {
        put(bucket, &format!("file-{number}"), 10, number).await;
        two.one.backup_files(bucket).invoke(&json!({})).await.report();
    }
    let into = s3::plain_bucket().await;
    let mut event = json!({"kind": "files", "backup": "latest", "into": into});
    let failure = two.one.restore().invoke(&event).await.failure();
    let listed = |text: &str| refused(&two.offsite(&["ls", text]));
    for said in [failure, listed("latest"), listed("before 2999-01-01T00:00:00Z")] {
        assert!(buckets.iter().all(|bucket| said.contains(&bucket.replace('-', "_"))), "{said}");
    }
    // As it is called, though an id has no hyphens.
    event["source"] = json!(buckets[0]);
    let report = two.one.restore().invoke(&event).await.report();
    assert_eq!((&report["source"], &report["written"]), (&json!(buckets[0]), &json!(1)));
    assert!(said(&two.offsite(&["ls", "latest", "--source", &buckets[1]])).contains("file-1"));
}
