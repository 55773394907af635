//! Whatever the rows are, a dump has them as the server's own COPY has, and psql brings them back.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "data/dumped.rs"]
mod dumped;
#[path = "any_rows/tables.rs"]
mod tables;

use std::process::Command;

use dumped::dump;
use futures_util::TryStreamExt;
use pg_dump::DumpOptions;
use proptest::test_runner::{Config, TestRunner};
use tables::{Any, Encoding, table};
use testing::postgres::Database;
use testing::stack::stack;
use tokio::runtime::Runtime;

/// Databases, and how many tables are tried in each.
const TRIED: [(&str, Encoding, u32); 4] = [
    ("13", ("UTF8", true), 8),
    ("18", ("UTF8", true), 12),
    ("13", ("LATIN1", false), 6),
    ("18", ("SQL_ASCII", false), 10),
];

#[test]
fn any_rows_are_dumped_as_copy_says_them_and_come_back_by_psql() {
    let runtime = Runtime::new().unwrap();
    for (major, encoding, cases) in TRIED {
        let options = format!("TEMPLATE template0 ENCODING '{}' LC_COLLATE 'C' LC_CTYPE 'C'", encoding.0);
        let [database, target] = [(); 2].map(|()| runtime.block_on(Database::create_with(major, &options)));
        // A failure is shrunk and shown; what it was is in its message.
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let ran = runner.run(&table(encoding), |any| {
            runtime.block_on(check(&any, &database, &target, encoding.0));
            Ok(())
        });
        ran.unwrap_or_else(|error| panic!("{major} {encoding:?}: {error}"));
    }
}

async fn check(any: &Any, database: &Database, target: &Database, encoding: &str) {
    for one in [database, target] {
        one.run("DROP SCHEMA IF EXISTS any_rows CASCADE").await;
    }
    database.run(&any.sql).await;
    let theirs = copied(database, encoding).await;
    assert_eq!(rows(&theirs).len(), any.rows);
    let slice_bytes = if any.sliced { 8 << 10 } else { 128 << 20 };
    let options =
        DumpOptions { section_bytes: any.section_bytes, slice_bytes, connections: 3, ..DumpOptions::default() };
    let dumped = dump(database, options).await.unwrap();
    let blocks = dumped.of_table("t").into_iter().map(|section| {
        let range = section.rows.as_ref().unwrap().range.clone();
        section.sql[range].to_vec()
    });
    let ours: Vec<u8> = blocks.flatten().collect();
    assert_eq!(dumped.rows_of("t"), any.rows as u64);
    if any.sliced {
        assert!(rows(&ours) == rows(&theirs), "other rows");
    } else {
        assert!(ours == theirs, "other bytes: {}", String::from_utf8_lossy(&ours));
    }
    restore(&dumped.file(), target);
    assert!(rows(&copied(target, encoding).await) == rows(&theirs), "other rows after the restore");
}

/// What COPY says of the table, in the database's own encoding.
async fn copied(database: &Database, encoding: &str) -> Vec<u8> {
    let client = database.connect().await;
    client.batch_execute(&format!("SET client_encoding = '{encoding}'; SET TimeZone = 'UTC'")).await.unwrap();
    let copied = client.copy_out("COPY any_rows.t TO STDOUT").await.unwrap();
    copied.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

/// Rows, sorted: in which order slices come is nobody's promise.
fn rows(text: &[u8]) -> Vec<&[u8]> {
    let mut rows: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    rows.sort_unstable();
    rows
}

fn restore(file: &[u8], target: &Database) {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), file).unwrap();
    let output = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &target.url(), "-f"])
        .arg(path.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
