//! Backups of the two older tools, by the function that restores: out of the vault, and out of another bucket.

use end_to_end::{Site, pg_dump};
use serde_json::json;
use testing::lambda::Function;
use testing::postgres::USUAL;
use testing::{s3, secrets, unique};

use crate::older_tools::{DEFECTDOJO_DUMP, GRC, GRC_DUMP, USUAL_PASSWORD, load_by_psql, make_owner, part, read};

/// The function of a site, with a secret of passwords.
async fn restore(site: &Site) -> Function {
    let passwords = json!(["wrong", GRC, USUAL_PASSWORD]).to_string();
    site.restore().with("OFFSITE_OLDER_PASSWORDS_SECRET", &secrets::create(&passwords).await)
}

async fn put(bucket: &str, key: &str, body: Vec<u8>) {
    s3::client().put_object().bucket(bucket).key(key).body(body.into()).send().await.unwrap();
}

#[tokio::test]
async fn dumps_in_the_vault_and_in_another_bucket_are_restored() {
    let (site, bucket) = (Site::new(USUAL).await, s3::plain_bucket().await);
    make_owner().await;
    let by_psql = load_by_psql().await;
    // Whatever came later, the first version counts in the vault.
    let locked = format!("{}/older/2022-07-22--13-00-41.sql.encrypted", site.environment);
    put(&site.bucket, &locked, read(GRC_DUMP)).await;
    put(&site.bucket, &locked, b"something else".to_vec()).await;
    s3::client().delete_object().bucket(&site.bucket).key(&locked).send().await.unwrap();
    put(&bucket, "defectdojo/x.sql.gz.dat", read(DEFECTDOJO_DUMP)).await;
    let into = unique("older_");
    for file in [format!("s3://{}/{locked}", site.bucket), format!("s3://{bucket}/defectdojo/x.sql.gz.dat")] {
        let event = json!({"kind": "older-database", "file": file, "into": into});
        let report = restore(&site).await.invoke(&event).await.report();
        assert_eq!(report["tables"], 2, "{report}");
        assert_eq!((&report["file"], &report["equal"]), (&json!(file), &json!(false)));
        assert_eq!(report["authenticated"], false);
        assert!(site.pg_dump(&into) == pg_dump(&by_psql.server, &by_psql.name), "{file}");
        site.drop_database(&into).await;
    }
}

#[tokio::test]
async fn file_that_can_not_be_restored_is_told_and_nothing_is_made() {
    let (site, bucket) = (Site::new(USUAL).await, s3::plain_bucket().await);
    put(&bucket, "died.sql.gz.dat", read("negative/defectdojo.pgdump-died.sql.gz.dat")).await;
    put(&bucket, "sound.sql.encrypted", read(GRC_DUMP)).await;
    let into = unique("older_");
    let sound = format!("s3://{bucket}/sound.sql.encrypted");
    for (file, told) in [
        (format!("s3://{bucket}/died.sql.gz.dat"), "is not complete"),
        (format!("s3://{bucket}/gone.sql.encrypted"), "deleted"),
        (format!("s3://{}/{}/gone", site.bucket, site.environment), "has no object"),
        ("sound.sql.encrypted".to_owned(), "and not s3://BUCKET/KEY"),
    ] {
        let event = json!({"kind": "older-database", "file": file, "into": into});
        let failure = restore(&site).await.invoke(&event).await.failure();
        assert!(failure.contains(told), "{file}: {failure}");
    }
    let event = json!({"kind": "older-database", "file": sound, "into": into});
    let without = site.restore().invoke(&event).await.failure();
    assert!(without.contains("there is no password"), "{without}");
    let wrong = secrets::create(&json!({"files": "wrong", "database": "secret-word"}).to_string()).await;
    let wrong = site.restore().with("OFFSITE_OLDER_PASSWORDS_SECRET", &wrong).invoke(&event).await;
    assert!(!wrong.log.contains("secret-word"));
    assert!(wrong.failure().contains("none of 2 passwords fits"));
    assert!(!site.database_exists(&into).await);
}

#[tokio::test]
async fn files_in_parts_come_back_from_the_vault() {
    let (site, to) = (Site::new(USUAL).await, s3::plain_bucket().await);
    let key = |number: u32| format!("{}/older/{}", site.environment, part(number).rsplit('/').next().unwrap());
    for number in (1..=10).filter(|number| *number != 3) {
        put(&site.bucket, &key(number), read(&part(number))).await;
    }
    let event = |dry_run: bool| {
        let file = format!("s3://{}/{}", site.bucket, key(10));
        json!({"kind": "older-files", "file": file, "into": to, "dry_run": dry_run})
    };
    let refused = restore(&site).await.invoke(&event(false)).await.failure();
    assert!(refused.contains("part 3 of"), "{refused}");
    let into_vault =
        json!({"kind": "older-files", "file": format!("s3://{}/{}", site.bucket, key(1)), "into": site.bucket});
    let refused = restore(&site).await.invoke(&into_vault).await.failure();
    assert!(refused.contains("is the vault"), "{refused}");
    put(&site.bucket, &key(3), read(&part(3))).await;
    let report = restore(&site).await.invoke(&event(true)).await.report();
    assert_eq!((&report["written"], &report["dry_run"]), (&json!(10), &json!(true)), "{report}");
    assert!(end_to_end::files::contents(&to).await.is_empty());
    let report = restore(&site).await.invoke(&event(false)).await.report();
    assert_eq!((&report["written"], &report["status"]), (&json!(10), &json!("ok")), "{report}");
    assert_eq!(report["files"].as_array().unwrap().len(), 10);
    assert_eq!(end_to_end::files::contents(&to).await.len(), 10);
}
