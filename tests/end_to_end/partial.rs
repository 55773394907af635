//! A backup that may be partial: what it lacks is named wherever someone looks.

use end_to_end::Site;
use serde_json::json;
use testing::postgres::{Database, USUAL};
use testing::secrets;

use crate::command_line::offsite;

#[tokio::test]
async fn partial_backup_names_what_it_lacks_until_it_is_restored() {
    let mut site = Site::new(USUAL).await;
    let role = testing::unique("reader_");
    let server = &site.database.server;
    site.database
        .run(&format!(
            "CREATE TABLE open_table AS SELECT generate_series(1, 10) AS n;
             CREATE TABLE closed_table AS SELECT 1 AS n; SELECT lo_from_bytea(91001, 'closed');
             CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT SELECT ON open_table TO {role};"
        ))
        .await;
    let secret = json!({
        "username": role, "password": "reader", "host": server.host, "port": server.port, "dbname": site.database.name,
    });
    let whole = std::mem::replace(&mut site.secret, secrets::create(&secret.to_string()).await);

    let failure = site.backup().invoke(&json!({})).await.failure();
    assert!(failure.contains("closed_table") && failure.contains("large object 91001"), "{failure}");
    site.assert_untouched().await;

    let report = site.backup().with("OFFSITE_ALLOW_PARTIAL", "true").invoke(&json!({})).await.report();
    assert_eq!((&report["status"], &report["rows"]), (&json!("ok"), &json!(10)));
    let warnings = report["warnings"].as_array().unwrap();
    let names = |code: &str| warnings.iter().find(|warning| warning["code"] == code).map(|warning| &warning["names"]);
    assert_eq!(names("rows_not_dumped"), Some(&json!(["public.closed_table"])));
    assert_eq!(names("not_dumped"), Some(&json!(["large object 91001"])));
    let summary = &site.listing().await.backups[0].summary;
    assert_eq!((summary.warnings.get("not_dumped"), summary.warnings.get("rows_not_dumped")), (Some(&1), Some(&1)));

    site.secret = whole;
    let into = format!("{}_back", site.database.name);
    let restored = site.restore().invoke(&json!({"kind": "database", "backup": "latest", "into": into})).await.report();
    assert_eq!(
        (&restored["status"], &restored["rows"], &restored["compared"]["rows"]),
        (&json!("ok"), &json!(10), &json!(10))
    );
    assert_eq!(restored["equal"], false, "nobody compared what is not there");
    assert_eq!(restored["not_in_backup"].as_array().unwrap().len(), 2, "{restored}");
    assert!(restored["backup_warnings"].to_string().contains("closed_table"), "{restored}");
    site.drop_database(&into).await;
    site.database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn dump_of_a_part_names_what_it_lacks_on_standard_error() {
    let database = Database::create(USUAL).await;
    database
        .run(
            "CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE log AS SELECT 2 AS n;
             SET allow_system_table_mods = on; CREATE TABLE pg_catalog.hidden (a int)",
        )
        .await;
    let run = |flags: &[&str]| {
        let output = offsite().arg("dump").args(flags).arg(database.url()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, _, said) = run(&[]);
    assert!(status == Some(1) && said.contains("hidden"), "{said}");
    let (status, sql, said) = run(&["--allow-partial", "-T", "log", "-O", "-x"]);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("warning: not in the dump: table hidden"), "{said}");
    assert!(sql.contains("COPY public.t (n)") && !sql.contains("public.log") && !sql.contains("OWNER TO"), "{sql}");

    let (status, sql, said) = run(&["--schema-only", "--table", "t"]);
    assert!(
        status == Some(0) && said.is_empty() && sql.contains("CREATE TABLE public.t") && !sql.contains("COPY"),
        "{said}"
    );
    let (status, _, said) = run(&["--schema-only", "--data-only"]);
    assert!(status == Some(2) && said.contains("cannot be used with"), "{said}");
    let (status, _, said) = run(&["--table", "a.b.c.d"]);
    assert!(status == Some(2) && said.contains("too many dots"), "{said}");
    let (status, sql, said) = run(&["--table", "T*", "--table", "nothing"]);
    assert!(
        status == Some(1) && sql.is_empty() && said.contains("no matching tables were found for pattern \"nothing\""),
        "{said}"
    );
}
