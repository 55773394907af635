//! Whole dumps, restored section by section in sessions of their own, come back equal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dumped::{Dumped, dump, dump_with_configuration, pg_dump};
use pg_dump::DumpOptions;
use testing::postgres::{Database, MAJORS, server};
use testing::stack::stack;
use testing::unique;

/// Every entry is a section.
async fn in_small_sections(database: &Database) -> Dumped {
    dump_with_configuration(database, DumpOptions { section_bytes: 1, ..DumpOptions::default() }).await.unwrap()
}

/// Each section after the preamble, in the order of their numbers.
fn restore(dumped: &Dumped, into: &Database) {
    let preamble = &dumped.sections[0].sql;
    for section in &dumped.sections[1..] {
        let mut psql = Command::new(stack().psql.as_ref().expect("the stack has psql"))
            .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", &into.url()])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = psql.stdin.take().unwrap();
        input.write_all(preamble).and_then(|()| input.write_all(&section.sql)).unwrap();
        drop(input);
        let output = psql.wait_with_output().unwrap();
        let (sql, errors) = (String::from_utf8_lossy(&section.sql), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{errors}: {sql}");
    }
}

fn compare(major: &str, a: &[u8], b: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.sql", "b.sql"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], a).unwrap();
    std::fs::write(&paths[1], b).unwrap();
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/judges/dumpcmp.py");
    let output = Command::new("python3").arg(judge).args(&paths).arg("--order").output().unwrap();
    assert!(output.status.success(), "{major}:\n{}", String::from_utf8_lossy(&output.stdout));
}

/// Ours equals pg_dump's, rows included, and brings them back into a database that `before` was run in.
async fn assert_comes_back_by_sections(major: &str, sql: &str, before: &str) -> Dumped {
    let (source, restored) = (Database::create(major).await, Database::create(major).await);
    source.run(sql).await;
    restored.run(before).await;
    let (dumped, stock) = (in_small_sections(&source).await, pg_dump(&source, "UTF8", &[]));
    compare(major, &dumped.file(), &stock);
    restore(&dumped, &restored);
    compare(major, &stock, &pg_dump(&restored, "UTF8", &[]));
    dumped
}

/// A tablespace that is dropped with this value.
struct Tablespace<'a> {
    major: &'a str,
    name: String,
}

impl<'a> Tablespace<'a> {
    async fn create(major: &'a str) -> Self {
        let name = unique("Tablespace; ");
        let client = server(major).connect("postgres").await;
        client.batch_execute("SET allow_in_place_tablespaces = on").await.unwrap();
        client.batch_execute(&format!("CREATE TABLESPACE \"{name}\" LOCATION ''")).await.unwrap();
        Self { major, name }
    }
}

impl Drop for Tablespace<'_> {
    fn drop(&mut self) {
        let (server, sql) = (server(self.major), format!("DROP TABLESPACE \"{}\"", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { server.connect("postgres").await.batch_execute(&sql).await })
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.unwrap().expect("DROP TABLESPACE");
        }
    }
}

#[tokio::test]
async fn tablespaces_come_back_whichever_section_is_restored_by_whom() {
    for major in MAJORS {
        let tablespace = Tablespace::create(major).await;
        let sql = include_str!("fixtures/tablespaces.sql");
        let sql = sql.replace("tablespace_of_test", &format!("\"{}\"", tablespace.name));
        assert_comes_back_by_sections(major, &sql, "").await;
    }
}

#[tokio::test]
async fn a_restore_is_told_which_tablespaces_it_needs() {
    let tablespace = Tablespace::create("17").await;
    let database = Database::create("17").await;
    let sql = include_str!("fixtures/tablespaces.sql");
    database.run(&sql.replace("tablespace_of_test", &format!("\"{}\"", tablespace.name))).await;
    let dump = pg_dump::Dump::open(&dumped::connect(&database), DumpOptions::default()).await.unwrap();
    assert!(dump.requires().tablespaces.contains(&tablespace.name), "{:?}", dump.requires().tablespaces);
    dump.abort().await;
}

