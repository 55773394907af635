//! `offsite cat`: one table's rows, and little more than these is fetched.

use std::process::{Command, Output};

use end_to_end::Site;
use testing::faults::Proxy;
use testing::postgres::USUAL;
use testing::stack::stack;

use crate::command_line::offsite;

const MIB: u64 = 1 << 20;

/// Many tables, of which one is large enough for several sections.
async fn site() -> Site {
    let site = Site::new(USUAL).await;
    let large = "CREATE TABLE large AS SELECT n, md5(n::text) || md5((n + 1)::text) AS text, NULL AS nothing FROM generate_series(1, 150000) n;";
    let others = "DO 'BEGIN FOR i IN 1..60 LOOP EXECUTE format(''CREATE TABLE t%s AS SELECT n, md5((n * %s)::text) AS text FROM generate_series(1, 8000) n'', i, i); END LOOP; END';";
    let odd = "CREATE SCHEMA other; CREATE TABLE other.t7 (\"Größe\" text, b int GENERATED ALWAYS AS (1) STORED); INSERT INTO other.t7 VALUES ('a\tb\\c'), (NULL); CREATE TABLE empty (a int)";
    for sql in [large, others, odd] {
        site.database.run(sql).await;
    }
    site.back_up().await;
    site
}

struct Keys(tempfile::NamedTempFile);

