//! The function that looks after the vault.

use std::time::Duration;

use end_to_end::Site;
use serde_json::{Value, json};
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::postgres::USUAL;
use testing::s3;

const ALARMS: [&str; 7] = ["Late", "Tampered", "Unlocked", "Unusual", "Overdue", "Unread", "DrillsDue"];

/// The report of a look, what it measured, and its whole log.
async fn look(site: &Site) -> (Value, Value, String) {
    let outcome = site.verify().invoke(&json!({"mode": "watch"})).await;
    let last = outcome.log.lines().last().map(|line| serde_json::from_str(line).unwrap()).unwrap();
    let log = outcome.log.clone();
    (outcome.report(), last, log)
}

#[tokio::test]
async fn watch_reports_what_it_saw_and_measures_each_alarm_also_when_nothing_is_wrong() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let backup = site.back_up().await;
    let (report, measured, _) = look(&site).await;
    // Nothing deletes what expires in a bucket of the tests.
    assert_eq!((&report["status"], &report["counts"]), (&json!("wrong"), &json!({"nothing_expires": 1})), "{report}");
    assert_eq!((&report["versions"], &report["locks_read"]), (&json!(3), &json!(3)));
    let [database] = &report["sources"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&database["kind"], &database["newest"]["backup"]), (&json!("database"), &backup["backup"]));
    assert_eq!((&report["last_drill"], &report["last_recovery_drill"]), (&Value::Null, &Value::Null));

    assert_eq!((&measured["Function"], &measured["Success"]), (&json!("watch"), &json!(1)));
    assert_eq!(measured["Environment"], site.environment);
    for name in ALARMS {
        assert_eq!(measured[name], u8::from(name == "Overdue"), "{name}: {measured}");
    }
    assert!(measured["DatabaseAge"].as_u64().unwrap() < 3 * 3600 && measured.get("FilesAge").is_none(), "{measured}");
    assert_eq!(measured["StoredBytes"], report["stored_bytes"]);
}

#[tokio::test]
async fn watch_tells_by_name_what_somebody_did_to_the_vault() {
    let site = Site::new(USUAL).await;
    let (empty, measured, _) = look(&site).await;
    assert_eq!((&measured["Late"], &empty["wrong"][0]["name"]), (&json!(1), &json!("late")), "{empty}");

    site.back_up().await;
    let summary = site.listing().await.backups[0].objects["summary.json"].key.clone();
    s3::client().delete_object().bucket(&site.bucket).key(&summary).send().await.unwrap();
    s3::client().put_object().bucket(&site.bucket).key("filler").body(b"x".to_vec().into()).send().await.unwrap();
    let (report, measured, log) = look(&site).await;
    assert_eq!((&measured["Tampered"], &measured["Late"]), (&json!(2), &json!(0)), "{report}");
    let said: Vec<&str> = report["wrong"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert!(said[0].starts_with(&summary) && said[0].contains("was deleted"), "{said:?}");
    assert!(said[1].starts_with("filler: "), "{said:?}");
    // Each on a line of its own, with the name that an alarm's reader looks for.
    let warned = log.lines().filter(|line| line.contains("\"level\":\"WARN\""));
    let named = warned.filter(|line| line.contains("\"name\":\"delete_marker\"") && line.contains(&summary));
    assert_eq!(named.count(), 1, "{log}");
}

#[tokio::test]
async fn watch_misses_a_database_though_another_is_backed_up_and_measures_the_older() {
    let site = Site::new(USUAL).await;
    site.back_up().await;
    // As if it had stopped.
    let late = site.beside(USUAL).await;
    let hours = |hours: &str, ended: &str| {
        let verify = site.verify().with("OFFSITE_DATABASE_HOURS", hours).with("OFFSITE_ENDED_SOURCES", ended);
        async move { verify.invoke(&json!({"mode": "watch"})).await }
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    late.back_up().await;
    let outcome = hours("3", "").await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    assert_eq!((&measured["Late"], &report["source_counts"]), (&json!(0), &json!({"database": 2})), "{report}");
    assert!(measured["DatabaseAge"].as_u64().unwrap() >= 3, "{measured}");
    let names: Vec<&Value> = report["sources"].as_array().unwrap().iter().map(|source| &source["source"]).collect();
    assert_eq!(names, [&json!(site.database.name), &json!(late.database.name)]);
    // Who is named and is backed up is told.
    let report = hours("3", &format!(" {} ,no-such", site.database.name)).await.report();
    let notes = report["notes"].to_string();
    assert!(
        notes.contains("is said to have ended, and is backed up") && notes.contains(&site.database.name),
        "{report}"
    );
}

#[tokio::test]
async fn watch_tells_of_a_lock_that_is_shorter_than_promised_and_of_what_it_may_not_read() {
    let site = Site::new(USUAL).await;
    let backup = site.back_up().await;
    let outcome = site.verify().with("OFFSITE_LOCK_DAYS", "2").invoke(&json!({"mode": "watch"})).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    // The bucket's, and that of each object.
    assert_eq!((&measured["Unlocked"], &report["counts"]["short_lock"]), (&json!(4), &json!(3)), "{report}");
    let mut wrong = report["wrong"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap());
    let of_volume =
        wrong.rfind(|what| what.contains(backup["backup"].as_str().unwrap()) && what.contains("/volume-0001"));
    assert!(of_volume.unwrap().contains("and 2 days were promised: until "), "{report}");

    let proxy = Proxy::start().await;
    let verify = site.verify().with("AWS_ENDPOINT_URL_S3", proxy.endpoint());
    proxy.inject(Operation::GetObjectRetention, 1, Fault::AccessDenied, Times::ForGood);
    let outcome = verify.invoke(&json!({"mode": "watch"})).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    assert_eq!((&measured["Unread"], &measured["Success"]), (&json!(1), &json!(1)), "{report}");
    let said = report["wrong"].to_string();
    assert!(said.contains("the locks of 3 of 3 objects can't be read") && said.contains("AccessDenied"), "{report}");
}

#[tokio::test]
async fn watch_that_can_not_look_fails_by_name() {
    let site = Site::new(USUAL).await;
    let failure = site.verify().invoke(&json!({"mode": "wach"})).await.failure();
    assert!(failure.contains("wach"), "{failure}");
    let failure = site.verify().with("OFFSITE_LOCK_DAYS", "").invoke(&json!({"mode": "watch"})).await.failure();
    assert!(failure.contains("OFFSITE_LOCK_DAYS") && failure.contains("HINT"), "{failure}");
    let outcome = site.verify().with("OFFSITE_VAULT_BUCKET", "no-such-vault").invoke(&json!({"mode": "watch"})).await;
    assert!(outcome.log.contains("\"Success\":0"), "{}", outcome.log);
    let failure = outcome.failure();
    assert!(failure.contains("no-such-vault") && failure.contains("NoSuchBucket"), "{failure}");
}
