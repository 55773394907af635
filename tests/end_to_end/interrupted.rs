//! Runs that are disturbed: whole or not at all.

use std::time::Duration;

use end_to_end::Site;
use serde_json::json;
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::postgres::USUAL;

/// Enough rows that a run is still in them when it is disturbed.
const SLOW: &str = "CREATE TABLE slow (n int, t text); INSERT INTO slow SELECT n, repeat(md5(n::text), 40) FROM generate_series(1, 150000) n";

/// Waits until a session of ours is within a COPY.
async fn copying(site: &Site) {
    let client = site.database.server.connect("postgres").await;
    let active = "SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'offsite%' AND state = 'active' AND query LIKE 'COPY%'";
    let waiting = async {
        while client.query(active, &[&site.database.name]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("the run never copied");
}

#[tokio::test]
async fn connection_killed_within_a_copy_makes_no_backup() {
    let site = Site::new(USUAL).await;
    site.database.run(SLOW).await;
    let function = site.backup();
    let killer = async {
        copying(&site).await;
        let client = site.database.server.connect("postgres").await;
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'offsite%' AND query LIKE 'COPY%'";
        client.query(kill, &[&site.database.name]).await.unwrap();
    };
    let event = json!({});
    let (outcome, ()) = tokio::join!(function.invoke(&event), killer);
    let failure = outcome.failure();
    assert!(failure.contains("slow"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn function_killed_in_the_middle_makes_no_backup() {
    let site = Site::new(USUAL).await;
    site.database.run(SLOW).await;
    site.backup().start(&json!({})).await.kill_after(copying(&site)).await;
    site.assert_untouched().await;
    // And the next run is not disturbed by what it left.
    assert_eq!(site.back_up().await["rows"], 150_000);
}

#[tokio::test]
async fn run_that_cannot_end_in_time_is_cancelled_and_says_so() {
    let site = Site::new(USUAL).await;
    site.database.run(SLOW).await;
    // Reading must end 90 s before the function does: there is no time at all, or surely too little.
    let failure = site.backup().limit(Duration::from_secs(60)).invoke(&json!({})).await.failure();
    assert!(failure.contains("90 s") && failure.contains("HINT"), "{failure}");
    site.assert_untouched().await;
    let mut failures = Vec::new();
    // A slow machine has read nothing after the first of these.
    for left in [900, 2_000, 6_000] {
        failures.push(site.backup().limit(Duration::from_millis(90_000 + left)).invoke(&json!({})).await.failure());
        site.assert_untouched().await;
        if failures.iter().any(|failure| failure.contains(&site.database.name) && failure.contains("bytes")) {
            return;
        }
    }
    panic!("{failures:?}");
}

#[tokio::test]
async fn run_whose_upload_stalls_is_cancelled_in_time() {
    let site = Site::new(USUAL).await;
    let rows = "SELECT n, md5(random()::text) || md5(random()::text) || md5(random()::text) || md5(random()::text) FROM generate_series(1, 700000) n";
    site.database.run(&format!("CREATE TABLE noise (n int, t text); INSERT INTO noise {rows}")).await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::UploadPart, 1, Fault::Timeout, Times::ForGood);
    let function = site.backup().with("AWS_ENDPOINT_URL_S3", proxy.endpoint()).limit(Duration::from_secs(94));
    let failure = function.invoke(&json!({})).await.failure();
    assert!(failure.contains("90 s") && failure.contains("HINT"), "{failure}");
    assert!(proxy.calls(Operation::UploadPart) > 0 && proxy.calls(Operation::AbortMultipartUpload) > 0);
    site.assert_untouched().await;
}

#[tokio::test]
async fn restore_that_cannot_end_in_time_leaves_no_database() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    site.back_up().await;
    let into = format!("{}_back", site.database.name);
    let event = json!({"kind": "database", "backup": "latest", "into": into});
    let failure = site.restore().limit(Duration::from_secs(20)).invoke(&event).await.failure();
    assert!(failure.contains("90 s") && failure.contains("HINT: "), "{failure}");
    assert!(!site.database_exists(&into).await);
}

#[tokio::test]
async fn restore_that_loses_the_vault_half_way_leaves_no_database() {
    let site = Site::new(USUAL).await;
    let text = "(SELECT string_agg(md5((n * 100 + i)::text), '') FROM generate_series(1, 30) i) AS text";
    site.database.run(&format!("CREATE TABLE noise AS SELECT n, {text} FROM generate_series(1, 40000) n")).await;
    site.back_up().await;
    let into = format!("{}_back", site.database.name);
    let event = json!({"kind": "database", "backup": "latest", "into": into});
    // How often it asks, if nothing is in the way.
    let through =
        async |proxy: &Proxy| site.restore().with("AWS_ENDPOINT_URL_S3", proxy.endpoint()).invoke(&event).await;
    let proxy = Proxy::start().await;
    assert_eq!(through(&proxy).await.report()["equal"], true);
    site.drop_database(&into).await;
    let calls = proxy.calls(Operation::GetObject);
    let proxy = Proxy::start().await;
    proxy.inject(Operation::GetObject, calls - 1, Fault::Reset, Times::ForGood);
    let failure = through(&proxy).await.failure();
    assert!(failure.contains("read the backup: read section ") && failure.contains("of volume-0001"), "{failure}");
    assert!(failure.contains("(5 tries): S3 gave no answer. HINT: See whether this network leads to S3"), "{failure}");
    let client = site.database.server.connect("postgres").await;
    let left = client.query("SELECT FROM pg_database WHERE starts_with(datname, $1)", &[&into]).await.unwrap();
    assert!(left.is_empty(), "{failure}");
    site.assert_no_sessions().await;
}

#[tokio::test]
async fn database_that_grows_meanwhile_is_backed_up_as_it_was() {
    let site = Site::new(USUAL).await;
    site.database.run(SLOW).await;
    let function = site.backup();
    let grower = async {
        copying(&site).await;
        site.database
            .run("INSERT INTO slow SELECT n, 'late' FROM generate_series(1, 1000) n; CREATE TABLE late (n int)")
            .await;
    };
    let event = json!({});
    let (outcome, ()) = tokio::join!(function.invoke(&event), grower);
    assert_eq!(outcome.report()["rows"], 150_000);
}
