//! Restores by a role that is no superuser, as a managed server such as Amazon RDS gives it to its customers, on every major.

use end_to_end::Site;
use serde_json::{Value, json};
use testing::managed::Master;
use testing::postgres::MAJORS;
use testing::{s3, secrets, unique};

use crate::SHOP;
use crate::older_tools::{GRC, GRC_DUMP, make_owner_on, read};

/// A site's backup, and who restores it.
struct Managed {
    site: Site,
    master: Master,
    into: String,
}

impl Managed {
    async fn new(major: &str) -> Self {
        let site = Site::new(major).await;
        let master = Master::new(site.database.server.clone()).await;
        Self { site, master, into: unique("restored_") }
    }

    async fn restored(&self, mut event: Value) -> Value {
        (event["kind"], event["backup"], event["into"]) = (json!("database"), json!("latest"), json!(self.into));
        self.site.restore_by(&self.master).await.invoke(&event).await.report()
    }

    /// What stock pg_dump says of what was restored, as if a superuser had.
    fn dumped(&self) -> String {
        String::from_utf8(self.master.renamed(self.site.pg_dump(&self.into).as_bytes())).unwrap()
    }
}

/// All rows are there, and nothing else differs.
fn assert_sound(report: &Value) {
    assert_eq!((&report["status"], &report["rows_equal"]), (&json!("ok"), &json!(true)), "{report}");
    let none = json!([]);
    let found = [&report["differences"], &report["not_compared"], &report["left_out"]];
    assert_eq!(found, [&none, &none, &none], "{report}");
}

/// Nothing was refused but to give it to the superuser, and all of that is named.
fn assert_owners_are_named(report: &Value, server_user: &str) {
    let refused = report["needs_superuser"].as_array().unwrap();
    assert!(!refused.is_empty() && report["equal"] == json!(false), "{report}");
    let owner = format!(" OWNER TO {server_user}; (must be ");
    assert!(refused.iter().all(|refused| refused.as_str().unwrap().contains(&owner)), "{report}");
}

#[tokio::test]
async fn backup_comes_back_and_what_others_own_is_named() {
    for major in MAJORS {
        let managed = Managed::new(major).await;
        let site = &managed.site;
        site.database.run(SHOP).await;
        // Of several volumes.
        site.backup().with("OFFSITE_VOLUME_BYTES", "1").invoke(&json!({})).await.report();
        let before = site.pg_dump(&site.database.name);

        let report = managed.restored(json!({})).await;
        assert_sound(&report);
        assert_owners_are_named(&report, &site.database.server.user);
        assert_eq!(report["rows"], 25_000);
        assert!(managed.dumped() == before, "{major}");

        // Rows into what is there now.
        let rows = json!({"existing": true, "content": "data", "on_conflict": "truncate"});
        let report = managed.restored(rows).await;
        assert_sound(&report);
        assert_eq!(report["rows"], 25_000, "{major}: {report}");
        // With the rows come large objects.
        assert_owners_are_named(&report, &site.database.server.user);
        assert!(managed.dumped() == before, "{major}");
        site.drop_database(&managed.into).await;

        // Nobody else's, and a part.
        let report = managed.restored(json!({"no_owner": true, "tables": ["customer", "purchase"]})).await;
        assert_sound(&report);
        assert_eq!((&report["rows"], &report["needs_superuser"]), (&json!(22_000), &json!([])), "{major}: {report}");
        site.drop_database(&managed.into).await;
    }
}

#[tokio::test]
async fn dump_of_an_older_tool_comes_back_and_what_others_own_is_named() {
    let bucket = s3::plain_bucket().await;
    let dump = read(GRC_DUMP);
    s3::client().put_object().bucket(&bucket).key("x.sql.encrypted").body(dump.into()).send().await.unwrap();
    let passwords = secrets::create(&json!([GRC]).to_string()).await;
    // It is of PostgreSQL 15.
    for major in MAJORS.into_iter().filter(|major| *major >= "15") {
        let managed = Managed::new(major).await;
        make_owner_on(major).await;
        let restore = managed.site.restore_by(&managed.master).await.with("OFFSITE_OLDER_PASSWORDS_SECRET", &passwords);
        let file = format!("s3://{bucket}/x.sql.encrypted");
        let event = json!({"kind": "older-database", "file": file, "into": managed.into});
        let report = restore.invoke(&event).await.report();
        assert_eq!(report["tables"], 2, "{report}");
        assert_owners_are_named(&report, "defectdojo");
        managed.site.drop_database(&managed.into).await;
    }
}

#[tokio::test]
async fn role_that_is_missing_is_made_by_a_master_who_then_gives_it_what_was_its() {
    for major in MAJORS {
        let managed = Managed::new(major).await;
        let (site, owner) = (&managed.site, unique("owner_"));
        let table = "CREATE TABLE t AS SELECT generate_series(1, 100) AS n";
        site.database.run(&format!("CREATE ROLE {owner}; {table}; ALTER TABLE t OWNER TO {owner}")).await;
        site.back_up().await;
        site.database.run(&format!("ALTER TABLE t OWNER TO CURRENT_USER; DROP ROLE {owner}")).await;
        let event = json!({"kind": "database", "backup": "latest", "into": managed.into});
        let refused = site.restore_by(&managed.master).await.invoke(&event).await.failure();
        assert!(refused.contains(&format!("role {owner} is missing (CREATE ROLE)")), "{refused}");
        assert!(!site.database_exists(&managed.into).await);

        let report = managed.restored(json!({"create_roles": true})).await;
        assert_eq!(report["rows_equal"], true, "{report}");
        site.drop_database(&managed.into).await;
        site.database.run(&format!("DROP ROLE {owner}")).await;
    }
}
