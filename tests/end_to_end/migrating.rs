//! The commands of the page about moving from an older tool, word for word.

use std::path::Path;
use std::process::Command;

use end_to_end::Site;
use testing::postgres::USUAL;
use testing::stack::stack;
use testing::{s3, unique};

use crate::SHOP;
use crate::command_line::offsite;
use crate::older_tools::{DEFECTDOJO_DUMP, GRC, GRC_DUMP, USUAL_PASSWORD, make_owner, part, read};

const PAGE: &str = include_str!("../../docs/migrating.md");

/// What the page's names of databases become, so that runs on one server don't meet.
const DATABASES: [&str; 6] =
    ["defectdojo_older_again", "defectdojo_older", "defectdojo_new", "defectdojo_again", "grc_older", "grc_new"];

/// What may stand behind a name.
const END: [char; 3] = [' ', '\n', '\''];

/// All blocks of commands of a section but its first, which sets what the test sets.
fn blocks(section: &str) -> Vec<&'static str> {
    let text = PAGE.split(&format!("\n## {section}\n")).nth(1).unwrap_or_else(|| panic!("no section {section}"));
    let text = text.split("\n## ").next().unwrap();
    let blocks: Vec<_> = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks[0].lines().all(|line| line.starts_with("export ")), "{}", blocks[0]);
    blocks[1..].to_vec()
}

struct Desk<'a> {
    site: &'a Site,
    folder: &'a Path,
    suffix: String,
    variables: Vec<(&'static str, String)>,
}

