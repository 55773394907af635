//! Tables of extensions that hold rows of the database's beside the extension's own, such as PostGIS's `spatial_ref_sys`.

use pg_restore::Choice;
use serde_json::json;
use testing::extension::{Creators, install};
use testing::postgres::{Database, server};

use crate::backup::Backup;
use crate::database::{Place, proving};
use crate::existing::{Existing, backup, data, refused, restore};
use crate::login::{By, Login, by_anyone, by_anyone_anywhere};

/// Rows that are the database's, which only a superuser could write.
const ROWS: &str = "INSERT INTO place VALUES (100, 'ours'), (101, 'ours too'); INSERT INTO note VALUES (1, 'ours'); \
                    SELECT setval('counter', 42)";

/// An application that uses the extension.
async fn application(by: By, creators: Creators, rows: &str) -> Database {
    let extension = install(&server(by.major), creators);
    let source = Database::create(by.major).await;
    let sql = format!("CREATE EXTENSION {extension}; CREATE TABLE t AS SELECT generate_series(1, 3) AS n; {rows}");
    source.run(&sql).await;
    source
}

by_anyone_anywhere! {
async fn rows_of_the_database_come_back_beside_the_extension_s_own(by: By) {
    let source = application(by, Creators::All, ROWS).await;
    let place = Place::by(by).await;
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert!(report.rows_equal && report.rows == 6 && report.differences.is_empty(), "{report:?}");
    assert_eq!(place.query::<i64>("SELECT count(*) FROM t").await, 3);
    let all = "SELECT (SELECT count(*) FROM place) * 1000 + (SELECT last_value FROM counter)";
    if by.login == Login::Superuser {
        assert!(report.equal && report.compared.rows == 6, "{report:?}");
        assert_eq!(place.query::<i64>(all).await, 52_042);
        return;
    }
    // The extension's tables are the superuser's who made them.
    let said = report.needs_superuser.join("\n");
    for part in [
        "TABLE DATA public.place: 2 rows (the table is an extension's, and of another role)",
        "TABLE DATA public.note: 1 rows",
        "setval('public.counter', 42, true); (the sequence is an extension's, and of another role)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!report.equal && report.compared.rows == 3, "{report:?}");
    assert_eq!(place.query::<i64>(all).await, 50_001);
}
}

by_anyone_anywhere! {
async fn where_the_database_has_no_rows_nothing_is_missing(by: By) {
    let source = application(by, Creators::All, "").await;
    let place = Place::by(by).await;
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert!(report.rows_equal && report.differences.is_empty(), "{report:?}");
    assert_eq!((report.rows, report.compared.tables, report.compared.rows), (3, 3, 3), "{report:?}");
    let said = report.needs_superuser.join("\n");
    assert!(!said.contains("TABLE DATA"), "{said}");
}
}

by_anyone! {
async fn rows_of_an_extension_that_only_a_superuser_may_create_are_named_with_it(by: By) {
    let source = application(by, Creators::Superusers, ROWS).await;
    let place = Place::by(by).await;
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert!(report.rows_equal && report.equal == (by.login == Login::Superuser), "{report:?}");
    assert_eq!(place.query::<i64>("SELECT count(*) FROM t").await, 3);
    if by.login == Login::Master {
        let said = report.needs_superuser.join("\n");
        for part in [
            "CREATE EXTENSION IF NOT EXISTS testing_places",
            "TABLE DATA public.place: 2 rows (the table is of an extension that was not created)",
            "TABLE DATA public.note: 1 rows",
            "setval('public.counter', 42, true); (the sequence is of an extension that was not created)",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
}

/// What the backup defines itself is no extension's, though one could not be created either.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_table_that_may_not_be_created_end_the_restore() {
    let by = By::master("17");
    let source = application(by, Creators::Superusers, ROWS).await;
    let target = Existing::create(by, "").await;
    // Its own database no more, and nothing may be created in its schema.
    target.database.run(&format!("ALTER DATABASE {} OWNER TO CURRENT_USER", target.database.name)).await;
    let said = refused(&target, backup(&source).await, proving()).await;
    assert!(said.contains("TABLE DATA public.t") && said.contains("\"public.t\" does not exist"), "{said}");
}

/// A row that was altered on its way is seen in such a table too.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_database_are_compared() {
    let by = By::superuser("17");
    let source = application(by, Creators::All, ROWS).await;
    let mut backup = Backup::of(&source).await;
    let place = Place::by(by).await;
    let totals = backup.tables.iter_mut().find(|totals| totals.table == "place").unwrap();
    totals.digest.add_row(backup.seed, b"102\tnever there");
    assert!(place.refusal(backup.into()).await.contains("public.place"));
}

by_anyone_anywhere! {
async fn existing_database_keeps_the_extension_s_own_rows(by: By) {
    let rows = if by.login == Login::Superuser { ROWS } else { "" };
    let source = application(by, Creators::All, rows).await;
    let extension = install(&server(by.major), Creators::All);
    let target = Existing::create(by, &format!("CREATE EXTENSION {extension}; CREATE TABLE t (n int)")).await;
    // What the extension has there is in nobody's way.
    let report = restore(&target, backup(&source).await, data(json!({}))).await.unwrap();
    assert!(report.rows_equal && report.tables == 3, "{report:?}");
    let client = target.database.connect().await;
    let count = async |sql: &str| client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    let places = 50 + if by.login == Login::Superuser { 2 } else { 0 };
    assert_eq!(count("SELECT count(*) FROM place").await, places);

    // The database's rows are.
    client.batch_execute("DELETE FROM t; DELETE FROM place WHERE id >= 100; DELETE FROM note").await.unwrap();
    client.batch_execute("INSERT INTO place VALUES (500, 'of the target')").await.unwrap();
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.starts_with("these tables hold rows already: public.place HINT"), "{said}");
    let options = data(json!({"on_conflict": "truncate"}));
    if by.login == Login::Master {
        let said = refused(&target, backup(&source).await, options).await;
        assert!(said.contains("table public.place, an extension's and of another role, holds rows"), "{said}");
        return;
    }
    let report = restore(&target, backup(&source).await, options).await.unwrap();
    assert!(report.rows_equal, "{report:?}");
    assert_eq!(count("SELECT count(*) FROM place").await, 52);
    assert_eq!(count("SELECT count(*) FROM place WHERE id = 500").await, 0);
}
}

by_anyone! {
async fn all_of_it_goes_into_an_existing_database(by: By) {
    let source = application(by, Creators::All, ROWS).await;
    let target = Existing::create(by, "").await;
    let mut options = proving();
    options.choice = Choice::default();
    let report = restore(&target, backup(&source).await, options).await.unwrap();
    assert!(report.rows_equal && report.rows == 6, "{report:?}");
    assert_eq!(report.equal, by.login == Login::Superuser, "{report:?}");
    let client = target.database.connect().await;
    let all: i64 = client.query_one("SELECT count(*) FROM place, t", &[]).await.unwrap().get(0);
    assert_eq!(all, if by.login == Login::Superuser { 156 } else { 150 });
}
}
