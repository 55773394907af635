//! The same flags for pg_dump and for us.

use std::path::Path;
use std::process::Command;

use pg_dump::{Content, DumpOptions};
use testing::postgres::Database;
use testing::stack::stack;

use crate::dumped::{Dumped, dump, pg_dump};

/// Words, of which patterns hold no space.
pub(crate) fn options(flags: &[&str]) -> DumpOptions {
    let mut options = DumpOptions::default();
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        match *word {
            "--schema-only" => options.content = Content::Schema,
            "--data-only" => options.content = Content::Data,
            "--no-owner" => options.no_owner = true,
            "--no-privileges" => options.no_privileges = true,
            "--table" => options.tables.push(words.next().unwrap().parse().unwrap()),
            "--exclude-table" => options.exclude_tables.push(words.next().unwrap().parse().unwrap()),
            other => panic!("{other}"),
        }
    }
    options
}

/// Our dump with these flags equals pg_dump's.
pub(crate) async fn assert_as_pg_dump(database: &Database, flags: &str) -> Dumped {
    let words: Vec<&str> = flags.split_whitespace().collect();
    assert_words_as_pg_dump(database, &words).await
}

pub(crate) async fn assert_words_as_pg_dump(database: &Database, flags: &[&str]) -> Dumped {
    let ours = dump(database, options(flags)).await;
    let ours = ours.unwrap_or_else(|error| panic!("{} {flags:?}: {error:?}", database.server.bin.display()));
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("ours.sql"), folder.path().join("stock.sql"));
    std::fs::write(&a, ours.file()).unwrap();
    std::fs::write(&b, pg_dump(database, "UTF8", flags)).unwrap();
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/dumpcmp.py");
    let output = Command::new("python3").arg(judge).args([&a, &b]).arg("--order").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{} {flags:?}\n{said}", database.server.bin.display());
    ours
}

/// Loads a file as a person would.
#[allow(dead_code)]
pub(crate) fn psql(database: &Database, file: &Path) {
    let psql = stack().psql.as_ref().expect("the stack has psql");
    let output = Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url(), "-f"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