impl Keys {
    fn of(site: &Site) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &site.wrapping_keys).unwrap();
        Self(file)
    }

    fn cat(&self, site: &Site, arguments: &[&str]) -> Command {
        let mut command = offsite();
        command.args(["cat", "latest"]).args(arguments).arg("--wrapping-keys").arg(self.0.path());
        command.args(["--vault", &site.bucket, "--environment", &site.environment]);
        command
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What PostgreSQL itself says.
fn copied(site: &Site, query: &str) -> Vec<u8> {
    let psql = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-d", &site.database.url(), "-c", &format!("COPY ({query}) TO STDOUT")])
        .output()
        .unwrap();
    assert!(psql.status.success(), "{}", said(&psql));
    psql.stdout
}

/// Slices of a table come in no order.
fn sorted(rows: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = rows.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_table_are_what_copy_says_and_little_else_is_fetched() {
    let site = site().await;
    let keys = Keys::of(&site);
    let summary = &site.listing().await.backups[0].summary;
    let (all, rows) = (summary.bytes, summary.rows);
    assert!(rows > 150_000 + 60 * 8000);
    for (table, query) in
        [("large", "SELECT * FROM large"), ("public.t7", "SELECT * FROM t7"), ("empty", "SELECT * FROM empty")]
    {
        let proxy = Proxy::start().await;
        let cat = keys.cat(&site, &[table]).env("AWS_ENDPOINT_URL_S3", proxy.endpoint()).output().unwrap();
        assert!(cat.status.success(), "{}", said(&cat));
        assert!(sorted(&cat.stdout) == sorted(&copied(&site, query)), "{table}");
        let share = share(&site, &keys, table);
        assert!(proxy.answered() <= share + 2 * MIB, "{table}: {} of {all}, with {share} of its own", proxy.answered());
    }
    assert!(all > share(&site, &keys, "large") + 3 * MIB, "the volume is too small to show anything");
}

/// Bytes of a table's sections as they are stored.
fn share(site: &Site, keys: &Keys, table: &str) -> u64 {
    let cat = keys.cat(site, &[table]).output().unwrap();
    let said = said(&cat);
    let stored = said.split(" bytes stored").next().and_then(|text| text.rsplit('(').next());
    stored.and_then(|bytes| bytes.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}

/// Restores with the command, through a proxy, into a new database that is dropped.
async fn restore(site: &Site, keys: &Keys, proxy: &Proxy, arguments: &[&str]) {
    let into = format!("{}_again", site.database.name);
    let restored = offsite()
        .args(["restore", "database", "latest", "--into", &into, "--wrapping-keys"])
        .arg(keys.0.path())
        .args(["--vault", &site.bucket, "--environment", &site.environment])
        .args(arguments)
        .env("DATABASE_URL", site.database.server.url("postgres"))
        .env("AWS_ENDPOINT_URL_S3", proxy.endpoint())
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    site.drop_database(&into).await;
}

/// Small tables lie by the dozen in a frame of the envelope, which is the least that can be fetched.
#[tokio::test(flavor = "multi_thread")]
async fn backup_of_small_tables_is_fetched_about_once_by_a_restore() {
    let site = Site::new(USUAL).await;
    site.database.run("DO 'BEGIN FOR i IN 1..60 LOOP EXECUTE format(''CREATE TABLE t%s AS SELECT n, md5(n::text) FROM generate_series(1, 500) n'', i); END LOOP; END'").await;
    site.back_up().await;
    let (keys, proxy) = (Keys::of(&site), Proxy::start().await);
    restore(&site, &keys, &proxy, &[]).await;
    let all = site.listing().await.backups[0].summary.bytes;
    assert!(proxy.answered() <= all + 2 * MIB, "{} of {all}", proxy.answered());
}

/// Backups whose readers were at several large tables at once: their sections must not lie between each other's.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_table_among_others_little_else_is_fetched_by_cat_and_by_a_restore() {
    let site = Site::new(USUAL).await;
    let text = "(SELECT string_agg(md5((n * 100 + i)::text), '') FROM generate_series(1, 30) i) AS text";
    for (table, rows) in [("large", 90_000), ("other", 60_000)] {
        site.database.run(&format!("CREATE TABLE {table} AS SELECT n, {text} FROM generate_series(1, {rows}) n")).await;
    }
    // And definitions of a MiB, of which no more is to be fetched than that.
    let comment = "(SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 500) i)";
    site.database
        .run(&format!(
            "DO $$ BEGIN FOR n IN 1..120 LOOP EXECUTE format('CREATE TABLE t%s AS SELECT * FROM other LIMIT 150', n); \
         EXECUTE format('COMMENT ON TABLE t%s IS %L', n, {comment}); END LOOP; END $$"
        ))
        .await;
    site.back_up().await;
    let keys = Keys::of(&site);
    let share = share(&site, &keys, "large");
    assert!(share > 20 * MIB, "{share}: too few sections to show anything");

    let proxy = Proxy::start().await;
    let cat = keys.cat(&site, &["large"]).env("AWS_ENDPOINT_URL_S3", proxy.endpoint()).output().unwrap();
    assert!(cat.status.success(), "{}", said(&cat));
    assert!(proxy.answered() <= share + 2 * MIB, "cat: {} with {share} of its own", proxy.answered());

    let proxy = Proxy::start().await;
    restore(&site, &keys, &proxy, &["--table", "large"]).await;
    assert!(proxy.answered() <= share + 2 * MIB, "restore: {} with {share} of its own", proxy.answered());
}

#[tokio::test]
async fn sql_of_a_table_is_loaded_by_psql_into_one_that_is_there() {
    let site = site().await;
    let keys = Keys::of(&site);
    let header = keys.cat(&site, &["other.t7", "--header"]).output().unwrap();
    assert_eq!(String::from_utf8(header.stdout).unwrap(), "Größe\na\\tb\\\\c\n\\N\n");
    let sql = keys.cat(&site, &["other.t7", "--sql"]).output().unwrap();
    assert!(sql.status.success(), "{}", said(&sql));
    let before = copied(&site, "SELECT * FROM other.t7");
    site.database.run("TRUNCATE other.t7").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sql.stdout).unwrap();
    let loaded = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", &site.database.url(), "-f"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{}", said(&loaded));
    assert!(copied(&site, "SELECT * FROM other.t7") == before);
}

#[tokio::test]
async fn table_that_is_not_there_or_there_twice_is_told_with_those_that_are() {
    let site = site().await;
    let keys = Keys::of(&site);
    for (table, told) in [("t7", "several tables t7"), ("t7", "other.t7, public.t7"), ("nothing", "public.empty")] {
        let cat = keys.cat(&site, &[table]).output().unwrap();
        assert_eq!(cat.status.code(), Some(1));
        assert!(said(&cat).contains(told) && cat.stdout.is_empty(), "{}", said(&cat));
    }
}
