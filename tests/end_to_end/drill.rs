//! The function that restores backups to see that they come back.

mod files;

use end_to_end::Site;
use serde_json::{Value, json};
use testing::faults::{Fault, Operation, Proxy, Times};
use testing::lambda::Function;
use testing::postgres::{Database, USUAL, server};
use testing::stack::Server;
use testing::{s3, secrets, unique};

use crate::SHOP;
use crate::cut_ciphertext::{altered, objects};

/// A server of drills, and a role of this test's own that may create databases and nothing else.
struct Drills {
    server: Server,
    role: String,
    secret: String,
}

impl Drills {
    async fn on(major: &str) -> Self {
        Self::with(major, "").await
    }

    async fn with(major: &str, more: &str) -> Self {
        let (server, role) = (server(major), unique("drill_"));
        let create = format!("CREATE ROLE {role} LOGIN CREATEDB {more} PASSWORD 'drill'");
        server.connect("postgres").await.batch_execute(&create).await.unwrap();
        let secret = Self::secret(&server, &role, "postgres").await;
        Self { server, role, secret }
    }

    async fn secret(server: &Server, role: &str, dbname: &str) -> String {
        let secret = json!({
            "engine": "postgres", "username": role, "password": "drill",
            "host": server.host, "port": server.port, "dbname": dbname,
        });
        secrets::create(&secret.to_string()).await
    }

    fn function(&self, site: &Site) -> Function {
        site.verify()
            .with("OFFSITE_DATABASE_SECRET", &self.secret)
            .with("OFFSITE_SSLROOTCERT", &self.server.ca.display().to_string())
    }

