//! The command line, as people type it.

use std::process::Command;

use end_to_end::{Site, pg_dump};
use testing::postgres::{Database, USUAL};
use testing::stack::stack;

use crate::SHOP;

/// The program that `cargo build` made, with the local stack's credentials.
pub(crate) fn offsite() -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("offsite");
    assert!(program.exists(), "{} does not exist: run `cargo build --workspace` first", program.display());
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("AWS_ACCESS_KEY_ID", &stack().access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &stack().secret_access_key)
        .env("AWS_REGION", &stack().region)
        .env("AWS_ENDPOINT_URL", stack().aws_endpoint.as_ref().unwrap())
        .env("AWS_ENDPOINT_URL_S3", testing::s3::endpoint());
    command
}

#[tokio::test]
async fn dump_writes_sql_that_psql_loads_and_nothing_else() {
    let database = Database::create(USUAL).await;
    database.run(SHOP).await;
    let folder = tempfile::tempdir().unwrap();
    for jobs in ["1", "4"] {
        let dumped = offsite().args(["dump", "--jobs", jobs, &database.url()]).output().unwrap();
        assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
        assert!(dumped.stdout.ends_with(b"-- PostgreSQL database dump complete\n--\n\n"));
        assert!(dumped.stderr.is_empty(), "{}", String::from_utf8_lossy(&dumped.stderr));
        let file = folder.path().join(format!("{jobs}.sql"));
        std::fs::write(&file, dumped.stdout).unwrap();

        let copy = Database::create(USUAL).await;
        let loaded = Command::new(stack().psql.as_ref().unwrap())
            .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", &copy.url(), "-f"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        assert_eq!(pg_dump(&copy.server, &copy.name), pg_dump(&database.server, &database.name));
    }
}

#[tokio::test]
async fn dump_that_fails_says_why_and_writes_no_trailer() {
    let database = Database::create(USUAL).await;
    let url = database.server.url("no_such_database");
    let dumped = offsite().args(["dump", &url]).output().unwrap();
    assert_eq!(dumped.status.code(), Some(1));
    let said = String::from_utf8(dumped.stderr).unwrap();
    assert!(said.contains("no_such_database") && !said.contains(&database.server.password), "{said}");
    assert!(dumped.stdout.is_empty());
}

#[tokio::test]
async fn list_and_restore_find_what_the_function_wrote() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let report = site.back_up().await;
    let backup = report["backup"].as_str().unwrap();
    let place = ["--vault", &site.bucket, "--environment", &site.environment];

    let listed = offsite().arg("list").args(place).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    assert!(String::from_utf8(listed.stdout).unwrap().contains(backup));

    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let into = format!("{}_cli", site.database.name);
    let restored = offsite()
        .args(["restore", "database", backup, "--into", &into, "--wrapping-keys"])
        .arg(&keys)
        .args(place)
        .env("DATABASE_URL", site.database.server.url("postgres"))
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
}

#[tokio::test]
async fn keygen_makes_a_pair_that_opens_a_backup_and_never_overwrites_a_key() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let folder = tempfile::tempdir().unwrap();
    let keygen = || offsite().args(["keygen", "escrow-2026", "--out"]).arg(folder.path()).output().unwrap();
    let made = keygen();
    assert!(made.status.success());
    let public = std::fs::read_to_string(folder.path().join("escrow-2026.pub.pem")).unwrap();
    // As it is pasted into the parameters of the stack.
    let printed = String::from_utf8(made.stdout).unwrap();
    let recipients =
        printed.lines().find_map(|line| line.strip_prefix("RsaRecipients: '")?.strip_suffix('\'')).unwrap();
    assert_eq!(recipients, serde_json::json!({"escrow-2026": public}).to_string());
    let private = folder.path().join("escrow-2026.key.pem");
    let before = std::fs::read(&private).unwrap();
    assert_eq!(keygen().status.code(), Some(1));
    assert_eq!(std::fs::read(&private).unwrap(), before);

    let function = site.backup().with("OFFSITE_RSA_RECIPIENTS", recipients).with("OFFSITE_WRAPPING_KEYS_SECRET", "");
    function.invoke(&serde_json::json!({})).await.report();
    let into = format!("{}_rsa", site.database.name);
    let restored = offsite()
        .args(["restore", "database", "latest", "--into", &into, "--private-key"])
        .arg(&private)
        .args(["--vault", &site.bucket, "--environment", &site.environment])
        .env("DATABASE_URL", site.database.server.url("postgres"))
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    site.drop_database(&into).await;

    let without_key = offsite()
        .args(["restore", "database", "latest", "--into", &into])
        .args(["--vault", &site.bucket, "--environment", &site.environment])
        .env("DATABASE_URL", site.database.server.url("postgres"))
        .output()
        .unwrap();
    assert_eq!(without_key.status.code(), Some(1));
    assert!(!site.database_exists(&into).await);
}

#[tokio::test]
async fn hold_locks_a_backup_for_longer_and_takes_no_day_that_has_passed() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let report = site.back_up().await;
    let backup = report["backup"].as_str().unwrap();
    let hold = |until: &str| {
        let place = ["--vault", &site.bucket, "--environment", &site.environment];
        offsite().args(["hold", backup, "--until", until]).args(place).output().unwrap()
    };
    let in_a_year = time::OffsetDateTime::now_utc().date() + time::Duration::days(365);
    let held = hold(&in_a_year.to_string());
    assert!(held.status.success(), "{}", String::from_utf8_lossy(&held.stderr));
    let said = String::from_utf8(held.stdout).unwrap();
    assert!(said.contains("3 objects, of which 3 were locked for less"), "{said}");

    let again = String::from_utf8(hold(&in_a_year.to_string()).stdout).unwrap();
    assert!(again.contains("3 objects, of which 0 were locked for less"), "{again}");

    let past = hold("2026-01-01");
    assert_eq!(past.status.code(), Some(1));
    assert!(String::from_utf8(past.stderr).unwrap().contains("has passed"));
}

#[tokio::test]
async fn hold_of_what_is_no_whole_backup_locks_it_and_says_so() {
    let site = Site::new(USUAL).await;
    let half = "20261122T121433Z-shop-00010203040506ab";
    let key = format!("{}/database/2026/11/22/{half}/volume-0001.sql.zst.enc", site.environment);
    testing::s3::client().put_object().bucket(&site.bucket).key(key).send().await.unwrap();
    let in_a_year = time::OffsetDateTime::now_utc().date() + time::Duration::days(365);
    let place = ["--vault", &site.bucket, "--environment", &site.environment];
    let held = offsite().args(["hold", half, "--until", &in_a_year.to_string()]).args(place).output().unwrap();
    assert_eq!(held.status.code(), Some(1));
    assert!(String::from_utf8(held.stdout).unwrap().contains("1 objects, of which 1 were locked for less"));
    assert!(String::from_utf8(held.stderr).unwrap().contains("no whole backup"));
}