impl<'a> Desk<'a> {
    fn new(site: &'a Site, folder: &'a Path, more: &[(&'static str, &str)]) -> Self {
        let server = &site.database.server;
        let url = format!("postgresql://{}@{}:{}/postgres?sslmode=disable", server.user, server.host, server.port);
        let mut variables = vec![
            ("OFFSITE_VAULT_BUCKET", site.bucket.clone()),
            ("OFFSITE_ENVIRONMENT", site.environment.clone()),
            ("DATABASE_URL", url),
            ("PGPASSWORD", server.password.clone()),
        ];
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { site, folder, suffix: unique("_"), variables }
    }

    /// Runs commands as a person would paste them, one block after the other in one shell; what they said.
    fn paste(&self, blocks: &[&str]) -> String {
        let commands = blocks.join("\n");
        let words = commands.split_inclusive(|next: char| !next.is_alphanumeric() && next != '_');
        let renamed = words.map(|word| match DATABASES.iter().find(|name| word.trim_end_matches(END) == **name) {
            Some(name) => word.replace(name, &format!("{name}{}", self.suffix)),
            None => word.to_owned(),
        });
        let commands: String = renamed.collect();
        let program = offsite();
        let programs = [Path::new(program.get_program()), stack().psql.as_ref().unwrap()];
        let path = programs.map(|program| program.parent().unwrap().display().to_string()).join(":");
        let mut bash = Command::new("bash");
        bash.env_clear().envs(offsite().get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = bash
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(self.folder)
            .env("PATH", format!("{path}:/usr/bin:/bin"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{commands}\n{said}");
        said
    }

    async fn drop(&self, name: &str) {
        self.site.drop_database(&format!("{name}{}", self.suffix)).await;
    }
}

fn keygen(folder: &Path) {
    let made = offsite().args(["keygen", "escrow-2026", "--out"]).arg(folder).output().unwrap();
    assert!(made.status.success());
}

async fn put(bucket: &str, key: &str, body: Vec<u8>) {
    s3::client().put_object().bucket(bucket).key(key).body(body.into()).send().await.unwrap();
}

#[tokio::test]
async fn team_moves_from_defectdojos_tool_by_the_page() {
    let (site, folder) = (Site::new(USUAL).await, tempfile::tempdir().unwrap());
    site.database.run(SHOP).await;
    make_owner().await;
    keygen(folder.path());
    let (bucket, older) = (s3::plain_bucket().await, "2021/03/10/defectdojo_14:41:57Z.sql.gz.dat");
    put(&bucket, &format!("prod/{older}"), read(DEFECTDOJO_DUMP)).await;
    let server = &site.database.server;
    let port = server.port.to_string();
    let ca = server.ca.display().to_string();
    let desk = Desk::new(
        &site,
        folder.path(),
        &[
            ("S3_BUCKET", &bucket),
            ("S3_PREFIX", "prod"),
            ("AES_KEY", USUAL_PASSWORD),
            ("OLDER", older),
            ("POSTGRESQL_HOST", &server.host),
            ("POSTGRESQL_PORT", &port),
            ("POSTGRESQL_DATABASE", &site.database.name),
            ("POSTGRESQL_USER", &server.user),
            ("POSTGRESQL_PASSWORD", &server.password),
            ("OFFSITE_SSLROOTCERT", &ca),
        ],
    );
    let blocks = blocks("From DefectDojo's tool");
    assert_eq!(blocks.len(), 4);
    let said = desk.paste(&blocks[..2]);
    assert!(said.contains("2 tables") && said.contains("every row was read back and is equal"), "{said}");
    assert!(said.contains("all is well"), "{said}");
    let said = desk.paste(&blocks[2..]);
    assert!(said.contains("defectdojo_older_again"), "{said}");
    let again = format!("defectdojo_again{}", desk.suffix);
    assert_eq!(site.pg_dump(&again), site.pg_dump(&site.database.name));
    for name in ["defectdojo_again", "defectdojo_older_again"] {
        desk.drop(name).await;
    }
    let dump = std::fs::read(folder.path().join("dump.sql.gz")).unwrap();
    assert!(dump == read("defectdojo/defectdojo_12:14:33Z.sql.gz"));
}

#[tokio::test]
async fn team_moves_from_the_grc_jobs_by_the_page() {
    let (site, folder) = (Site::new(USUAL).await, tempfile::tempdir().unwrap());
    site.database.run(SHOP).await;
    make_owner().await;
    keygen(folder.path());
    std::fs::write(folder.path().join("passwords.txt"), format!("another\n{GRC}\n")).unwrap();
    let (bucket, files) = (s3::plain_bucket().await, s3::plain_bucket().await);
    put(&files, "a/file.txt", b"a file".to_vec()).await;
    let (database_file, files_file) =
        ("space/database/2022-07-22--13-00-41.sql.encrypted", "space/files/2022-07-22--13-00-41--part-1.zip.encrypted");
    put(&bucket, database_file, read(GRC_DUMP)).await;
    for number in 1..=10 {
        let name = part(number).rsplit('/').next().unwrap().to_owned();
        put(&bucket, &format!("space/files/{name}"), read(&part(number))).await;
    }
    let source = site.database.url();
    let desk = Desk::new(
        &site,
        folder.path(),
        &[
            ("S3_BUCKET", &bucket),
            ("DATABASE_FILE", database_file),
            ("FILES_FILE", files_file),
            ("SOURCE_URL", &source),
            ("FILES_BUCKET", &files),
        ],
    );
    let blocks = blocks("From the GRC application's jobs");
    assert_eq!(blocks.len(), 3);
    let said = desk.paste(&blocks);
    assert!(said.contains("every row was read back and is equal") && said.contains("all is well"), "{said}");
    let count = |name: &str| std::fs::read_dir(folder.path().join(name)).unwrap().count();
    assert_eq!(count("older-files"), 10);
    assert_eq!(std::fs::read(folder.path().join("new-files/a/file.txt")).unwrap(), b"a file");
    assert!(std::fs::read(folder.path().join("dump.sql")).unwrap() == read("plain/defectdojo-old.sql"));
}

#[test]
fn variables_that_the_page_sets_are_those_that_the_programs_read() {
    let sources = [include_str!("../../cli/src/container.rs"), include_str!("../../cli/src/database.rs")].concat();
    for name in
        ["CMD", "RESTORE_TO", "S3_BUCKET", "S3_PREFIX", "OFFSITE_RESTORE_INTO", "POSTGRESQL_HOST", "OFFSITE_SSLMODE"]
    {
        assert!(PAGE.contains(name) && sources.contains(&format!("\"{name}\"")), "{name}");
    }
}
