//! The same flags for pg_dump and for us.

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
    assert_same(
        &ours.file(),
        &pg_dump(database, "UTF8", flags),
        &format!("{} {flags:?}", database.server.bin.display()),
    );
    ours
}

/// The judge sees no difference between two dumps.
pub(crate) fn assert_same(a: &[u8], b: &[u8], what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.sql", "b.sql"].map(|name| folder.path().join(name));
    std::fs::write(&files[0], a).unwrap();
    std::fs::write(&files[1], b).unwrap();
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/dumpcmp.py");
    let output = Command::new("python3").arg(judge).args(&files).arg("--order").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}\n{said}");
}

/// Loads a dump as a person would.
pub(crate) fn psql(database: &Database, dump: &Dumped) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), dump.file()).unwrap();
    let psql = stack().psql.as_ref().expect("the stack has psql");
    let output = Command::new(psql)
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url(), "-f"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The relations that pg_dump chooses by a pattern, by the headers of its entries; `None` if it finds none.
pub(crate) fn chosen_by_pg_dump(database: &Database, pattern: &str) -> Option<Vec<String>> {
    let program = stack().pg_dump.as_ref().expect("the stack has pg_dump");
    let output = Command::new(program).args(["-s", "-x", "-d", &database.url(), "--table", pattern]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("no matching tables were found") {
        return None;
    }
    assert!(output.status.success(), "{pattern}: {said}");
    Some(names(&output.stdout))
}

/// The headers of a dump's entries.
pub(crate) fn names(dump: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(dump);
    text.lines().filter(|line| line.starts_with("-- Name: ")).map(str::to_owned).collect()
}
