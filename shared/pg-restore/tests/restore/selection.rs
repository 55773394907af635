//! A part of a backup, or all of it as somebody else's.

use std::path::Path;
use std::process::Command;

use pg_restore::{Choice, Error, RestoreOptions};
use testing::postgres::Database;
use testing::stack::{Server, stack};
use testing::unique;

use crate::backup::Backup;
use crate::database::{Place, assert_whole, by_superuser, chain, pg_dump, proving};
use crate::login::{by_anyone, by_anyone_anywhere};
use crate::psql::shop;
use crate::source::Memory;

pub(crate) fn choosing(choice: serde_json::Value) -> RestoreOptions {
    let mut options = proving();
    options.choice = serde_json::from_value::<Choice>(choice).unwrap();
    options
}

/// What stock pg_dump says with some flags.
fn pg_dump_with(server: &Server, name: &str, flags: &[&str]) -> Vec<u8> {
    let program: &Path = stack().pg_dump.as_ref().unwrap();
    let output = Command::new(program).args(flags).arg(server.url(name)).env("PGTZ", "UTC").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.split_inclusive('\n').filter(|line| !line.contains("restrict "));
    lines.collect::<String>().into_bytes()
}

by_anyone_anywhere! {
async fn schema_alone_comes_back_as_pg_dump_says_it(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let memory = Memory::from(Backup::of(&source).await);
    let report = place.restore_with(memory, choosing(serde_json::json!({"content": "schema"}))).await.unwrap();
    assert!(!report.equal && report.rows == 0, "{report:?}");
    assert_eq!(report.left_out, [""; 0]);
    let flags = ["--schema-only"];
    let ours = by_superuser(place.master.as_ref(), pg_dump_with(&place.server, &place.name, &flags));
    assert!(ours == pg_dump_with(&source.server, &source.name, &flags), "{by:?} differs");
}
}

by_anyone_anywhere! {
async fn chosen_tables_come_back_with_what_belongs_to_them_and_no_other(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let memory = Memory::from(Backup::of(&source).await);
    let given = memory.given.clone();
    let tables = serde_json::json!({"tables": ["customers", "\"Sales Dept\".*", "measures*"]});
    let report = place.restore_with(memory, choosing(tables)).await.unwrap();
    assert!(!report.equal && report.rows_equal, "{report:?}");
    assert_eq!((report.rows, report.tables), (500 + 1000 + 60, 4));
    let flags = ["-t", "customers", "-t", "\"Sales Dept\".*", "-t", "measures*"];
    let ours = by_superuser(place.master.as_ref(), pg_dump_with(&place.server, &place.name, &flags));
    assert!(ours == pg_dump_with(&source.server, &source.name, &flags), "{by:?} differs");
    let others =
        "SELECT count(*) FROM pg_class WHERE relname IN ('empty', 'parent', 'child', 'moods', 'rich', 'totals')";
    assert_eq!(place.query::<i64>(others).await, 0);
    // Definitions twice, of the rows only those that were chosen.
    assert!(given.lock().unwrap().len() > 10);
}
}

by_anyone! {
async fn foreign_key_to_a_table_that_was_not_chosen_is_not_made(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let memory = Memory::from(Backup::of(&source).await);
    let tables = serde_json::json!({"tables": ["\"Sales Dept\".\"Orders\""]});
    let report = place.restore_with(memory, choosing(tables)).await.unwrap();
    assert_eq!(report.rows, 1000);
    assert_eq!(place.query::<i64>("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").await, 0);
    assert_eq!(place.query::<i64>("SELECT last_value FROM \"Sales Dept\".\"Orders_id_seq\"").await, 1001);
}
}

by_anyone! {
async fn function_that_needs_a_table_that_was_not_chosen_is_named(by: By) {
    let source = Database::create(by.major).await;
    source
        .run(
            "CREATE TABLE t (a int); CREATE TABLE u (a int); INSERT INTO t VALUES (1); \
              CREATE FUNCTION f() RETURNS SETOF u LANGUAGE sql AS 'SELECT * FROM u'; COMMENT ON FUNCTION f() IS 'x'",
        )
        .await;
    let place = Place::by(by).await;
    let memory = Memory::from(Backup::of(&source).await);
    let report = place.restore_with(memory, choosing(serde_json::json!({"tables": ["t"]}))).await.unwrap();
    assert!(report.left_out[0].starts_with("FUNCTION public.f(): CREATE FUNCTION public.f()"), "{report:?}");
    assert!(!report.equal && report.rows_equal && report.rows == 1);
}
}

