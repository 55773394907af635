//! Parts of a backup, into a new database and into one that is there.

use end_to_end::Site;
use serde_json::json;
use testing::postgres::USUAL;
use testing::unique;

use crate::SHOP;
use crate::command_line::offsite;

#[tokio::test]
async fn tables_that_the_event_names_come_back_and_only_they_are_read() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    site.back_up().await;
    let into = format!("{}_part", site.database.name);
    let event = json!({"kind": "database", "backup": "latest", "into": into, "tables": ["customer", "event*"]});
    let report = site.restore().invoke(&event).await.report();
    assert_eq!((&report["rows"], &report["tables"], &report["rows_equal"]), (&json!(5000), &json!(3), &json!(true)));
    assert_eq!(report["equal"], false);
    let dump = site.pg_dump(&into);
    site.drop_database(&into).await;
    assert!(dump.contains("CREATE TABLE public.event_2026") && !dump.contains("purchase"), "{dump}");

    let mut unknown = event.clone();
    unknown["tables"] = json!(["customers"]);
    let said = site.restore().invoke(&unknown).await.failure();
    assert!(said.contains("no table, view or sequence for customers"), "{said}");
    assert!(!site.database_exists(&into).await);
}

#[tokio::test]
async fn roles_are_made_where_the_event_asks_for_it() {
    let site = Site::new(USUAL).await;
    let owner = unique("owner_");
    site.database
        .run(&format!("CREATE ROLE {owner} NOINHERIT; CREATE TABLE t AS SELECT 1 AS n; ALTER TABLE t OWNER TO {owner}"))
        .await;
    site.back_up().await;
    let before = site.pg_dump(&site.database.name);
    site.database.run(&format!("DROP OWNED BY {owner}; DROP ROLE {owner}")).await;
    let into = format!("{}_roles", site.database.name);
    let event = json!({"kind": "database", "backup": "latest", "into": into, "create_roles": true});
    let report = site.restore().invoke(&event).await.report();
    let (after, client) = (site.pg_dump(&into), site.database.server.connect("postgres").await);
    let inherits: bool =
        client.query_one("SELECT rolinherit FROM pg_roles WHERE rolname = $1", &[&owner]).await.unwrap().get(0);
    site.drop_database(&into).await;
    client.batch_execute(&format!("DROP ROLE {owner}")).await.unwrap();
    assert_eq!(report["equal"], true);
    assert!(after == before && !inherits);
}

#[tokio::test]
async fn rows_come_back_into_the_database_that_is_there() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    site.back_up().await;
    let name = &site.database.name;
    let before = site.pg_dump(name);
    site.database
        .run("DELETE FROM purchase WHERE id < 9000; UPDATE customer SET name = 'x'; SELECT lo_unlink(424242)")
        .await;
    let spoilt = site.pg_dump(name);
    let event = json!({"kind": "database", "backup": "latest", "into": name, "existing": true, "content": "data"});
    let said = site.restore().invoke(&event).await.failure();
    assert!(said.contains("these tables hold rows already: public.customer"), "{said}");
    assert_eq!(site.pg_dump(name), spoilt);

    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let restored = offsite()
        .args(["restore", "database", "latest", "--into", name, "--existing", "--content", "data"])
        .args(["--on-conflict", "truncate", "--vault", &site.bucket, "--environment", &site.environment])
        .arg("--wrapping-keys")
        .arg(&keys)
        .env("DATABASE_URL", site.database.server.url("postgres"))
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    let said = String::from_utf8(restored.stdout).unwrap();
    assert!(said.contains("25000 rows") && said.contains("every row that was restored was read back"), "{said}");
    assert_eq!(site.pg_dump(name), before);

    let mut nameless = event.clone();
    nameless.as_object_mut().unwrap().remove("into");
    let said = site.restore().invoke(&nameless).await.failure();
    assert!(said.contains("must name it"), "{said}");
}
