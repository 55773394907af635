//! Large objects keep their numbers, which rows refer to: into a database that has some, only where no number is taken, or in the place
//! of those that have it.

use serde_json::json;
use testing::postgres::{Database, MAJORS, USUAL};

use crate::database::pg_dump;
use crate::existing::{backup, data, refused, restore};

const TABLE: &str = "CREATE TABLE files (name text, content oid);";
const THREE: &str = "INSERT INTO files VALUES ('a', lo_from_bytea(71001, 'one')), ('b', lo_from_bytea(71002, repeat('x', 600000)::bytea)), \
     ('c', lo_create(71003)); COMMENT ON LARGE OBJECT 71001 IS 'the first'; GRANT SELECT ON LARGE OBJECT 71001 TO PUBLIC;";

async fn database(major: &str, sql: &str) -> Database {
    let database = Database::create(major).await;
    database.run(&format!("{TABLE}{sql}")).await;
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_and_large_objects_come_beside_others() {
    for major in MAJORS {
        let (source, target) =
            (database(major, THREE).await, database(major, "SELECT lo_from_bytea(80000, 'mine')").await);
        let report = restore(&target, backup(&source).await, data(json!({}))).await.unwrap();
        assert!(report.rows_equal && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
        assert_eq!(
            (report.compared.large_objects, report.large_objects),
            (2, 4),
            "those that hold bytes; all that are there"
        );
        target.run("SELECT lo_unlink(80000)").await;
        assert!(pg_dump(&target.server, &target.name) == pg_dump(&source.server, &source.name), "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_taken_are_named_before_anything_is_changed() {
    let source = database(USUAL, THREE).await;
    let taken = "SELECT lo_from_bytea(71002, 'mine'), lo_from_bytea(71003, 'mine')";
    let target = database(USUAL, taken).await;
    for dry_run in [true, false] {
        let said = refused(&target, backup(&source).await, data(json!({ "dry_run": dry_run }))).await;
        assert!(
            said.starts_with("the database has large objects of the same numbers already: 71002, 71003 HINT"),
            "{said}"
        );
    }
    // Of tables that are chosen, no large object comes.
    let chosen = data(json!({"tables": ["files"]}));
    assert!(restore(&target, backup(&source).await, chosen).await.unwrap().rows_equal);
    let whole = Database::create(USUAL).await;
    whole.run(taken).await;
    let said = refused(&whole, backup(&source).await, crate::database::proving()).await;
    assert!(said.contains("same numbers already: 71002, 71003"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_taken_are_given_anew_where_rows_go_too() {
    for major in MAJORS {
        let source = database(major, THREE).await;
        let fresh = "INSERT INTO files VALUES ('old', lo_from_bytea(71002, repeat('y', 900000)::bytea)); \
             GRANT UPDATE ON LARGE OBJECT 71002 TO PUBLIC; COMMENT ON LARGE OBJECT 71002 IS 'mine'";
        let target = database(major, fresh).await;
        let options = data(json!({"on_conflict": "truncate"}));
        let report = restore(&target, backup(&source).await, options).await.unwrap();
        assert!(report.rows_equal && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
        assert!(pg_dump(&target.server, &target.name) == pg_dump(&source.server, &source.name), "{major}");
    }
}
