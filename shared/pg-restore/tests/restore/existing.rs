//! Rows into a database that is there: all of them, or it is as it was.

use std::time::Duration;

use pg_client::ConnectOptions;
use pg_restore::{Error, RestoreOptions, RestoreReport, Target, restore_into_existing};
use serde_json::{Value, json};
use testing::postgres::{Database, server};
use testing::stack::Server;
use testing::unique;
use tokio::time::Instant;

use crate::backup::{Backup, properties};
use crate::database::{assert_whole, by_superuser, chain, pg_dump, proving};
use crate::failures::FULL;
use crate::login::{By, Master, by_anyone, by_anyone_anywhere};
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

/// A database that is there, of whoever restores into it.
pub(crate) struct Existing {
    pub(crate) database: Database,
    /// Goes after what it owns.
    master: Option<Master>,
}

impl Existing {
    /// A new database of their own, made by SQL that they run.
    pub(crate) async fn create(by: By, sql: &str) -> Self {
        Self::on(&server(by.major), by, sql).await
    }

    /// On a server of the test's own, maybe.
    pub(crate) async fn on(server: &Server, by: By, sql: &str) -> Self {
        let master = by.role(server).await;
        let owner = master.as_ref().map(|master| format!("OWNER {} ", master.name)).unwrap_or_default();
        let options = format!("{owner}TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
        let existing = Self { database: Database::create_on(server.clone(), &options).await, master };
        existing.run(sql).await;
        existing
    }

    /// Runs SQL as whoever restores.
    pub(crate) async fn run(&self, sql: &str) {
        let become_master = self.master.as_ref().map(|master| format!("SET ROLE {};", master.name));
        self.database.run(&format!("{}{sql}", become_master.unwrap_or_default())).await;
    }

    pub(crate) fn target(&self) -> Target {
        let url = match &self.master {
            Some(master) => master.url("postgres"),
            None => self.database.server.url("postgres"),
        };
        let mut options = ConnectOptions::from_url(&url).unwrap();
        options.application_name = unique("test");
        Target { options, name: self.database.name.clone() }
    }

    /// What stock pg_dump says of it, as if a superuser had restored.
    pub(crate) fn dumped(&self) -> Vec<u8> {
        by_superuser(self.master.as_ref(), pg_dump(&self.database.server, &self.database.name))
    }
}

async fn full(major: &str) -> Database {
    let database = Database::create(major).await;
    database.run(APPLICATION).await;
    database.run(ROWS).await;
    database
}

async fn fresh(by: By) -> Existing {
    Existing::create(by, APPLICATION).await
}

/// Filled by a superuser: triggers that always fire are in the way of everybody else.
async fn filled(by: By) -> Existing {
    let existing = fresh(by).await;
    existing.database.run(ROWS).await;
    existing
}

pub(crate) fn data(mut more: Value) -> RestoreOptions {
    more["content"] = json!("data");
    let mut options = choosing(more);
    options.lock_timeout = Duration::from_millis(300);
    options
}

pub(crate) async fn restore(
    existing: &Existing,
    source: Memory,
    options: RestoreOptions,
) -> Result<RestoreReport, Error> {
    let target = existing.target();
    let name = target.options.application_name.clone();
    let restored = tokio::spawn(restore_into_existing(target, source, options)).await.unwrap();
    let client = existing.database.server.connect("postgres").await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    for _ in 0..100 {
        if client.query_one(sessions, &[&name]).await.unwrap().get::<_, i64>(0) == 0 {
            return restored;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a session is left open");
}

/// Restores, expects it to fail, and compares what stock pg_dump says of the database before and after.
pub(crate) async fn refused(existing: &Existing, source: Memory, options: RestoreOptions) -> String {
    let before = existing.dumped();
    let restored = restore(existing, source, options).await;
    let after = existing.dumped();
    assert!(before == after, "the database was changed, and then {restored:?}");
    chain(&restored.expect_err("a refusal"))
}

pub(crate) async fn backup(database: &Database) -> Memory {
    Memory::from(Backup::of(database).await)
}

by_anyone_anywhere! {
async fn rows_come_back_into_the_tables_of_an_application(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    let report = restore(&target, backup(&source).await, data(json!({}))).await.unwrap();
    assert!(report.rows_equal && !report.equal && report.rows == 281, "{report:?}");
    let (ours, theirs) = (target.dumped(), pg_dump(&source.server, &source.name));
    assert_eq!(String::from_utf8(ours).unwrap(), String::from_utf8(theirs).unwrap(), "{by:?}");
}
}

by_anyone! {
async fn rows_that_are_there_are_in_the_way_unless_they_are_to_go(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    target.run("INSERT INTO app.settings VALUES ('admin', 'fresh'), ('other', 'fresh')").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.starts_with("these tables hold rows already: app.settings HINT"), "{said}");
    let report = restore(&target, backup(&source).await, data(json!({"on_conflict": "truncate"}))).await.unwrap();
    assert!(report.rows_equal);
    assert!(target.dumped() == pg_dump(&source.server, &source.name));
}
}

by_anyone! {
async fn tables_that_others_refer_to_are_not_emptied_alone(by: By) {
    let (source, target) = (full(by.major).await, filled(by).await);
    let options = data(json!({"on_conflict": "truncate", "tables": ["app.users", "app.orders"]}));
    let said = refused(&target, backup(&source).await, options).await;
    assert!(said.contains("events_who_fkey of app.events refers to app.users"), "{said}");
    let options = data(json!({"on_conflict": "truncate", "tables": ["app.events_1", "app.settings"]}));
    target.run("UPDATE app.settings SET b = 'changed'; DELETE FROM app.events_1").await;
    let report = restore(&target, backup(&source).await, options).await.unwrap();
    assert!(report.rows_equal && report.tables == 2);
    assert!(target.dumped() == pg_dump(&source.server, &source.name));
}
}

by_anyone! {
async fn everything_is_read_before_anything_is_touched(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    // Whoever asked for a lock first would be told of that.
    let busy = target.database.connect().await;
    busy.batch_execute("BEGIN; LOCK TABLE app.settings").await.unwrap();
    let sections = backup(&source).await.len();
    let failing = backup(&source).await.failing_late_at(sections - 1, 3);
    assert_eq!(refused_quietly(&target, failing).await, "read the backup: the vault is on fire");
    let said = refused_quietly(&target, backup(&source).await).await;
    assert!(said.contains("others use it HINT") && said.contains("55P03"), "{said}");
    busy.batch_execute("ROLLBACK").await.unwrap();
    assert!(restore(&target, backup(&source).await, data(json!({}))).await.is_ok());
}
}

/// As [`refused`], where a dump would wait for others' locks.
async fn refused_quietly(database: &Existing, source: Memory) -> String {
    chain(&restore(database, source, data(json!({}))).await.unwrap_err())
}

by_anyone! {
async fn database_is_as_it_was_wherever_the_restore_fails(by: By) {
    let (source, target) = (full(by.major).await, filled(by).await);
    target
        .run("UPDATE app.settings SET b = 'ours'; SELECT setval('app.free', 5), setval('app.orders_id_seq', 900)")
        .await;
    let truncate = || data(json!({"on_conflict": "truncate"}));
    let (properties, dump) = (properties(&source).await, pg_dump(&source.server, &source.name));
    let backup = || Memory::from(Backup::of_dump(properties.clone(), &dump));
    for section in 0..backup().len() {
        // The fourth reading is the one that is applied.
        let failing = backup().failing_late_at(section, 4);
        let kept = failing.backup.sections[section].entry.kind;
        let said = refused(&target, failing, truncate()).await;
        assert_eq!(said, "read the backup: the vault is on fire", "{kept:?}");
    }
    let said = refused(&target, backup().unverified(), truncate()).await;
    assert!(said.contains("the final frame is missing"), "{said}");
}
}

by_anyone! {
async fn rows_that_break_a_foreign_key_are_not_kept(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    let said = refused(&target, backup(&source).await, data(json!({"tables": ["app.orders"]}))).await;
    assert!(said.starts_with("validate the foreign key orders_who_fkey of app.orders: ERROR 23503"), "{said}");
}
}

by_anyone! {
async fn rows_that_the_database_changes_are_not_kept(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    target.run("ALTER TABLE app.settings ALTER b TYPE char(20)").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("table app.settings: 1 rows, of which some differ"), "{said}");
}
}

by_anyone! {
async fn server_that_is_full_keeps_what_it_had(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    target.run(FULL).await;
    target.run("ALTER TABLE app.settings ADD CHECK (public.full(b)) NOT VALID").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(
        said.contains("ERROR 53100: could not extend file") && said.contains("HINT: Give the server more"),
        "{said}"
    );
}
}

by_anyone! {
async fn what_is_missing_on_the_server_is_listed_before_a_database_is_changed(by: By) {
    let (source, target) = (Database::create(by.major).await, Existing::create(by, "").await);
    source.run("CREATE TABLE t (a int)").await;
    let mut memory = backup(&source).await;
    memory.backup.database.server_version = "99.4".to_owned();
    memory.backup.database.server_version_num = 990_004;
    memory.backup.requires.roles = vec!["nobody_a".to_owned()];
    memory.backup.requires.extensions = vec!["telepathy".to_owned()];
    let said = refused(&target, memory, proving()).await;
    for part in [
        &format!("the backup is of PostgreSQL 99.4, and it is {}.", by.major),
        "(use a server at least as new)",
        "role nobody_a is missing (CREATE ROLE)",
        "extension telepathy is not available (install it at the server)",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
}

by_anyone! {
async fn tables_and_columns_that_are_missing_are_listed_at_once(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    target.run("DROP TABLE app.events_2; ALTER TABLE app.settings DROP b; ALTER TABLE app.settings ADD c int").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("table app.events_2 is missing; table app.settings has no column b to be filled"), "{said}");
}
}

by_anyone! {
async fn dry_run_finds_what_is_in_the_way(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    let before = target.dumped();
    let report = restore(&target, backup(&source).await, data(json!({"dry_run": true}))).await.unwrap();
    assert!(report.dry_run && report.rows == 281 && !report.rows_equal, "{report:?}");
    assert!(target.dumped() == before);
    target.run("INSERT INTO app.settings VALUES ('admin', 'fresh')").await;
    let said = refused(&target, backup(&source).await, data(json!({"dry_run": true}))).await;
    assert!(said.contains("app.settings"), "{said}");
}
}

by_anyone! {
async fn second_restore_at_the_same_time_is_refused(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    let other = target.database.connect().await;
    other.execute("SELECT pg_advisory_lock(1869964137, 1919251315)", &[]).await.unwrap();
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.contains("another restore into database"), "{said}");
}
}

by_anyone! {
async fn restore_that_is_given_up_or_loses_its_connection_changes_nothing(by: By) {
    let (source, target) = (full(by.major).await, fresh(by).await);
    let last = backup(&source).await.len() - 2;
    let mut options = data(json!({}));
    options.deadline = Some(Instant::now());
    let said = refused(&target, backup(&source).await, options).await;
    assert!(said.contains("its time is up HINT: "), "{said}");
    let (server, name) = (target.database.server.clone(), target.database.name.clone());
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
}

by_anyone_anywhere! {
async fn whole_backup_comes_into_an_empty_database_or_not_at_all(by: By) {
    let (source, target) = (shop(by.major).await, Existing::create(by, "").await);
    let options = proving();
    let report = restore(&target, backup(&source).await, options.clone()).await.unwrap();
    assert_whole(by, &report);
    assert_eq!(report.large_objects, 1);
    let said = refused(&target, backup(&source).await, options.clone()).await;
    assert!(said.contains("large objects of the same numbers already: 424242"), "{said}");
    target.run("SELECT lo_unlink(424242)").await;
    let said = refused(&target, backup(&source).await, options.clone()).await;
    assert!(said.contains("already exists"), "{said}");
    // Its very last object is in the way.
    let other = Existing::create(by, "CREATE TABLE public.totals (a int)").await;
    let said = refused(&other, backup(&source).await, options).await;
    assert!(said.contains("already exists"), "{said}");
}
}
