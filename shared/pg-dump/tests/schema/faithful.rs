//! Compares a dump with a stock pg_dump's, and a restored database with its source.

use std::path::Path;
use std::process::Command;

use testing::postgres::{Database, server};
use testing::stack::stack;

/// The roles that fixtures name. Several tests may make them at once.
pub(crate) async fn roles(major: &str) {
    let client = server(major).connect("postgres").await;
    for role in ["zoo_owner", "zoo_reader", "\"Zoo Admin\"", "zoo_login LOGIN PASSWORD 'zoo'"] {
        let made = client.batch_execute(&format!("CREATE ROLE {role}")).await;
        let existed = |error: &tokio_postgres::Error| error.as_db_error().is_some();
        assert!(made.as_ref().err().is_none_or(existed), "{made:?}");
    }
}

/// Our dump of the schema.
pub(crate) async fn schema_of(database: &Database) -> String {
    pg_dump::schema_text(&database.connect().await).await.unwrap()
}

/// Our dump of what `sql` makes equals pg_dump's; returns ours.
pub(crate) async fn assert_said_as_pg_dump(major: &str, sql: &str) -> String {
    roles(major).await;
    let source = Database::create(major).await;
    source.run(sql).await;
    let folder = tempfile::tempdir().unwrap();
    let (ours, stock) = (folder.path().join("ours.sql"), folder.path().join("stock.sql"));
    let text = schema_of(&source).await;
    std::fs::write(&ours, &text).unwrap();
    pg_dump(&source, &stock);
    compare(major, &ours, &stock, &[]);
    text
}

/// Our dump of what `sql` makes equals pg_dump's, restores with psql, and is then what pg_dump and we say of the restored database.
pub(crate) async fn assert_faithful(major: &str, sql: &str) {
    roles(major).await;
    let (source, restored) = (Database::create(major).await, Database::create(major).await);
    source.run(sql).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);

    let ours = schema_of(&source).await;
    std::fs::write(at("ours.sql"), &ours).unwrap();
    pg_dump(&source, &at("stock.sql"));
    compare(major, &at("ours.sql"), &at("stock.sql"), &[]);

    restore(&restored, &at("ours.sql"));
    pg_dump(&restored, &at("restored.sql"));
    compare(major, &at("stock.sql"), &at("restored.sql"), &[]);
    std::fs::write(at("again.sql"), schema_of(&restored).await).unwrap();
    compare(major, &at("ours.sql"), &at("again.sql"), &["--ours"]);
}

/// Our dump of what `sql` makes restores with psql, and is then what we say of the restored database: for what pg_dump loses.
pub(crate) async fn assert_comes_back(major: &str, sql: &str) -> String {
    roles(major).await;
    let (source, restored) = (Database::create(major).await, Database::create(major).await);
    source.run(sql).await;
    let ours = schema_of(&source).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ours.sql"), &ours).unwrap();
    restore(&restored, &folder.path().join("ours.sql"));
    assert_eq!(schema_of(&restored).await, ours, "{major}");
    let [before, after] = [(&source, "before.sql"), (&restored, "after.sql")].map(|(database, name)| {
        pg_dump(database, &folder.path().join(name));
        folder.path().join(name)
    });
    compare(major, &before, &after, &[]);
    ours
}

fn restore(database: &Database, dump: &Path) {
    let psql = stack().psql.as_ref().expect("the stack has psql");
    let arguments = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &database.url(), "-f"];
    let output = Command::new(psql).args(arguments).arg(dump).output().unwrap();
    assert!(output.status.success(), "{}: {}", dump.display(), String::from_utf8_lossy(&output.stderr));
}

/// A stock pg_dump, with what it says of data: a materialised view's rows are made by the schema.
fn pg_dump(database: &Database, to: &Path) {
    let pg_dump = stack().pg_dump.as_ref().expect("the stack has pg_dump");
    let output = Command::new(pg_dump).env("PGTZ", "UTC").args(["-d", &database.url(), "-f"]).arg(to).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn compare(major: &str, a: &Path, b: &Path, flags: &[&str]) {
    let judge = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/dumpcmp.py");
    let output = Command::new("python3")
        .arg(judge)
        .args([a, b])
        .args(["--order", "--schema-only"])
        .args(flags)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{major}: {} {}\n{}",
        a.display(),
        b.display(),
        String::from_utf8_lossy(&output.stdout)
    );
}