    /// Databases that the role has left.
    async fn left(&self) -> Vec<String> {
        let sql = "SELECT datname::text FROM pg_database WHERE datdba = $1::text::regrole ORDER BY 1";
        let rows = self.server.connect("postgres").await.query(sql, &[&self.role]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    async fn end(self) {
        assert_eq!(self.left().await, [""; 0]);
        let client = self.server.connect("postgres").await;
        client.batch_execute(&format!("DROP ROLE {}", self.role)).await.unwrap();
    }
}

fn database() -> Value {
    json!({"mode": "drill", "kind": "database"})
}

fn with_checks(checks: Value) -> Value {
    json!({"mode": "drill", "kind": "database", "checks": checks})
}

/// A site whose source is on a server of its own, beside that of the drills.
async fn apart(major: &str, sql: &str) -> (Site, Drills) {
    let site = Site::new(major).await;
    site.database.run(sql).await;
    (site, Drills::on(if major == "18" { "17" } else { "18" }).await)
}

const ROWS: &str = "CREATE TABLE t AS SELECT generate_series(1, 10) AS n";

/// Keys of the records of drills.
async fn records(site: &Site) -> Vec<String> {
    let prefix = format!("{}/drills/", site.environment);
    let listed = s3::client().list_objects_v2().bucket(&site.bucket).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

async fn watch(site: &Site) -> Value {
    let watch = site.verify().with("OFFSITE_DRILL_DAYS", "7").with("OFFSITE_RECOVERY_DRILL_DAYS", "0");
    watch.invoke(&json!({"mode": "watch"})).await.report()
}

/// A failure, which left neither a database nor a record.
async fn failed(site: &Site, drills: &Drills, function: Function, event: &Value) -> String {
    let failure = function.invoke(event).await.failure();
    assert_eq!((drills.left().await, records(site).await), (vec![], vec![]), "{failure}");
    failure
}

#[tokio::test]
async fn drill_proves_a_backup_equal_drops_what_it_restored_and_is_known_to_the_watch() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    let backup = site.back_up().await;
    let before = watch(&site).await;
    assert_eq!((&before["counts"]["drill_late"], &before["last_drill"]), (&json!(1), &Value::Null), "{before}");

    // What the shop has needs a superuser, and its server is that of the source.
    let drills = Drills::with(USUAL, "SUPERUSER").await;
    let function = drills.function(&site).with("OFFSITE_DRILL_ON_SOURCE_SERVER", "true").with(
        "OFFSITE_DRILL_CHECKS",
        r#"{"there are customers": "SELECT count(*) > 0 FROM customer", "nothing can be written": "SELECT current_setting('transaction_read_only') = 'on'"}"#,
    );
    let outcome = function.invoke(&with_checks(json!({"one more": "SELECT true"}))).await;
    let measured: Value = serde_json::from_str(outcome.log.lines().last().unwrap()).unwrap();
    let report = outcome.report();
    let restored = &report["restore"];
    assert_eq!(
        (&report["status"], &restored["backup"], &restored["equal"]),
        (&json!("ok"), &backup["backup"], &json!(true)),
        "{report}"
    );
    assert_eq!((&restored["rows"], &restored["compared"]["rows"]), (&backup["rows"], &backup["rows"]), "{report}");
    let checks: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(checks, ["nothing can be written", "one more", "there are customers"]);
    let seconds = |name: &str| report[name].as_f64().unwrap();
    assert!(seconds("recovery_seconds") > 0.0 && seconds("proving_seconds") > 0.0, "{report}");
    assert!(seconds("recovery_seconds") + seconds("proving_seconds") <= seconds("seconds"), "{report}");
    assert!((895.0..=900.0).contains(&seconds("limit_seconds")), "{report}");
    assert_eq!((&measured["Function"], &measured["Success"]), (&json!("drill-database"), &json!(1)));
    assert_eq!(measured["TimeToRecover"], seconds("recovery_seconds").ceil() as u64, "{measured}");

    let key = report["record"].as_str().unwrap();
    assert_eq!(records(&site).await, [key]);
    assert!(key.starts_with(&format!("{}/drills/restore/database/", site.environment)), "{key}");
    let record = s3::client().get_object().bucket(&site.bucket).key(key).send().await.unwrap();
    let record = record.body.collect().await.unwrap().to_vec();
    let text = String::from_utf8(record.clone()).unwrap();
    assert!(!text.contains("customer") && !text.contains("postgres"), "{text}");
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!((&record["backup"], &record["rows"]), (&backup["backup"], &backup["rows"]));
    assert_eq!(record["recovery_seconds"], report["recovery_seconds"]);
    let after = watch(&site).await;
    assert_eq!((&after["counts"]["drill_late"], after["last_drill"].is_string()), (&Value::Null, true), "{after}");
    drills.end().await;
}

#[tokio::test]
async fn role_that_creates_databases_and_is_a_member_of_the_owners_brings_all_back() {
    let site = Site::new(USUAL).await;
    let owner = unique("owner_");
    let sql = format!(
        "CREATE ROLE {owner}; CREATE SCHEMA app AUTHORIZATION {owner}; SET ROLE {owner}; SET search_path = app; {ROWS}; \
         CREATE INDEX ON t (n); CREATE VIEW v AS SELECT * FROM t; RESET ROLE"
    );
    site.database.run(&sql).await;
    site.back_up().await;
    let drills = Drills::on(USUAL).await;
    site.database.run(&format!("GRANT {owner} TO {}", drills.role)).await;
    let function = drills.function(&site).with("OFFSITE_DRILL_ON_SOURCE_SERVER", "true");
    let report = function.invoke(&database()).await.report();
    assert_eq!(
        (&report["restore"]["equal"], &report["restore"]["needs_superuser"]),
        (&json!(true), &json!([])),
        "{report}"
    );
    drills.end().await;
    site.database.run(&format!("DROP OWNED BY {owner}; DROP ROLE {owner}")).await;
}

#[tokio::test]
async fn source_s_own_database_is_never_drilled_on_and_its_server_only_when_that_is_said() {
    let site = Site::new(USUAL).await;
    site.database.run(ROWS).await;
    site.back_up().await;
    let drills = Drills::on(USUAL).await;
    let refused = failed(&site, &drills, drills.function(&site), &database()).await;
    let words = format!("the drill's server has a database {}", site.database.name);
    assert!(refused.contains(&words) && refused.contains("DrillOnSourceServer"), "{refused}");

    // The application's own login, whatever else is said.
    let own = Drills::secret(&drills.server, &drills.role, &site.database.name).await;
    for said in ["true", "false"] {
        let own = drills.function(&site).with("OFFSITE_DATABASE_SECRET", &own);
        let refused = failed(&site, &drills, own.with("OFFSITE_DRILL_ON_SOURCE_SERVER", said), &database()).await;
        let words = format!("login data name database {}", site.database.name);
        assert!(refused.contains(&words) && refused.contains("HINT"), "{refused}");
    }
    let none = drills.function(&site).with("OFFSITE_DATABASE_SECRET", "");
    let refused = failed(&site, &drills, none, &database()).await;
    assert!(refused.contains("DrillDatabaseSecret"), "{refused}");

    let allowed = drills.function(&site).with("OFFSITE_DRILL_ON_SOURCE_SERVER", "true");
    let report = allowed.invoke(&database()).await.report();
    assert_eq!(report["status"], "ok");
    // It did not touch the source, but for reading the list of databases.
    assert_eq!(site.database.connect().await.query("SELECT FROM t", &[]).await.unwrap().len(), 10);
    drills.end().await;
}

#[tokio::test]
async fn check_that_is_not_true_fails_the_drill_by_its_name() {
    let (site, drills) = apart(USUAL, ROWS).await;
    site.back_up().await;
    let function = || drills.function(&site).with("OFFSITE_DRILL_CHECK_SECONDS", "1");
    for (sql, why) in [
        ("SELECT count(*) > 100 FROM t", "it is false"),
        ("SELECT bool_or(n > 1) FROM t WHERE n > 100", "it is NULL"),
        ("SELECT true FROM t WHERE n > 100", "it returns no row"),
        ("SELECT true FROM t", "it returns more than one row"),
        ("SELECT n > 0, true FROM t LIMIT 1", "it returns 2 columns in place of one"),
        ("SELECT count(*) FROM t", "it returns a int8 and no boolean"),
        ("SELECT count(*) > 0 FROM gone", "relation \"gone\" does not exist"),
        ("SELECT pg_sleep(600) IS NOT NULL", "it took more than 1 s"),
        ("INSERT INTO t VALUES (1) RETURNING true", "read-only transaction"),
        ("COMMIT", "it returns 0 columns in place of one"),
        ("SELECT true; DROP TABLE t", "multiple commands"),
    ] {
        let event = with_checks(json!({"my check": sql, "another": "SELECT true"}));
        let failure = failed(&site, &drills, function(), &event).await;
        assert!(
            failure.contains("my check") && failure.contains(why) && !failure.contains("another"),
            "{sql}: {failure}"
        );
        assert!(failure.contains("fails 1 of the drill's checks"), "{failure}");
    }
    // What a row holds is nobody's to read in a log.
    let event = with_checks(json!({"numbers": "SELECT ('secret-' || n)::int > 0 FROM t"}));
    let failure = failed(&site, &drills, function(), &event).await;
    assert!(failure.contains("numbers") && !failure.contains("secret"), "{failure}");
    drills.end().await;
}

#[tokio::test]
async fn restore_that_is_not_equal_fails_the_drill_by_what_differs() {
    // The later major spells this view otherwise.
    let (site, drills) = apart("15", &format!("{ROWS}; CREATE VIEW few AS SELECT t.n FROM t WHERE t.n < 3")).await;
    site.back_up().await;
    let failure = failed(&site, &drills, drills.function(&site), &database()).await;
    assert!(failure.contains("VIEW public.few is defined otherwise"), "{failure}");
    assert!(failure.contains("server of the source's major version"), "{failure}");
    let alike = Drills::on("15").await;
    let function = alike.function(&site).with("OFFSITE_DRILL_ON_SOURCE_SERVER", "true");
    let report = function.invoke(&database()).await.report();
    // What is a superuser's stays the drill's own, and is told.
    assert_eq!((&report["restore"]["differing"], &report["restore"]["rows"]), (&json!(0), &json!(10)), "{report}");
    assert_ne!(report["restore"]["needs_superuser"], json!([]), "{report}");
    alike.end().await;
    drills.end().await;
}

#[tokio::test]
async fn backup_that_was_altered_or_is_not_there_fails_the_drill_by_name() {
    let (site, drills) = apart(USUAL, ROWS).await;
    let failure = failed(&site, &drills, drills.function(&site), &database()).await;
    assert!(failure.contains("has no backup"), "{failure}");
    site.back_up().await;
    let stored = objects(&site.bucket).await;
    let volume = stored.iter().find(|(key, _)| key.contains("/volume-0001.")).unwrap().1.clone();
    let more = altered(&stored, &volume, &site.wrapping_keys, |manifest| manifest.objects[0].rows += 1).await;
    let copy = s3::plain_bucket().await;
    for (key, bytes) in more {
        s3::client().put_object().bucket(&copy).key(key).body(bytes.into()).send().await.unwrap();
    }
    let forged = drills.function(&site).with("OFFSITE_VAULT_BUCKET", &copy);
    let failure = failed(&site, &drills, forged, &database()).await;
    assert!(failure.contains("its volumes promise other rows"), "{failure}");
    drills.end().await;
}

#[tokio::test]
async fn drill_that_may_not_leave_its_record_says_so_and_that_it_succeeded() {
    let (site, drills) = apart(USUAL, ROWS).await;
    site.back_up().await;
    let proxy = Proxy::start().await;
    proxy.inject(Operation::PutObject, 1, Fault::AccessDenied, Times::ForGood);
    let function = drills.function(&site).with("AWS_ENDPOINT_URL_S3", proxy.endpoint());
    let failure = failed(&site, &drills, function, &database()).await;
    assert!(failure.contains("the drill succeeded, but no record of it could be left"), "{failure}");
    assert!(failure.contains("/drills/restore/database/") && failure.contains("AccessDenied"), "{failure}");
    drills.end().await;
}

#[tokio::test]
async fn what_killed_drills_left_is_dropped_and_nothing_else() {
    let (site, drills) = apart(USUAL, ROWS).await;
    site.back_up().await;
    let client = drills.server.connect("postgres").await;
    // 16 hexadecimal digits.
    let name = || unique("offsite_drill_0000");
    let (dead, killed, living, other) = (name(), format!("{}__restoring_0123456789ab", name()), name(), name());
    for database in [&dead, &killed, &living] {
        client.batch_execute(&format!("CREATE DATABASE \"{database}\" OWNER {}", drills.role)).await.unwrap();
    }
    // Of somebody else, or of a drill that is under way.
    client.batch_execute(&format!("CREATE DATABASE \"{other}\"")).await.unwrap();
    let lock = "SELECT pg_advisory_lock(1869964139, hashtext($1))";
    client.execute(lock, &[&living]).await.unwrap();
    let report = drills.function(&site).invoke(&database()).await.report();
    let mut expected = [dead, killed];
    expected.sort();
    assert_eq!(report["dropped_leftovers"], json!(expected), "{report}");
    assert_eq!(drills.left().await, std::slice::from_ref(&living));
    assert!(exists(&drills.server, &other).await);
    for database in [living, other] {
        client.batch_execute(&format!("DROP DATABASE \"{database}\"")).await.unwrap();
    }
    drills.end().await;
}

async fn exists(server: &Server, name: &str) -> bool {
    let client = server.connect("postgres").await;
    !client.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await.unwrap().is_empty()
}

#[tokio::test]
async fn of_several_databases_that_is_drilled_of_which_a_drill_is_longest_ago() {
    let (site, drills) = apart(USUAL, ROWS).await;
    let other = Database::create(USUAL).await;
    let secret = json!({
        "username": other.server.user, "password": other.server.password, "host": other.server.host,
        "port": other.server.port, "dbname": other.name,
    });
    let secret = secrets::create(&secret.to_string()).await;
    let first = site.back_up().await["backup"].clone();
    let second =
        site.backup().with("OFFSITE_DATABASE_SECRET", &secret).invoke(&json!({})).await.report()["backup"].clone();
    let mut drilled = Vec::new();
    for _ in 0..2 {
        // S3 tells times in whole seconds.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        drilled.push(drills.function(&site).invoke(&database()).await.report()["restore"]["backup"].clone());
    }
    assert!(drilled.contains(&first) && drilled.contains(&second), "{drilled:?}");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let third = drills.function(&site).invoke(&database()).await.report();
    assert_eq!(third["restore"]["backup"], drilled[0]);
    let named = json!({"mode": "drill", "kind": "database", "source": other.name});
    assert_eq!(drills.function(&site).invoke(&named).await.report()["restore"]["backup"], second);
    drills.end().await;
}
