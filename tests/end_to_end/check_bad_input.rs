//! Checks in vaults that are not as they should be, or may not be read: each in a sentence.

use end_to_end::Site;
use serde_json::{Value, json};
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::postgres::USUAL;
use testing::s3;

use crate::cut_ciphertext::objects;

fn event() -> Value {
    json!({"mode": "check", "kind": "database"})
}

async fn put(bucket: &str, key: &str, bytes: &[u8]) {
    s3::client().put_object().bucket(bucket).key(key).body(bytes.to_vec().into()).send().await.unwrap();
}

/// The id as another attempt of another second.
fn other(id: &str, start: &str) -> String {
    format!("{start}{}ffffffffffffffff", &id[16..id.len() - 16])
}

#[tokio::test]
async fn what_is_odd_beside_a_sound_backup_is_told_and_keeps_no_check_from_it() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let id = site.back_up().await["backup"].as_str().unwrap().to_owned();
    let stored = objects(&site.bucket).await;
    let key = |name: &str| stored.iter().find(|(key, _)| key.contains(name)).unwrap().0.clone();
    let (summary, volume) = (key("/summary.json"), key("/volume-0001"));

    // Foreign objects, beside the backups and in one of them.
    put(&site.bucket, "filler", b"x").await;
    put(&site.bucket, &summary.replace("summary.json", "extra"), b"x").await;
    // A run that is under way, or was given up.
    put(&site.bucket, &volume.replace(&id, &other(&id, &id[..16])), b"x").await;
    // What somebody's clock stored three hours ahead, as its id says.
    let ahead = time::OffsetDateTime::now_utc() + time::Duration::hours(3);
    let (date, time) = (ahead.date(), ahead.time());
    let day = format!("{}{:02}{:02}", date.year(), u8::from(date.month()), date.day());
    let skewed = other(&id, &format!("{day}T{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second()));
    let folder = format!("{}/{:02}/{:02}", date.year(), u8::from(date.month()), date.day());
    for (key, bytes) in &stored {
        let bytes = String::from_utf8(bytes.clone()).map(|text| text.replace(&id, &skewed).into_bytes());
        let name = key.rsplit('/').next().unwrap();
        let place = format!("{}/database/{folder}/{skewed}/{name}", site.environment);
        put(&site.bucket, &place, &bytes.unwrap_or_else(|encrypted| encrypted.into_bytes())).await;
    }
    // Somebody wrote over the volume and deleted the summary, as far as the lock lets him.
    put(&site.bucket, &volume, b"forged").await;
    s3::client().delete_object().bucket(&site.bucket).key(&summary).send().await.unwrap();

    let report = site.verify().invoke(&event()).await.report();
    let check = &report["checks"][0];
    assert_eq!((&check["status"], &check["backup"], &check["rows"]), (&json!("ok"), &json!(id), &json!(10)));
    let findings: Vec<&str> =
        check["findings"].as_array().unwrap().iter().map(|finding| finding.as_str().unwrap()).collect();
    for (of, sentence) in [
        ("/extra", "is not named by its backup's summary"),
        (
            "ffffffffffffffff/",
            "incomplete: 1 objects with 1 bytes and no summary, of a run that is under way or failed",
        ),
        (&skewed, "more than two hours from the time in its id"),
        (&volume, "was written again and has 2 versions, of which the oldest counts"),
        (&summary, "was deleted, 0 days old, and is still there beneath the delete marker"),
    ] {
        assert!(
            findings.iter().any(|finding| finding.contains(of) && finding.contains(sentence)),
            "{of}: {findings:#?}"
        );
    }
    // What belongs to no backup is the watch's to tell.
    assert!(!findings.iter().any(|finding| finding.contains("filler")), "{findings:#?}");
}

#[tokio::test]
async fn read_that_is_denied_fails_the_check_and_is_told_by_its_object() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let id = site.back_up().await["backup"].as_str().unwrap().to_owned();
    let proxy = Proxy::start().await;
    let verify = || site.verify().with("AWS_ENDPOINT_URL_S3", proxy.endpoint());
    assert_eq!(verify().invoke(&event()).await.report()["status"], "ok");
    let (listings, gets) = (proxy.calls(Operation::ListObjectVersions), proxy.calls(Operation::GetObject));
    let cases = (1..=listings).map(|nth| (Operation::ListObjectVersions, nth, "list the versions under "));
    let cases = cases.chain((1..=gets).map(|nth| (Operation::GetObject, nth, id.as_str())));
    for (operation, nth, of) in cases {
        proxy.clear();
        proxy.inject(operation, nth, Fault::AccessDenied, Times::ForGood);
        let failure = verify().invoke(&event()).await.failure();
        assert!(failure.contains(of) && failure.contains("AccessDenied"), "{operation:?} {nth}: {failure}");
    }
}
