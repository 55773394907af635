//! Drills on real servers: what they leave when something is wrong with the server or the time.

use std::time::Duration;

use pg_client::ConnectOptions;
use pg_restore::{DrillCheck, DrillOptions, Error, RestoreOptions};
use testing::postgres::{Database, USUAL, server};
use testing::unique;

use crate::backup::Backup;
use crate::database::proving;
use crate::source::Memory;

/// A superuser of the test's own, so that its databases are known.
struct Role {
    name: String,
    options: ConnectOptions,
}

impl Role {
    async fn new() -> Self {
        let (server, name) = (server(USUAL), unique("drill_"));
        let create = format!("CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'x'");
        server.connect("postgres").await.batch_execute(&create).await.unwrap();
        Self { options: ConnectOptions::from_url(&server.url_as(&name, "x", "postgres")).unwrap(), name }
    }

    async fn end(self) {
        let client = server(USUAL).connect("postgres").await;
        let left =
            client.query("SELECT FROM pg_database WHERE datdba = $1::text::regrole", &[&self.name]).await.unwrap();
        client.batch_execute(&format!("DROP ROLE {}", self.name)).await.unwrap();
        assert!(left.is_empty(), "a database is left");
    }
}

fn drilling() -> DrillOptions {
    let mut options = DrillOptions::default();
    options.on_source_server = true;
    options
}

async fn failed(role: &Role, source: Memory, options: RestoreOptions, drill: DrillOptions) -> Error {
    pg_restore::drill(&role.options, source, options, drill).await.unwrap_err()
}

async fn rows() -> (Database, Backup) {
    let source = Database::create(USUAL).await;
    source.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    let backup = Backup::of(&source).await;
    (source, backup)
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_somebody_changes_meanwhile_fails_the_drill_and_it_is_dropped() {
    let (source, _) = rows().await;
    let role = Role::new().await;
    for (sql, said) in [
        ("CREATE VIEW more AS SELECT 1", "VIEW public.more is not in the backup"),
        ("UPDATE t SET n = 11 WHERE n = 10", "table public.t: 10 rows, of which some differ"),
    ] {
        let name = role.name.clone();
        let meddled = Memory::from(Backup::of(&source).await).at_end(move || {
            Box::pin(async move {
                let client = server(USUAL).connect("postgres").await;
                let sql_of_name = "SELECT datname::text FROM pg_database WHERE datdba = $1::text::regrole";
                let database: String = client.query_one(sql_of_name, &[&name]).await.unwrap().get(0);
                assert!(database.starts_with("offsite_drill_"), "{database}");
                server(USUAL).connect(&database).await.batch_execute(sql).await.unwrap();
            })
        });
        let error = failed(&role, meddled, proving(), drilling()).await.to_string();
        assert!(error.contains(said), "{error}");
    }
    role.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_compared_fails_the_drill() {
    let (_source, backup) = rows().await;
    let role = Role::new().await;
    let error = failed(&role, backup.into(), RestoreOptions::default(), drilling()).await.to_string();
    assert!(error.contains("not compared: definitions: nothing was there to read them"), "{error}");
    role.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_that_would_write_or_takes_too_long_fails_by_its_name() {
    let (_source, backup) = rows().await;
    let role = Role::new().await;
    let mut drill = drilling();
    drill.check_timeout = Duration::from_secs(1);
    let check = |name: &str, sql: &str| DrillCheck { name: name.to_owned(), sql: sql.to_owned() };
    let write = "WITH written AS (INSERT INTO t VALUES (11) RETURNING n) SELECT true FROM written";
    drill.checks = vec![
        check("writes", write),
        check("sleeps", "SELECT pg_sleep(600) IS NOT NULL"),
        check("counts", "SELECT count(*) = 10 FROM t"),
        // The server ends it, too: what is only given up here would go on there.
        check("ends", "SELECT current_setting('statement_timeout') = '1s'"),
    ];
    let error = failed(&role, backup.into(), proving(), drill).await.to_string();
    for part in ["writes (", "in a read-only transaction)", "sleeps (it took more than 1 s)"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!error.contains("counts") && !error.contains("ends ("), "{error}");
    role.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_that_hangs_ends_with_the_drill_s_time() {
    let (_source, backup) = rows().await;
    let role = Role::new().await;
    let mut drill = drilling();
    drill.checks = vec![DrillCheck { name: "sleeps".to_owned(), sql: "SELECT pg_sleep(600) IS NULL".to_owned() }];
    let mut options = proving();
    options.ignore_estimate = true;
    options.deadline = Some(tokio::time::Instant::now() + Duration::from_secs(8));
    let error = failed(&role, backup.into(), options, drill).await;
    assert!(matches!(error, Error::GivenUp { .. }), "{error}");
    role.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_can_not_be_reached_is_told_before_anything() {
    let (_source, backup) = rows().await;
    let role = Role::new().await;
    let mut elsewhere = Role { name: role.name.clone(), options: role.options.clone() };
    elsewhere.options.port = 1;
    let error = failed(&elsewhere, backup.into(), proving(), drilling()).await.to_string();
    assert!(error.contains("connect to database postgres"), "{error}");
    role.end().await;
}
