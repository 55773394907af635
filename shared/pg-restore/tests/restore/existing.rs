//! Rows into a database that is there: all of them, or it is as it was.

use std::time::Duration;

use pg_client::ConnectOptions;
use pg_restore::{Error, RestoreOptions, RestoreReport, Target, restore_into_existing};
use serde_json::{Value, json};
use testing::postgres::{Database, MAJORS, USUAL};
use testing::unique;
use tokio::time::Instant;

use crate::backup::Backup;
use crate::database::{chain, pg_dump, proving, psql};
use crate::failures::FULL;
use crate::psql::shop;
use crate::selection::choosing;
use crate::source::Memory;

/// An application's database: keys in a circle and to itself, triggers in every state, partitions, an identity, a sequence, a view
/// that holds rows.
const APPLICATION: &str = "
    CREATE SCHEMA app; CREATE TYPE app.state AS ENUM ('new', 'done');
    CREATE TABLE app.users (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE, boss int REFERENCES app.users, \"best Order\" int);
    CREATE TABLE app.orders (id serial PRIMARY KEY, who int NOT NULL REFERENCES app.users ON DELETE CASCADE, state app.state, twice int GENERATED ALWAYS AS (who * 2) STORED);
    ALTER TABLE app.users ADD CONSTRAINT best FOREIGN KEY (\"best Order\") REFERENCES app.orders DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE app.users ADD CONSTRAINT \"not Valid\" FOREIGN KEY (boss) REFERENCES app.users NOT VALID;
    COMMENT ON CONSTRAINT best ON app.users IS 'it''s the best';
    CREATE TABLE app.events (at date, who int REFERENCES app.users) PARTITION BY RANGE (at);
    CREATE TABLE app.events_1 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE app.events_2 PARTITION OF app.events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE app.settings (a text PRIMARY KEY, b text);
    CREATE FUNCTION app.spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'a trigger has fired'; END $$;
    CREATE TRIGGER usual BEFORE INSERT ON app.users FOR EACH ROW EXECUTE FUNCTION app.spoil();
    CREATE TRIGGER always BEFORE INSERT ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.spoil();
    ALTER TABLE app.orders ENABLE ALWAYS TRIGGER always;
    CREATE TRIGGER replica AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION app.spoil();
    ALTER TABLE app.orders ENABLE REPLICA TRIGGER replica;
    CREATE TRIGGER never AFTER TRUNCATE ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.spoil();
    ALTER TABLE app.orders DISABLE TRIGGER never;
    CREATE TRIGGER partitions AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.spoil();
    CREATE SEQUENCE app.free; CREATE MATERIALIZED VIEW app.names AS SELECT name FROM app.users;
";
const ROWS: &str = "
    SET session_replication_role = replica;
    ALTER TABLE app.orders DISABLE TRIGGER always; ALTER TABLE app.orders DISABLE TRIGGER replica;
    INSERT INTO app.users (name, boss) SELECT 'user ' || n, nullif(n / 2, 0) FROM generate_series(1, 50) n;
    INSERT INTO app.orders (who, state) SELECT 1 + n % 50, 'done' FROM generate_series(1, 200) n;
    UPDATE app.users SET \"best Order\" = id * 2;
    INSERT INTO app.events SELECT '2026-01-20'::date + n, n FROM generate_series(1, 30) n;
    INSERT INTO app.settings VALUES ('admin', 'of the backup');
    ALTER TABLE app.orders ENABLE ALWAYS TRIGGER always; ALTER TABLE app.orders ENABLE REPLICA TRIGGER replica;
    SELECT setval('app.free', 77); REFRESH MATERIALIZED VIEW app.names;
";

async fn full(major: &str) -> Database {
    let database = Database::create(major).await;
    database.run(APPLICATION).await;
    database.run(ROWS).await;
    database
}

async fn fresh(major: &str) -> Database {
    let database = Database::create(major).await;
    database.run(APPLICATION).await;
    database
}

pub(crate) fn data(mut more: Value) -> RestoreOptions {
    more["content"] = json!("data");
    let mut options = choosing(more);
    options.lock_timeout = Duration::from_millis(300);
    options
}

async fn restore_as(
    database: &Database,
    url: &str,
    source: Memory,
    options: RestoreOptions,
) -> Result<RestoreReport, Error> {
    let mut connect = ConnectOptions::from_url(url).unwrap();
    connect.application_name = unique("test");
    let name = connect.application_name.clone();
    let target = Target { options: connect, name: database.name.clone() };
    let restored = tokio::spawn(restore_into_existing(target, source, options)).await.unwrap();
    let client = database.server.connect("postgres").await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    for _ in 0..100 {
        if client.query_one(sessions, &[&name]).await.unwrap().get::<_, i64>(0) == 0 {
            return restored;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a session is left open");
}

pub(crate) async fn restore(
    database: &Database,
    source: Memory,
    options: RestoreOptions,
) -> Result<RestoreReport, Error> {
    restore_as(database, &database.server.url("postgres"), source, options).await
}

/// Restores, expects it to fail, and compares what stock pg_dump says of the database before and after.
pub(crate) async fn refused(database: &Database, source: Memory, options: RestoreOptions) -> String {
    let before = pg_dump(&database.server, &database.name);
    let restored = restore(database, source, options).await;
    let after = pg_dump(&database.server, &database.name);
    assert!(before == after, "the database was changed, and then {restored:?}");
    chain(&restored.expect_err("a refusal"))
}

pub(crate) async fn backup(database: &Database) -> Memory {
    Memory::from(Backup::of(database).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_back_into_the_tables_of_an_application() {
    for major in MAJORS {
        let (source, target) = (full(major).await, fresh(major).await);
        let report = restore(&target, backup(&source).await, data(json!({}))).await.unwrap();
        assert!(report.rows_equal && !report.equal && report.rows == 281, "{report:?}");
        let (ours, theirs) = (pg_dump(&target.server, &target.name), pg_dump(&source.server, &source.name));
        assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(theirs).unwrap(), "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owner_without_superuser_restores_on_every_major() {
    for major in MAJORS {
        let source = full(major).await;
        let role = unique("app_");
        let admin = Database::create(major).await;
        admin.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x' CREATEDB CREATEROLE")).await;
        let target = Database::create_with(major, &format!("OWNER {role} TEMPLATE template0")).await;
        target
            .run(&format!("SET ROLE {role}; {APPLICATION}; INSERT INTO app.settings VALUES ('admin', 'fresh')"))
            .await;
        let url = target.server.url_as(&role, "x", "postgres");
        let options = data(json!({"on_conflict": "truncate"}));
        let report = restore_as(&target, &url, backup(&source).await, options).await.unwrap();
        assert!(report.rows_equal && report.rows == 281 && report.needs_superuser.is_empty(), "{report:?}");
        let ours = String::from_utf8(pg_dump(&target.server, &target.name)).unwrap();
        let theirs = String::from_utf8(pg_dump(&source.server, &source.name)).unwrap();
        drop(target);
        admin.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
        assert_eq!(ours.replace(&role, "postgres"), theirs, "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_there_are_in_the_way_unless_they_are_to_go() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    target.run("INSERT INTO app.settings VALUES ('admin', 'fresh'), ('other', 'fresh')").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.starts_with("these tables hold rows already: app.settings HINT"), "{said}");
    let report = restore(&target, backup(&source).await, data(json!({"on_conflict": "truncate"}))).await.unwrap();
    assert!(report.rows_equal);
    assert!(pg_dump(&target.server, &target.name) == pg_dump(&source.server, &source.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_others_refer_to_are_not_emptied_alone() {
    let (source, target) = (full(USUAL).await, full(USUAL).await);
    let options = data(json!({"on_conflict": "truncate", "tables": ["app.users", "app.orders"]}));
    let said = refused(&target, backup(&source).await, options).await;
    assert!(said.contains("events_who_fkey of app.events refers to app.users"), "{said}");
    let options = data(json!({"on_conflict": "truncate", "tables": ["app.events_1", "app.settings"]}));
    target.run("UPDATE app.settings SET b = 'changed'; DELETE FROM app.events_1").await;
    let report = restore(&target, backup(&source).await, options).await.unwrap();
    assert!(report.rows_equal && report.tables == 2);
    assert!(pg_dump(&target.server, &target.name) == pg_dump(&source.server, &source.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_before_anything_is_touched() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    // Whoever asked for a lock first would be told of that.
    let busy = target.connect().await;
    busy.batch_execute("BEGIN; LOCK TABLE app.settings").await.unwrap();
    let sections = backup(&source).await.len();
    let failing = backup(&source).await.failing_late_at(sections - 1, 3);
    assert_eq!(refused_quietly(&target, failing).await, "read the backup: the vault is on fire");
    let said = refused_quietly(&target, backup(&source).await).await;
    assert!(said.contains("others use it HINT") && said.contains("55P03"), "{said}");
    busy.batch_execute("ROLLBACK").await.unwrap();
    assert!(restore(&target, backup(&source).await, data(json!({}))).await.is_ok());
}

/// As [`refused`], where a dump would wait for others' locks.
async fn refused_quietly(database: &Database, source: Memory) -> String {
    chain(&restore(database, source, data(json!({}))).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn database_is_as_it_was_wherever_the_restore_fails() {
    let (source, target) = (full(USUAL).await, full(USUAL).await);
    target
        .run("UPDATE app.settings SET b = 'ours'; SELECT setval('app.free', 5), setval('app.orders_id_seq', 900)")
        .await;
    let truncate = || data(json!({"on_conflict": "truncate"}));
    let sections = backup(&source).await.len();
    for section in 0..sections {
        // The fourth reading is the one that is applied.
        let failing = backup(&source).await.failing_late_at(section, 4);
        let kept = failing.backup.sections[section].entry.kind;
        let restored = restore_or_refusal(&target, failing, truncate()).await;
        assert_eq!(restored, "read the backup: the vault is on fire", "{kept:?}");
    }
    let said = refused(&target, backup(&source).await.unverified(), truncate()).await;
    assert!(said.contains("the final frame is missing"), "{said}");
}

async fn restore_or_refusal(target: &Database, source: Memory, options: RestoreOptions) -> String {
    refused(target, source, options).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_break_a_foreign_key_are_not_kept() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    let said = refused(&target, backup(&source).await, data(json!({"tables": ["app.orders"]}))).await;
    assert!(said.starts_with("validate the foreign key orders_who_fkey of app.orders: ERROR 23503"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_database_changes_are_not_kept() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    target.run("ALTER TABLE app.settings ALTER b TYPE char(20)").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("table app.settings: 1 rows, of which some differ"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_is_full_keeps_what_it_had() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    target.run(FULL).await;
    target.run("ALTER TABLE app.settings ADD CHECK (public.full(b)) NOT VALID").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(
        said.contains("ERROR 53100: could not extend file") && said.contains("HINT: Give the server more"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_on_the_server_is_listed_before_a_database_is_changed() {
    let (source, target) = (Database::create("16").await, Database::create("16").await);
    source.run("CREATE TABLE t (a int)").await;
    let mut memory = backup(&source).await;
    memory.backup.database.server_version = "17.4".to_owned();
    memory.backup.database.server_version_num = 170_004;
    memory.backup.requires.roles = vec!["nobody_a".to_owned()];
    memory.backup.requires.extensions = vec!["telepathy".to_owned()];
    let said = refused(&target, memory, proving()).await;
    for part in [
        "the backup is of PostgreSQL 17.4, and it is 16.",
        "(use a server at least as new)",
        "role nobody_a is missing (CREATE ROLE)",
        "extension telepathy is not available (install it at the server)",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_columns_that_are_missing_are_listed_at_once() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    target.run("DROP TABLE app.events_2; ALTER TABLE app.settings DROP b; ALTER TABLE app.settings ADD c int").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("table app.events_2 is missing; table app.settings has no column b to be filled"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_finds_what_is_in_the_way() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    let before = pg_dump(&target.server, &target.name);
    let report = restore(&target, backup(&source).await, data(json!({"dry_run": true}))).await.unwrap();
    assert!(report.dry_run && report.rows == 281 && !report.rows_equal, "{report:?}");
    assert!(pg_dump(&target.server, &target.name) == before);
    target.run("INSERT INTO app.settings VALUES ('admin', 'fresh')").await;
    let said = refused(&target, backup(&source).await, data(json!({"dry_run": true}))).await;
    assert!(said.contains("app.settings"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn second_restore_at_the_same_time_is_refused() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    let other = target.connect().await;
    other.execute("SELECT pg_advisory_lock(1869964137, 1919251315)", &[]).await.unwrap();
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("another restore into database"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_that_is_given_up_or_loses_its_connection_changes_nothing() {
    let (source, target) = (full(USUAL).await, fresh(USUAL).await);
    let last = backup(&source).await.len() - 2;
    let mut options = data(json!({}));
    options.deadline = Some(Instant::now());
    let said = refused(&target, backup(&source).await, options).await;
    assert!(said.contains("its time is up HINT: "), "{said}");
    let (server, name) = (target.server.clone(), target.name.clone());
    let killing = backup(&source).await.before(last, move || {
        Box::pin(async move {
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                        WHERE datname = $1 AND application_name LIKE 'test%'";
            server.connect("postgres").await.query_one(kill, &[&name]).await.unwrap();
        })
    });
    // The fourth reading is the one that is applied.
    let killing = killing.failing_late_at(usize::MAX, 4);
    let said = refused(&target, killing, data(json!({}))).await;
    assert!(said.contains("57P01") || said.contains("connection was lost"), "{said}");
    assert!(said.contains(" HINT: Look into the server's log"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_backup_comes_into_an_empty_database_or_not_at_all() {
    for major in ["13", USUAL] {
        let (source, target) = (shop(major).await, Database::create(major).await);
        let options = proving();
        let report = restore(&target, backup(&source).await, options.clone()).await.unwrap();
        assert!(report.equal && report.large_objects == 1, "{report:?}");
        let said = refused(&target, backup(&source).await, options.clone()).await;
        assert!(said.contains("large objects of the same numbers already: 424242"), "{said}");
        target.run("SELECT lo_unlink(424242)").await;
        let said = refused(&target, backup(&source).await, options.clone()).await;
        assert!(said.contains("already exists"), "{said}");
        // Its very last object is in the way.
        let other = Database::create(major).await;
        psql(&other.server, &other.name, b"CREATE TABLE public.totals (a int);");
        let said = refused(&other, backup(&source).await, options).await;
        assert!(said.contains("already exists"), "{said}");
    }
}
