//! Everything but rows is read back too, and what differs is named.

use pg_restore::{RestoreOptions, RestoreReport, Target, restore_into_existing};
use testing::postgres::{Database, MAJORS, USUAL};
use testing::unique;

use crate::backup::Backup;
use crate::database::{Place, proving};
use crate::psql::shop;
use crate::selection::choosing;
use crate::source::Memory;

/// Restores, while somebody else runs statements in the new database when all is applied and nothing is compared.
async fn meddled(place: &Place, source: &Database, sql: String, options: RestoreOptions) -> RestoreReport {
    let (server, like) = (place.server.clone(), format!("{}%", place.name));
    let memory = Memory::from(Backup::of(source).await).at_end(move || {
        Box::pin(async move {
            let client = server.connect("postgres").await;
            let row = client.query_one("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await;
            let visitor = server.connect(row.unwrap().get(0)).await;
            visitor.batch_execute(&sql).await.unwrap();
        })
    });
    place.restore_with(memory, options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_differs_is_named() {
    for major in MAJORS {
        let role = unique("other_");
        let source = Database::create(major).await;
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
        let place = Place::new(major);
        let sql = "DROP INDEX i; CREATE OR REPLACE VIEW v AS SELECT a + 0 AS a FROM t; ALTER TABLE u OWNER TO ROLE; \
             CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT  1'; ALTER TYPE e RENAME VALUE 'b' TO 'c'; \
             SELECT nextval('q'); SELECT setval('\"Used; up\"', 1, false); COMMENT ON TABLE t IS 'it''s yours'; \
             GRANT INSERT ON t TO ROLE; SELECT lo_put(4711, 299999, 'y'); SELECT lo_unlink(4712); \
             SELECT lo_put(4713, 0, 'z'); CREATE TABLE more (a int); ALTER TABLE t ALTER b SET DEFAULT 'y;'";
        let report = meddled(&place, &source, sql.replace("ROLE", &role), proving()).await;
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
        let mut found = report.differences.clone();
        // Large objects' definitions share an entry.
        found.retain(|difference| !difference.starts_with("BLOB"));
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{major}");
        assert_eq!(report.not_compared, [""; 0]);
        assert!(report.differences.iter().any(|difference| difference.starts_with("BLOB")), "{report:?}");
        assert_eq!(report.differing, report.differences.len() as u64);
        drop(place);
        source.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_equal_is_called_so_with_the_numbers_of_what_was_compared() {
    let source = shop(USUAL).await;
    let place = Place::new(USUAL);
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert!(report.equal, "{report:?}");
    assert_eq!((report.differences.len(), report.differing, report.not_compared.len()), (0, 0, 0));
    assert!(report.compared.definitions > 30 && report.compared.sequences > 0, "{report:?}");
    assert_eq!(report.compared.large_objects, 1);
}

/// PostgreSQL spells some queries otherwise from one major to the next, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn newer_major_is_compared_too_and_what_it_spells_otherwise_is_named() {
    for (from, to) in [("13", "18"), ("14", "15"), ("15", "16"), ("16", "18")] {
        let (source, place) = (shop(from).await, Place::new(to));
        let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
        assert!(report.rows_equal && report.not_compared.is_empty(), "{report:?}");
        let spelled =
            |difference: &String| difference.contains("VIEW ") && difference.ends_with(" is defined otherwise");
        assert!(report.differences.iter().all(spelled), "{from} on {to}: {report:?}");
        assert_eq!(report.equal, report.differences.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_differences_are_counted_and_the_first_named() {
    let source = Database::create(USUAL).await;
    source.run("CREATE TABLE t (a int)").await;
    let more = "DO $$ BEGIN FOR i IN 1..60 LOOP EXECUTE format('CREATE TABLE t%s ()', i); END LOOP; END $$".to_owned();
    let report = meddled(&Place::new(USUAL), &source, more, proving()).await;
    assert_eq!((report.differences.len(), report.differing, report.equal), (50, 60, false), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_back_is_named_and_nothing_is_called_equal() {
    let source = shop(USUAL).await;
    let place = Place::new(USUAL);
    let memory = Memory::from(Backup::of(&source).await);
    let report = place.restore_with(memory, RestoreOptions::default()).await.unwrap();
    assert!(!report.equal && report.rows_equal, "{report:?}");
    assert_eq!(report.not_compared, ["definitions: nothing was there to read them"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn part_of_a_backup_is_compared_with_that_part() {
    let source = shop(USUAL).await;
    for choice in [
        serde_json::json!({"content": "schema"}),
        serde_json::json!({"tables": ["customers", "\"Sales Dept\".*", "measures*"]}),
        serde_json::json!({"no_owner": true, "no_privileges": true}),
    ] {
        let place = Place::new(USUAL);
        let report = meddled(&place, &source, "SELECT 1".to_owned(), choosing(choice.clone())).await;
        assert!(!report.equal, "{report:?}");
        assert!(report.differences.is_empty() && report.not_compared.is_empty(), "{choice}: {report:?}");
        let place = Place::new(USUAL);
        let sql = "ALTER TABLE customers ADD more int; CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1'";
        let report = meddled(&place, &source, sql.to_owned(), choosing(choice.clone())).await;
        let expected = ["FUNCTION public.other() is not in the backup", "TABLE public.customers is defined otherwise"];
        assert_eq!(report.differences, expected, "{choice}");
    }
}

/// An event trigger changes what is restored, as an application's may.
#[tokio::test(flavor = "multi_thread")]
async fn existing_database_that_changes_what_comes_is_seen_through() {
    for major in ["13", USUAL, "18"] {
        let source = Database::create(major).await;
        source.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE SEQUENCE q").await;
        let target = Database::create(major).await;
        target
            .run(
                "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
                 IF TG_TAG = 'CREATE TABLE' THEN COMMENT ON TABLE public.t IS 'seen'; ALTER TABLE public.t SET (fillfactor = 50); \
                 END IF; END $$; CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e()",
            )
            .await;
        let options = pg_client::ConnectOptions::from_url(&target.url()).unwrap();
        let place = Target { options, name: target.name.clone() };
        let report = restore_into_existing(place, Memory::from(Backup::of(&source).await), proving()).await.unwrap();
        assert!(!report.equal && report.rows_equal, "{report:?}");
        let expected = [
            "COMMENT public.TABLE t is not in the backup",
            "EVENT TRIGGER e is not in the backup",
            "FUNCTION public.e() is not in the backup",
            "TABLE public.t is defined otherwise",
        ];
        assert_eq!(report.differences, expected, "{major}");
        assert_eq!(report.compared.sequences, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_beyond_ascii_are_compared_in_any_encoding() {
    for encoding in ["LATIN1", "EUC_JP", "SQL_ASCII"] {
        let create = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
        let source = Database::create_with(USUAL, &create).await;
        let name = if encoding == "EUC_JP" { "日本" } else { "größe" };
        source.run(&format!("CREATE TABLE t (a serial); CREATE SEQUENCE \"{name}_q\" START 7")).await;
        let place = Place::new(USUAL);
        let report = meddled(&place, &source, "SELECT 1".to_owned(), proving()).await;
        assert!(report.equal && report.compared.sequences == 2, "{report:?}");
        let place = Place::new(USUAL);
        let report = meddled(&place, &source, format!("SELECT nextval('\"{name}_q\"')"), proving()).await;
        assert_eq!(report.differences, [format!("sequence public.\"{name}_q\" has another value")], "{encoding}");
    }
}
