//! `offsite backup database`, by every way to name a database; and the variables of DefectDojo's tool in place of arguments.

use std::path::Path;
use std::process::{Command, Output};

use end_to_end::Site;
use serde_json::Value;
use testing::postgres::USUAL;
use testing::unique;

use crate::SHOP;
use crate::command_line::offsite;

fn json(output: &Output) -> Value {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}"))
}

/// In the vault of a site, with its keys.
fn at(site: &Site, folder: &Path, arguments: &[&str]) -> Command {
    let keys = folder.join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let mut command = offsite();
    command.args(arguments).arg("--wrapping-keys").arg(keys);
    command.env("OFFSITE_VAULT_BUCKET", &site.bucket).env("OFFSITE_ENVIRONMENT", &site.environment);
    command
}

/// As the older tool's jobs have them.
fn with_older_variables(command: &mut Command, site: &Site) {
    let server = &site.database.server;
    command
        .env("POSTGRESQL_HOST", &server.host)
        .env("POSTGRESQL_PORT", server.port.to_string())
        .env("POSTGRESQL_USER", &server.user)
        .env("POSTGRESQL_PASSWORD", &server.password)
        .env("POSTGRESQL_DATABASE", &site.database.name)
        .env("OFFSITE_SSLROOTCERT", &server.ca);
}

#[tokio::test]
async fn backup_by_url_by_secret_and_by_variables_is_restored_equal() {
    let (site, folder) = (Site::new(USUAL).await, tempfile::tempdir().unwrap());
    site.database.run(SHOP).await;
    let backup = || at(&site, folder.path(), &["backup", "database", "--json", "--lock-days", "1"]);
    let by_url = backup().env("DATABASE_URL", site.database.url()).output().unwrap();
    let ca = &site.database.server.ca;
    let by_secret = backup().args(["--database-secret", &site.secret]).env("OFFSITE_SSLROOTCERT", ca).output().unwrap();
    let mut by_variables = backup();
    with_older_variables(&mut by_variables, &site);
    for made in [by_url, by_secret, by_variables.output().unwrap()] {
        let made = json(&made);
        assert_eq!((&made["status"], &made["database"]), (&"ok".into(), &site.database.name.clone().into()));
        let into = unique("restored_");
        let id = made["backup"].as_str().unwrap();
        let mut restore = at(&site, folder.path(), &["restore", "database", id, "--into", &into, "--json"]);
        with_older_variables(&mut restore, &site);
        let restored = json(&restore.output().unwrap());
        assert_eq!((&restored["backup"], &restored["equal"]), (&made["backup"], &true.into()), "{restored}");
        assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
        site.drop_database(&into).await;
    }
    let people = at(&site, folder.path(), &["backup", "database"]).env("DATABASE_URL", site.database.url()).output();
    let said = String::from_utf8(people.unwrap().stdout).unwrap();
    assert!(said.starts_with("backup 20") && said.contains(" rows of "), "{said}");
}

#[tokio::test]
async fn database_that_is_named_twice_or_not_at_all_is_refused_and_nothing_is_made() {
    let (site, folder) = (Site::new(USUAL).await, tempfile::tempdir().unwrap());
    let twice = at(&site, folder.path(), &["backup", "database", "--database-secret", &site.secret])
        .env("DATABASE_URL", site.database.url())
        .output()
        .unwrap();
    let none = at(&site, folder.path(), &["backup", "database"]).output().unwrap();
    for (output, told) in [(twice, "two logins"), (none, "no database is given")] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains(told) && !said.contains(&site.database.server.password), "{said}");
    }
    site.assert_untouched().await;
}

#[tokio::test]
async fn jobs_of_the_older_tool_run_with_the_variables_that_they_have() {
    let (site, folder) = (Site::new(USUAL).await, tempfile::tempdir().unwrap());
    site.database.run(SHOP).await;
    let made = offsite().args(["keygen", "escrow-2026", "--out"]).arg(folder.path()).output().unwrap();
    assert!(made.status.success());
    let run = |command: &str, more: &[(&str, &str)]| {
        let mut offsite = offsite();
        with_older_variables(&mut offsite, &site);
        offsite.env("CMD", command).env("S3_BUCKET", &site.bucket).env("S3_PREFIX", &site.environment);
        offsite.env("OFFSITE_PUBLIC_KEY", folder.path().join("escrow-2026.pub.pem"));
        offsite.env("OFFSITE_PRIVATE_KEY", folder.path().join("escrow-2026.key.pem"));
        offsite.env("AES_KEY", "not used").envs(more.iter().copied()).output().unwrap()
    };
    let backed_up = run("backup", &[]);
    assert!(backed_up.status.success(), "{}", String::from_utf8_lossy(&backed_up.stderr));
    let into = unique("restored_");
    let restored = run("restore", &[("RESTORE_TO", "latest"), ("OFFSITE_RESTORE_INTO", &into)]);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(site.pg_dump(&into), site.pg_dump(&site.database.name));
    site.drop_database(&into).await;
    // The older tool wrote over the database that it was told. That must not happen to one that is there.
    let over = run("restore", &[("RESTORE_TO", "latest")]);
    assert_eq!(over.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&over.stderr).contains("exists already"));
    let unknown = run("prune", &[]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("neither backup nor restore"));
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = |words: &[&str]| {
        let output = offsite().args(words).arg("--help").output().unwrap();
        assert!(output.status.success(), "{words:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let commands = |text: &str| -> Vec<String> {
        let list = text.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        let names = list.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
        names
            .filter_map(|line| line.split_whitespace().next())
            .filter(|name| *name != "help")
            .map(str::to_owned)
            .collect()
    };
    let (top, mut seen) = (help(&[]), 0);
    assert!(top.contains("Exit status: 0 done"), "{top}");
    for command in commands(&top) {
        let text = help(&[&command]);
        let below = commands(&text);
        let texts =
            if below.is_empty() { vec![text] } else { below.iter().map(|name| help(&[&command, name])).collect() };
        for text in texts {
            assert!(text.contains("Example") && text.contains(&format!("offsite {command}")), "{command}: {text}");
            seen += 1;
        }
    }
    assert!(seen >= 13, "{seen}");
}