by_anyone! {
async fn choice_that_means_nothing_is_refused_before_anything_is_changed(by: By) {
    let source = Database::create(by.major).await;
    source
        .run(
            "CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE r (e e) PARTITION BY HASH (e); \
              CREATE TABLE p PARTITION OF r FOR VALUES WITH (MODULUS 1, REMAINDER 0); INSERT INTO r VALUES ('a')",
        )
        .await;
    let place = Place::by(by).await;
    let refused = async |choice| {
        let memory = Memory::from(Backup::of(&source).await);
        place.restore_with(memory, choosing(choice)).await.unwrap_err()
    };
    let error = refused(serde_json::json!({"tables": ["p", "q", "s.*"]})).await;
    assert!(error.to_string().starts_with("the backup has no table, view or sequence for q, s.* HINT"), "{error}");
    let error = refused(serde_json::json!({"content": "data"})).await;
    assert!(matches!(error, Error::DataIntoNew), "{error}");
    let error = refused(serde_json::json!({"tables": ["(p"]})).await;
    assert!(chain(&error).contains("look for what the pattern (p means: ERROR 2201B"), "{}", chain(&error));
}
}

by_anyone! {
async fn owners_and_privileges_are_left_out_or_given_to_others(by: By) {
    let (old, new) = (unique("old_"), unique("New "));
    let admin = Database::create(by.major).await;
    admin.run(&format!("CREATE ROLE {old}")).await;
    let source = Database::create(by.major).await;
    source
        .run(&format!(
            "CREATE SCHEMA s AUTHORIZATION {old}; CREATE TABLE s.t (a serial); ALTER TABLE s.t OWNER TO {old}; \
             GRANT SELECT (a) ON s.t TO PUBLIC; GRANT ALL ON s.t TO {old} WITH GRANT OPTION; \
             ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s.t TO {old} USING (true); \
             ALTER DEFAULT PRIVILEGES FOR ROLE {old} IN SCHEMA s GRANT SELECT ON TABLES TO {old}"
        ))
        .await;
    let mut backup = Backup::of(&source).await;
    backup.requires.roles = vec![old.clone()];
    let sql = pg_dump(&source.server, &source.name);
    drop(source);
    admin.run(&format!("DROP ROLE {old}")).await;

    let place = Place::by(by).await;
    let again = Backup::of_dump(backup.database.clone(), &sql);
    // A policy names it, whoever owns what.
    let mut again = Memory::from(again);
    again.backup.requires.roles = vec![old.clone()];
    let choice = serde_json::json!({"no_owner": true, "no_privileges": true});
    let error = place.restore_with(again, choosing(choice)).await.unwrap_err();
    assert!(error.to_string().contains(&format!("role {old} is missing")), "{error}");

    admin.run(&format!("CREATE ROLE \"{new}\"")).await;
    if let Some(master) = &place.master {
        // Or it could give nothing to it.
        admin.run(&format!("GRANT \"{new}\" TO {}", master.name)).await;
    }
    let choice = serde_json::json!({"roles": {old.clone(): new.clone()}});
    let report = place.restore_with(backup.into(), choosing(choice)).await.unwrap();
    assert!(!report.equal && report.rows_equal && report.needs_superuser.is_empty(), "{report:?}");
    let ours = String::from_utf8(place.dumped()).unwrap();
    let theirs = String::from_utf8(sql).unwrap();
    let quoted = format!("\"{new}\"");
    let expected = theirs.replace(&format!("Owner: {old}"), &format!("Owner: {new}")).replace(&old, &quoted);
    admin.run(&format!("DROP DATABASE {}", place.name)).await;
    admin.run(&format!("DROP ROLE \"{new}\"")).await;
    assert_eq!(ours, expected);
}
}

by_anyone! {
async fn dry_run_says_what_would_be_done_and_changes_nothing(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let mut options = choosing(serde_json::json!({"dry_run": true, "tables": ["\"Sales Dept\".*"]}));
    options.jobs = 1;
    let memory = Memory::from(Backup::of(&source).await);
    let report = pg_restore::restore_into_new(place.target(), memory, options).await.unwrap();
    assert!(report.dry_run && !report.equal && !report.rows_equal, "{report:?}");
    assert_eq!((report.rows, report.tables), (1000, 1));
    assert!(report.bytes > 0 && place.databases().await.is_empty());
    let mut memory = Memory::from(Backup::of(&source).await);
    memory.backup.requires.extensions = vec!["telepathy".to_owned()];
    let options = choosing(serde_json::json!({"dry_run": true}));
    let refused = pg_restore::restore_into_new(place.target(), memory, options).await.unwrap_err();
    assert!(refused.to_string().contains("extension telepathy is not available"), "{refused}");
}
}

by_anyone! {
async fn second_restore_to_the_same_name_at_the_same_time_is_refused(by: By) {
    let source = Database::create(by.major).await;
    let place = Place::by(by).await;
    let other = place.target();
    let second = Memory::from(Backup::of(&source).await);
    let (told, said) = tokio::sync::oneshot::channel();
    let first = Memory::from(Backup::of(&source).await).before(0, move || {
        Box::pin(async move {
            let refused = pg_restore::restore_into_new(other, second, proving()).await;
            told.send(refused.map(|report| format!("{report:?}"))).unwrap();
        })
    });
    assert_whole(by, &place.restore(first).await.unwrap());
    let refused = said.await.unwrap().unwrap_err();
    assert!(refused.to_string().contains(&format!("into database {} is under way", place.name)), "{refused}");
}
}