#[tokio::test]
async fn rows_of_an_extensions_configuration_come_back_in_the_order_of_its_keys() {
    let configuration = format!("SET allow_system_table_mods = on; {}", include_str!("fixtures/configuration.sql"));
    let rows = "INSERT INTO z_parent VALUES (2, false), (3, false); INSERT INTO a_child VALUES (7, 2, NULL), (8, 3, 7); \
         INSERT INTO b_grandchild VALUES (7, 'kept'), (8, 'x'), (8, NULL); SELECT setval('f_sequence', 55), setval('a_child_id_seq', 66); \
         INSERT INTO e_not_configuration VALUES (1); CREATE TABLE z_users_own (a int REFERENCES z_parent); INSERT INTO z_users_own VALUES (3)";
    for major in MAJORS {
        let dumped = assert_comes_back_by_sections(major, &format!("{configuration}; {rows}"), &configuration).await;
        let of = |table: &str| dumped.of_table(table).first().map(|section| section.seq);
        assert!(of("z_parent") < of("a_child") && of("a_child") < of("b_grandchild"), "{major}");
        assert!(of("e_not_configuration").is_none() && of("b_grandchild") < of("z_users_own"), "{major}");
        assert_eq!((dumped.rows_of("z_parent"), dumped.rows_of("b_grandchild")), (2, 1), "{major}");
    }
}

#[tokio::test]
async fn what_users_put_on_an_extensions_table_is_warned_of() {
    let script = "CREATE EXTENSION hstore; CREATE TABLE member (a int PRIMARY KEY, b int NOT NULL DEFAULT 1 CHECK (b > 0)); \
         CREATE INDEX of_script ON member (b); CREATE POLICY of_script ON member USING (true); \
         CREATE STATISTICS of_script ON a, b FROM member; ALTER EXTENSION hstore ADD TABLE member; \
         CREATE TABLE other (a int); CREATE VIEW v AS SELECT * FROM member; CREATE TABLE child () INHERITS (member)";
    let users = [
        ("CREATE INDEX users_index ON member (b, a)", "index users_index of extension hstore"),
        (
            "ALTER TABLE member ADD CONSTRAINT users_check CHECK (a > 0)",
            "constraint users_check on table member of extension hstore",
        ),
        (
            "ALTER TABLE member ADD CONSTRAINT users_key UNIQUE (b)",
            "constraint users_key on table member of extension hstore",
        ),
        (
            "CREATE TRIGGER users_trigger BEFORE UPDATE ON member FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "trigger users_trigger on table member of extension hstore",
        ),
        (
            "CREATE RULE users_rule AS ON DELETE TO member DO INSTEAD NOTHING",
            "rule users_rule on table member of extension hstore",
        ),
        (
            "CREATE POLICY users_policy ON member USING (a > 1)",
            "policy users_policy on table member of extension hstore",
        ),
        (
            "CREATE STATISTICS users_statistics (mcv) ON a, b FROM member",
            "statistics object users_statistics of extension hstore",
        ),
        ("ALTER TABLE member ADD users_column int", "column users_column of table member of extension hstore"),
        ("ALTER TABLE member ALTER a SET DEFAULT 9", "default value for column a of table member of extension hstore"),
    ];
    for major in MAJORS {
        let database = Database::create(major).await;
        database.run(script).await;
        let nothing = dump(&database, DumpOptions::default()).await.unwrap().summary.warnings;
        assert!(nothing.is_empty(), "{major}: {nothing:?}");
        for (sql, _) in users {
            database.run(sql).await;
        }
        let warnings = dump(&database, DumpOptions::default()).await.unwrap().summary.warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(warnings[0].code, "extension-table-changed");
        for (_, name) in users {
            let named = |object: &String| object.replace("public.", "") == name;
            assert!(warnings[0].objects.iter().any(named), "{major}: {name}: {:?}", warnings[0].objects);
        }
        // Its stock dump says nothing of them either.
        compare(major, &in_small_sections(&database).await.file(), &pg_dump(&database, "UTF8", &[]));
    }
}
