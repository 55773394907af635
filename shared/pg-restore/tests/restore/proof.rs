//! Everything but rows is read back too, and what differs is named.

use pg_restore::{RestoreOptions, RestoreReport};
use testing::postgres::Database;
use testing::unique;

use crate::backup::Backup;
use crate::database::{Place, assert_whole, proving};
use crate::existing::{self, Existing};
use crate::login::{By, by_anyone, by_anyone_anywhere};
use crate::psql::shop;
use crate::selection::choosing;
use crate::source::Memory;

/// Restores, while the same role runs statements in the new database when all is applied and nothing is compared.
async fn meddled(place: &Place, source: &Database, sql: String, options: RestoreOptions) -> RestoreReport {
    let (server, like) = (place.server.clone(), format!("{}%", place.name));
    let become_master = place.master.as_ref().map(|master| format!("SET ROLE {}; ", master.name)).unwrap_or_default();
    let memory = Memory::from(Backup::of(source).await).at_end(move || {
        Box::pin(async move {
            let client = server.connect("postgres").await;
            let row = client.query_one("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await;
            let visitor = server.connect(row.unwrap().get(0)).await;
            visitor.batch_execute(&format!("{become_master}{sql}")).await.unwrap();
        })
    });
    place.restore_with(memory, options).await.unwrap()
}

by_anyone_anywhere! {
async fn whatever_differs_is_named(by: By) {
    let role = unique("other_");
    let source = Database::create(by.major).await;
    source
        .run(&format!(
            "CREATE ROLE {role}; CREATE TABLE t (a int, b text DEFAULT 'x;'); INSERT INTO t VALUES (1, 'x'); \
             CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT a FROM t; CREATE TABLE u (a int); \
             CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a', 'b'); \
             CREATE SEQUENCE q; CREATE SEQUENCE \"Used; up\"; SELECT nextval('\"Used; up\"'); \
             COMMENT ON TABLE t IS 'it''s mine'; GRANT SELECT ON t TO {role}; SELECT lo_create(4711); \
             SELECT lo_put(4711, 0, repeat('x', 300000)::bytea); SELECT lo_create(4712); SELECT lo_create(4713)"
        ))
        .await;
    let place = Place::by(by).await;
    let sql = "DROP INDEX i; CREATE OR REPLACE VIEW v AS SELECT a + 0 AS a FROM t; \
         CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT  1'; ALTER TYPE e RENAME VALUE 'b' TO 'c'; \
         SELECT nextval('q'); SELECT setval('\"Used; up\"', 1, false); COMMENT ON TABLE t IS 'it''s yours'; \
         GRANT INSERT ON t TO OTHER; SELECT lo_put(4711, 299999, 'y'); SELECT lo_unlink(4712); \
         SELECT lo_put(4713, 0, 'z'); CREATE TABLE more (a int); ALTER TABLE t ALTER b SET DEFAULT 'y;'; \
         RESET ROLE; ALTER TABLE u OWNER TO OTHER";
    if let Some(master) = &place.master {
        // Or it could not look at the table that will be the other's.
        source.run(&format!("GRANT {role} TO {}", master.name)).await;
    }
    let report = meddled(&place, &source, sql.replace("OTHER", &role), proving()).await;
    assert!(!report.equal && report.rows_equal, "{report:?}");
    let mut expected = vec![
        "ACL public.TABLE t is defined otherwise",
        "COMMENT public.TABLE t is defined otherwise",
        "FUNCTION public.f() is defined otherwise",
        "INDEX public.i is missing",
        "TABLE public.more is not in the backup",
        "TABLE public.t is defined otherwise",
        "TABLE public.u has another owner",
        "TYPE public.e is defined otherwise",
        "VIEW public.v is defined otherwise",
        "large object 4711 holds other bytes",
        "large object 4713 holds other bytes",
        "sequence public.\"Used; up\" has another value",
        "sequence public.q has another value",
    ];
    if place.master.is_some() {
        // That it has another owner than in the backup is told among what a master could not do.
        expected.retain(|difference| !difference.ends_with("another owner"));
        let owner = format!("TABLE public.u: ALTER TABLE public.u OWNER TO {};", place.server.user);
        assert!(report.needs_superuser.iter().any(|refused| refused.starts_with(&owner)), "{report:?}");
    }
    let mut found = report.differences.clone();
    // Large objects' definitions share an entry.
    found.retain(|difference| !difference.starts_with("BLOB"));
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{by:?}");
    assert_eq!(report.not_compared, [""; 0]);
    assert!(report.differences.iter().any(|difference| difference.starts_with("BLOB")), "{report:?}");
    assert_eq!(report.differing, report.differences.len() as u64);
    drop(place);
    source.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
}

by_anyone! {
async fn what_is_equal_is_called_so_with_the_numbers_of_what_was_compared(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert_whole(by, &report);
    assert_eq!((report.differences.len(), report.differing, report.not_compared.len()), (0, 0, 0));
    assert!(report.compared.definitions > 30 && report.compared.sequences > 0, "{report:?}");
    assert_eq!(report.compared.large_objects, 1);
}
}

/// PostgreSQL spells some queries otherwise from one major to the next, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn newer_major_is_compared_too_and_what_it_spells_otherwise_is_named() {
    for (from, to) in [("13", "18"), ("14", "15"), ("15", "16"), ("16", "18")] {
        let source = shop(from).await;
        for by in [By::superuser(to), By::master(to)] {
            let place = Place::by(by).await;
            let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
            assert!(report.rows_equal && report.not_compared.is_empty(), "{report:?}");
            let spelled =
                |difference: &String| difference.contains("VIEW ") && difference.ends_with(" is defined otherwise");
            assert!(report.differences.iter().all(spelled), "{from} on {to}: {report:?}");
            assert_eq!(report.equal, report.differences.is_empty() && report.needs_superuser.is_empty());
        }
    }
}

by_anyone! {
async fn many_differences_are_counted_and_the_first_named(by: By) {
    let source = Database::create(by.major).await;
    source.run("CREATE TABLE t (a int)").await;
    let more = "DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END $$".to_owned();
    let report = meddled(&Place::by(by).await, &source, more, proving()).await;
    assert_eq!((report.differences.len(), report.differing, report.equal), (50, 60, false), "{report:?}");
}
}

by_anyone! {
async fn what_nobody_can_read_back_is_named_and_nothing_is_called_equal(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let memory = Memory::from(Backup::of(&source).await);
    let report = place.restore_with(memory, RestoreOptions::default()).await.unwrap();
    assert!(!report.equal && report.rows_equal, "{report:?}");
    assert_eq!(report.not_compared, ["definitions: nothing was there to read them"]);
}
}

by_anyone! {
async fn part_of_a_backup_is_compared_with_that_part(by: By) {
    let source = shop(by.major).await;
    for choice in [
        serde_json::json!({"content": "schema"}),
        serde_json::json!({"tables": ["customers", "\"Sales Dept\".*", "measures*"]}),
        serde_json::json!({"no_owner": true, "no_privileges": true}),
    ] {
        let place = Place::by(by).await;
        let report = meddled(&place, &source, "SELECT 1".to_owned(), choosing(choice.clone())).await;
        assert!(!report.equal, "{report:?}");
        assert!(report.differences.is_empty() && report.not_compared.is_empty(), "{choice}: {report:?}");
        let place = Place::by(by).await;
        let sql = "ALTER TABLE customers ADD more int; CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1'";
        let report = meddled(&place, &source, sql.to_owned(), choosing(choice.clone())).await;
        let expected = ["FUNCTION public.other() is not in the backup", "TABLE public.customers is defined otherwise"];
        assert_eq!(report.differences, expected, "{choice}");
    }
}
}

by_anyone_anywhere! {
/// An event trigger changes what is restored, as an application's may.
async fn existing_database_that_changes_what_comes_is_seen_through(by: By) {
    let source = Database::create(by.major).await;
    source.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE SEQUENCE q").await;
    let target = Existing::create(by, "").await;
    // Only a superuser may make one.
    target
        .database
        .run(
            "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF TG_TAG = 'CREATE TABLE' THEN COMMENT ON TABLE public.t IS 'seen'; ALTER TABLE public.t SET (fillfactor = 50); \
             END IF; END $$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()",
        )
        .await;
    let report = existing::restore(&target, Memory::from(Backup::of(&source).await), proving()).await.unwrap();
    assert!(!report.equal && report.rows_equal, "{report:?}");
    let expected = [
        "COMMENT public.TABLE t is not in the backup",
        "EVENT TRIGGER e is not in the backup",
        "FUNCTION public.e() is not in the backup",
        "TABLE public.t is defined otherwise",
    ];
    assert_eq!(report.differences, expected, "{by:?}");
    assert_eq!(report.compared.sequences, 1);
}
}

by_anyone! {
async fn names_beyond_ascii_are_compared_in_any_encoding(by: By) {
    for encoding in ["LATIN1", "EUC_JP", "SQL_ASCII"] {
        let create = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        let source = Database::create_with(by.major, &create).await;
        let name = if encoding == "EUC_JP" { "日本" } else { "größe" };
        source.run(&format!("CREATE TABLE t (a serial); CREATE SEQUENCE \"{name}_q\" START 7")).await;
        let place = Place::by(by).await;
        let report = meddled(&place, &source, "SELECT 1".to_owned(), proving()).await;
        assert_whole(by, &report);
        assert_eq!(report.compared.sequences, 2);
        let place = Place::by(by).await;
        let report = meddled(&place, &source, format!("SELECT nextval('\"{name}_q\"')"), proving()).await;
        assert_eq!(report.differences, [format!("sequence public.\"{name}_q\" has another value")], "{encoding}");
    }
}
}
