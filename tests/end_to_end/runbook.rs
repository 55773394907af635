//! The runbook's commands for the worst day, word for word.

use std::path::Path;
use std::process::Command;

use end_to_end::Site;
use end_to_end::files::{contents, fill};
use serde_json::json;
use testing::postgres::{MAJORS, USUAL};
use testing::s3;
use testing::stack::stack;
use testing::unique;

use crate::command_line::offsite;

const PAGE: &str = include_str!("../../docs/runbook.md");

/// A block of commands of a section.
fn block(section: &str, number: usize) -> &'static str {
    let text = PAGE.split(&format!("### {section}\n")).nth(1).unwrap_or_else(|| panic!("no section {section}"));
    let text = text.split("\n### ").next().unwrap();
    text.split("```sh\n").nth(number).and_then(|block| block.split("```").next()).expect("a block of commands")
}

/// Runs commands as a person would paste them, and stops at the first that fails; what they said.
fn paste(site: &Site, folder: &Path, commands: &str) -> String {
    let server = &site.database.server;
    paste_as(site, folder, commands, &server.user, &server.password)
}

/// The same with the database server's role.
fn paste_as(site: &Site, folder: &Path, commands: &str, user: &str, password: &str) -> String {
    let program = offsite().get_program().to_owned();
    let psql = stack().psql.as_ref().unwrap();
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        Path::new(&program).parent().unwrap().display(),
        psql.parent().unwrap().display()
    );
    let server = &site.database.server;
    let mut bash = Command::new("bash");
    bash.env_clear().envs(offsite().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = bash
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(folder)
        .env("PATH", path)
        .env("OFFSITE_VAULT_BUCKET", &site.bucket)
        .env("OFFSITE_ENVIRONMENT", &site.environment)
        .env("ENVIRONMENT", &site.environment)
        .env("ESCROW", "escrow-2026.key.pem")
        .env("DATABASE_URL", format!("postgresql://{user}@{}:{}/postgres?sslmode=disable", server.host, server.port))
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{commands}\n{said}");
    said
}

#[tokio::test]
async fn commands_of_the_worst_day_bring_everything_back() {
    let site = Site::new(USUAL).await;
    let folder = tempfile::tempdir().unwrap();
    let made = block("1. The escrow", 1).lines().filter(|line| line.starts_with("offsite "));
    paste(&site, folder.path(), &made.collect::<Vec<_>>().join("\n"));
    let public = std::fs::read_to_string(folder.path().join("escrow-2026.pub.pem")).unwrap();
    let escrow = json!({ "escrow-2026": public }).to_string();

    let (owner, into) = (unique("owner_"), unique("restored_"));
    site.database
        .run(&format!(
            "CREATE ROLE {owner}; CREATE TABLE t AS SELECT generate_series(1, 100) AS n; ALTER TABLE t OWNER TO {owner}"
        ))
        .await;
    let bucket = s3::plain_bucket().await;
    fill(&bucket).await;
    for function in [site.backup(), site.backup_files(&bucket)] {
        let function = function.with("OFFSITE_RSA_RECIPIENTS", &escrow).with("OFFSITE_WRAPPING_KEYS_SECRET", "");
        assert_eq!(function.invoke(&json!({})).await.report()["status"], "ok");
    }
    let before = site.pg_dump(&site.database.name);
    site.database.run(&format!("DROP OWNED BY {owner}; DROP ROLE {owner}")).await;

    let commands = block("2. With the program", 2).replace("shop_restored", &into);
    // The page's order: the roles are printed first, and are there before the database is restored.
    let (roles, restore) = commands.split_at(commands.find("offsite restore").unwrap());
    let listed = paste(&site, folder.path(), roles);
    assert!(listed.contains("database") && listed.contains("files"), "{listed}");
    paste(&site, folder.path(), block("Roles", 1));
    let said = paste(&site, folder.path(), restore);
    assert!(said.contains("every row was read back and is equal"), "{said}");

    let after = site.pg_dump(&into);
    site.drop_database(&into).await;
    site.database.run(&format!("DROP ROLE {owner}")).await;
    assert_eq!(after, before);
    // Keys that can't be paths are told, and not in the folder.
    let files = contents(&bucket).await;
    assert!(files.keys().any(|key| folder.path().join("restored").join(key).is_file()));
}

#[tokio::test]
async fn command_for_a_backup_that_must_outlive_its_lock_lengthens_it() {
    let site = Site::new(USUAL).await;
    let folder = tempfile::tempdir().unwrap();
    let report = site.back_up().await;
    let backup = report["backup"].as_str().unwrap();
    let in_a_year = time::OffsetDateTime::now_utc().date() + time::Duration::days(365);
    let command = block("Afterwards", 1).replace("BACKUP", backup).replace("2027-12-31", &in_a_year.to_string());
    let said = paste(&site, folder.path(), &command.replace("offsite-vault-vault-1a2b3c4d5e6f", &site.bucket));
    assert!(said.contains("3 objects, of which 3 were locked for less"), "{said}");
}

#[tokio::test]
async fn master_user_who_is_no_superuser_restores_what_others_own() {
    // Who may hand a role on changed with PostgreSQL 16.
    for major in MAJORS {
        let site = Site::new(major).await;
        let (master, owner, into) = (unique("master_"), unique("owner_"), unique("restored_"));
        site.database
            .run(&format!(
                "CREATE ROLE {master} LOGIN PASSWORD 'master' CREATEDB CREATEROLE; SET ROLE {master}; CREATE ROLE {owner};
                 RESET ROLE; CREATE SCHEMA app AUTHORIZATION {owner}; CREATE EXTENSION citext SCHEMA app;
                 CREATE TABLE app.t (a serial PRIMARY KEY, b app.citext); INSERT INTO app.t (b) SELECT n FROM generate_series(1, 100) n;
                 ALTER TABLE app.t OWNER TO {owner}; SELECT lo_from_bytea(91002, 'large'); ALTER LARGE OBJECT 91002 OWNER TO {owner};
                 ALTER TABLE app.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON app.t USING (false)"
            ))
            .await;
        let folder = tempfile::tempdir().unwrap();
        paste(&site, folder.path(), "offsite keygen escrow-2026");
        let public = std::fs::read_to_string(folder.path().join("escrow-2026.pub.pem")).unwrap();
        let function = site.backup().with("OFFSITE_RSA_RECIPIENTS", &json!({ "escrow-2026": public }).to_string());
        function.with("OFFSITE_WRAPPING_KEYS_SECRET", "").invoke(&json!({})).await.report();

        let member = "psql -X -d \"$DATABASE_URL\" -c 'GRANT shop_owner TO CURRENT_USER'".replace("shop_owner", &owner);
        paste_as(&site, folder.path(), &member, &master, "master");
        let commands = block("2. With the program", 2).replace("shop_restored", &into);
        let restore = commands.lines().find(|line| line.starts_with("offsite restore database")).unwrap();
        let said = paste_as(&site, folder.path(), restore, &master, "master");
        assert!(said.contains("every row was read back and is equal"), "{said}");
        let (before, after) = (site.pg_dump(&site.database.name), site.pg_dump(&into));
        site.drop_database(&into).await;
        site.database.run(&format!("DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}; DROP ROLE {master}")).await;
        assert_eq!(after, before, "{major}");
    }
}
