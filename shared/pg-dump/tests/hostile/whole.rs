//! A whole dump, rows and all, against a stock pg_dump's, and restored by psql.

use std::path::Path;
use std::process::Command;

use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions};
use testing::postgres::Database;
use testing::stack::stack;

use crate::dumped::{Dumped, pg_dump, rest};

/// Dumps by `connect`, compares with what pg_dump says as a superuser, restores into `target`, and compares again.
pub async fn assert_whole(database: &Database, target: &Database, connect: &ConnectOptions, encoding: &str) -> Dumped {
    let dumped = rest(Dump::open(connect, DumpOptions::default()).await.unwrap()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("ours.sql"), dumped.file()).unwrap();
    std::fs::write(at("stock.sql"), pg_dump(database, encoding, &[])).unwrap();
    compare(&at("ours.sql"), &at("stock.sql"));
    let output = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &target.url(), "-f"])
        .arg(at("ours.sql"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(at("restored.sql"), pg_dump(target, encoding, &[])).unwrap();
    compare(&at("stock.sql"), &at("restored.sql"));
    dumped
}

fn compare(a: &Path, b: &Path) {
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/dumpcmp.py");
    let output = Command::new("python3").arg(judge).args([a, b]).arg("--order").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
