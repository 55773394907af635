//! What was backed up comes back equal.

use end_to_end::Site;
use serde_json::json;
use testing::postgres::USUAL;

use crate::SHOP;

#[tokio::test]
async fn backup_comes_back_equal() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let report = site.back_up().await;
    assert_eq!(report["status"], "ok");
    assert_eq!(report["rows"], 25_000);
    site.assert_no_sessions().await;

    let into = format!("{}_back", site.database.name);
    let restored = site.restore().invoke(&json!({"kind": "database", "backup": "latest", "into": into})).await.report();
    assert_eq!(
        (&restored["status"], &restored["backup"], &restored["rows"]),
        (&json!("ok"), &report["backup"], &report["rows"])
    );
    assert_eq!(restored["equal"], true);
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
}

#[tokio::test]
async fn backup_of_several_volumes_comes_back_equal() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let report = site.backup().with("OFFSITE_VOLUME_BYTES", "1").invoke(&json!({})).await.report();
    let volumes = report["volumes"].as_u64().unwrap();
    assert!(volumes > 3, "{report}");

    let into = format!("{}_back", site.database.name);
    let backup = &report["backup"];
    site.restore().invoke(&json!({"kind": "database", "backup": backup, "into": into})).await.report();
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
}

#[tokio::test]
async fn partitions_by_enum_come_back_equal_whatever_order_their_columns_have() {
    let site = Site::new(USUAL).await;
    site.database
        .run(
            "CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
             CREATE TABLE root (c colour, n int, t text) PARTITION BY HASH (c);
             CREATE TABLE one PARTITION OF root FOR VALUES WITH (MODULUS 2, REMAINDER 0);
             CREATE TABLE two (t text, c colour, n int);
             ALTER TABLE root ATTACH PARTITION two FOR VALUES WITH (MODULUS 2, REMAINDER 1);
             INSERT INTO root SELECT (ARRAY['red', 'green', 'blue'])[1 + n % 3]::colour, n, 'row ' || n FROM generate_series(1, 300) n",
        )
        .await;
    assert_eq!(site.back_up().await["rows"], 300);
    let into = format!("{}_back", site.database.name);
    site.restore().invoke(&json!({"kind": "database", "backup": "latest", "into": into})).await.report();
    site.drop_database(&into).await;
}

#[tokio::test]
async fn empty_database_comes_back_empty() {
    let site = Site::new(USUAL).await;
    assert_eq!(site.back_up().await["rows"], 0);
    let into = format!("{}_back", site.database.name);
    site.restore().invoke(&json!({"kind": "database", "backup": "latest", "into": into})).await.report();
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
}

#[tokio::test]
async fn schedule_that_fires_twice_makes_two_backups_and_disturbs_none() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let function = site.backup();
    let event = json!({"scheduled": "2026-11-22T12:00:00Z"});
    let (first, second) = tokio::join!(function.invoke(&event), function.invoke(&event));
    let (first, second) = (first.report(), second.report());
    assert_ne!(first["backup"], second["backup"]);
    assert_eq!(site.listing().await.backups.len(), 2);
}

#[tokio::test]
async fn restore_leaves_an_existing_database_alone() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
    site.back_up().await;
    let failure = site.restore().invoke(&json!({"kind": "database", "backup": "latest"})).await.failure();
    assert!(failure.contains(&site.database.name) && failure.contains("exists"), "{failure}");
    site.assert_no_sessions().await;
}

#[tokio::test]
async fn log_is_json_from_the_speed_of_encryption_to_the_metrics() {
    let site = Site::new(USUAL).await;
    let outcome = site.backup().invoke(&json!({})).await;
    let lines: Vec<serde_json::Value> = outcome
        .log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect();
    assert!(lines[0]["aes_gcm_mib_per_second"].as_f64().unwrap() > 0.0, "{}", lines[0]);
    let report = outcome.report();
    assert!(report["peak_memory_bytes"].as_u64().unwrap() > 1 << 20);
    assert_eq!(report["warnings"][0]["code"], "only_wrapping_keys");
    let [.., said, measured] = &lines[..] else { panic!("{lines:?}") };
    assert!(said["report"].as_str().unwrap().contains(report["backup"].as_str().unwrap()));
    assert_eq!((&measured["Success"], &measured["Environment"]), (&json!(1), &json!(site.environment)));
    assert_eq!(measured["StoredBytes"], report["stored_bytes"]);
}

#[tokio::test]
async fn restore_of_what_is_not_there_or_not_understood_is_refused() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
    let into = format!("{}_back", site.database.name);
    let refused = async |event| site.restore().invoke(&event).await.failure();
    let none = refused(json!({"kind": "database", "backup": "latest", "into": into})).await;
    assert!(none.contains(&site.environment), "{none}");
    site.back_up().await;
    let id = "20200101T000000Z-shop-0011223344556677";
    let other = refused(json!({"kind": "database", "backup": id, "into": into})).await;
    assert!(other.contains(id), "{other}");
    let word = refused(json!({"kind": "database", "backup": "newest", "into": into})).await;
    assert!(word.contains("newest") && word.contains("HINT"), "{word}");
    let field = refused(json!({"kind": "database", "backup": "latest", "intoo": into})).await;
    assert!(field.contains("intoo"), "{field}");
    assert!(!site.database_exists(&into).await);
}
