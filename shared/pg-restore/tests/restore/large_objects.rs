//! Large objects keep their numbers, which rows refer to: into a database that has some, only where no number is taken, or in the place
//! of those that have it.

use serde_json::json;
use testing::postgres::Database;

use crate::database::pg_dump;
use crate::existing::{Existing, backup, data, refused, restore};
use crate::login::{By, by_anyone, by_anyone_anywhere};

const TABLE: &str = "CREATE TABLE files (name text, content oid);";
const THREE: &str = "INSERT INTO files VALUES ('a', lo_from_bytea(71001, 'one')), ('b', lo_from_bytea(71002, repeat('x', 600000)::bytea)), \
     ('c', lo_create(71003)); COMMENT ON LARGE OBJECT 71001 IS 'the first'; GRANT SELECT ON LARGE OBJECT 71001 TO PUBLIC;";

async fn database(major: &str, sql: &str) -> Database {
    let database = Database::create(major).await;
    database.run(&format!("{TABLE}{sql}")).await;
    database
}

/// A database with one of these to be restored into.
async fn existing(by: By, sql: &str) -> Existing {
    Existing::create(by, &format!("{TABLE}{sql}")).await
}

by_anyone_anywhere! {
async fn rows_and_large_objects_come_beside_others(by: By) {
    let (source, target) =
        (database(by.major, THREE).await, existing(by, "SELECT lo_from_bytea(80000, 'mine')").await);
    let report = restore(&target, backup(&source).await, data(json!({}))).await.unwrap();
    assert!(report.rows_equal && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
    assert_eq!(
        (report.compared.large_objects, report.large_objects),
        (2, 4),
        "those that hold bytes; all that are there"
    );
    target.run("SELECT lo_unlink(80000)").await;
    assert!(target.dumped() == pg_dump(&source.server, &source.name), "{by:?}");
}
}

by_anyone! {
async fn numbers_that_are_taken_are_named_before_anything_is_changed(by: By) {
    let source = database(by.major, THREE).await;
    let taken = "SELECT lo_from_bytea(71002, 'mine'), lo_from_bytea(71003, 'mine')";
    let target = existing(by, taken).await;
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
    let whole = Existing::create(by, taken).await;
    let said = refused(&whole, backup(&source).await, crate::database::proving()).await;
    assert!(said.contains("same numbers already: 71002, 71003"), "{said}");
}
}

by_anyone_anywhere! {
async fn numbers_that_are_taken_are_given_anew_where_rows_go_too(by: By) {
    let source = database(by.major, THREE).await;
    let fresh = "INSERT INTO files VALUES ('old', lo_from_bytea(71002, repeat('y', 900000)::bytea)); \
         GRANT UPDATE ON LARGE OBJECT 71002 TO PUBLIC; COMMENT ON LARGE OBJECT 71002 IS 'mine'";
    let target = existing(by, fresh).await;
    let options = data(json!({"on_conflict": "truncate"}));
    let report = restore(&target, backup(&source).await, options).await.unwrap();
    assert!(report.rows_equal && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
    assert!(target.dumped() == pg_dump(&source.server, &source.name), "{by:?}");
}
}
