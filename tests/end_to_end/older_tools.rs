//! Backups of the two older tools, by the command line: decrypted as their own programs decrypt them, and restored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use end_to_end::pg_dump;
use testing::postgres::{Database, USUAL, server};
use testing::stack::stack;
use testing::{s3, secrets, unique};

use crate::command_line::offsite;

pub(crate) const USUAL_PASSWORD: &str = "correct horse battery staple";
pub(crate) const GRC: &str = "Zm9v-YmFy_QmF6QUJDREVGR0hJSktMTU5PUFFSU1RVVlc=";
pub(crate) const DEFECTDOJO_DUMP: &str = "defectdojo/defectdojo_12:14:33Z.sql.gz.dat";
pub(crate) const GRC_DUMP: &str = "grc/2022-07-22--13-00-41.sql.encrypted";
const PARTS: &str = "parts/2022-07-22--13-00-41--part";

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/legacy/tests/fixtures")).join(name)
}

pub(crate) fn read(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `offsite` without a vault, and with these passwords in a file.
fn with_passwords(folder: &Path, arguments: &[&str]) -> Command {
    let passwords = folder.join("passwords.txt");
    std::fs::write(&passwords, format!("wrong\n{GRC}\n{USUAL_PASSWORD}\n")).unwrap();
    let mut command = offsite();
    command.args(arguments).arg("--password-file").arg(passwords);
    command
}

#[tokio::test]
async fn decrypt_writes_what_the_older_tools_own_programs_write() {
    let folder = tempfile::tempdir().unwrap();
    for (name, password) in [(DEFECTDOJO_DUMP, USUAL_PASSWORD), (GRC_DUMP, GRC)] {
        let theirs = folder.path().join("theirs");
        // Word for word what the older tools' documentation has.
        let done = Command::new("openssl")
            .args(["enc", "-d", "-aes-256-cbc", "-pbkdf2", "-md", "sha256", "-k", password, "-in"])
            .arg(fixture(name))
            .arg("-out")
            .arg(&theirs)
            .status();
        assert!(done.unwrap().success());
        let ours = folder.path().join(unique("ours_"));
        let done = offsite().arg("decrypt").arg(fixture(name)).arg(&ours).env("OFFSITE_PASSWORD", password).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}", said(&done));
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&theirs).unwrap(), "{name}");
    }
    // pyAesCrypt made these of these.
    for name in ["2022-06-20--00-00-1655683207.zip", "2022-07-22--00-00-07.zip"] {
        let ours = folder.path().join(name);
        let input = fixture(&format!("grc/{name}.encrypted"));
        let done = with_passwords(folder.path(), &["decrypt"]).arg(input).arg(&ours).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        assert!(std::fs::read(&ours).unwrap() == read(&format!("plain/grc-{name}")), "{name}");
    }
}

#[tokio::test]
async fn decrypt_that_is_refused_leaves_no_file_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (name, why) in [
        ("negative/aescrypt.ciphertext-bitflip.aes", "altered or is damaged"),
        ("negative/aescrypt.truncated.aes", "is"),
        ("negative/defectdojo.pgdump-died.sql.gz.dat", "is not complete"),
        ("negative/openssl.cut-mid-block.enc", "is cut off"),
        ("openssl/hello.txt.pbkdf2.enc", "--unchecked"),
        ("aescrypt/hello.txt.v2.utf8pw.aes", "none of 3 passwords fits"),
        ("defectdojo/defectdojo_12:14:33Z.sql.gz", "is not encrypted"),
    ] {
        let done = with_passwords(folder.path(), &["decrypt"]).arg(fixture(name)).arg(&out).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "{name}: {}", said(&done));
        assert!(said(&done).contains(why), "{name}: {}", said(&done));
        assert!(!said(&done).contains(GRC) && !out.exists(), "{name}");
    }
    let none = offsite().arg("decrypt").arg(fixture(GRC_DUMP)).arg(&out).output().unwrap();
    assert!(said(&none).contains("OFFSITE_PASSWORD"), "{}", said(&none));
    for (name, plain) in [
        ("openssl/hello.txt.pbkdf2.enc", Some("plain/hello.txt")),
        ("negative/defectdojo.pgdump-died.sql.gz.dat", None),
    ] {
        let done = with_passwords(folder.path(), &["decrypt", "--unchecked"]).arg(fixture(name)).arg(&out).output();
        assert!(done.as_ref().unwrap().status.success(), "{}", said(&done.unwrap()));
        let written = std::fs::read(&out).unwrap();
        assert!(plain.is_none_or(|plain| read(plain) == written));
        std::fs::remove_file(&out).unwrap();
    }
}

/// The role that owns everything in the fixtures' dump. It stays: another run on the same server may be using it.
pub(crate) async fn make_owner() {
    make_owner_on(USUAL).await;
}

pub(crate) async fn make_owner_on(major: &str) {
    let client = server(major).connect("postgres").await;
    let create =
        "DO 'BEGIN CREATE ROLE defectdojo; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END'";
    client.batch_execute(create).await.unwrap();
}

/// What psql makes of the fixtures' dump.
pub(crate) async fn load_by_psql() -> Database {
    let by_psql = Database::create(USUAL).await;
    let loaded = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &by_psql.url(), "-f"])
        .arg(fixture("plain/defectdojo-old.sql"))
        .output()
        .unwrap();
    assert!(loaded.status.success(), "{}", said(&loaded));
    by_psql
}

#[tokio::test]
async fn dumps_of_both_tools_are_restored_from_a_path_and_from_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = s3::plain_bucket().await;
    let key = "space/database/2022-07-22--13-00-41.sql.encrypted";
    let body = read(GRC_DUMP).into();
    s3::client().put_object().bucket(&bucket).key(key).body(body).send().await.unwrap();
    let paths = [DEFECTDOJO_DUMP, "defectdojo/defectdojo_12:14:33Z.sql.gz", GRC_DUMP, "plain/defectdojo-old.sql"];
    let mut sources: Vec<String> = paths.iter().map(|name| fixture(name).display().to_string()).collect();
    sources.push(format!("s3://{bucket}/{key}"));
    let place = server(USUAL);
    let into = unique("older_");
    let restore = |source: &str| {
        let mut command = with_passwords(folder.path(), &["restore", "database", source, "--into", &into]);
        command.env("DATABASE_URL", place.url("postgres")).output().unwrap()
    };
    let exists = async || {
        let client = place.connect("postgres").await;
        let like = format!("{into}%");
        !client.query("SELECT FROM pg_database WHERE datname LIKE $1", &[&like]).await.unwrap().is_empty()
    };

    let incomplete = restore(&fixture("negative/defectdojo.pgdump-died.sql.gz.dat").display().to_string());
    assert_eq!(incomplete.status.code(), Some(1));
    assert!(said(&incomplete).contains("is not complete"), "{}", said(&incomplete));
    let files = restore(&fixture("grc/2022-07-22--00-00-07.zip.encrypted").display().to_string());
    assert!(said(&files).contains("holds no dump"), "{}", said(&files));
    assert!(!exists().await);

    make_owner().await;
    let by_psql = load_by_psql().await;
    for source in &sources {
        let restored = restore(source);
        assert!(restored.status.success(), "{source}: {}", said(&restored));
        assert!(said(&restored).contains("2 tables"), "{}", said(&restored));
        assert!(pg_dump(&place, &into) == pg_dump(&by_psql.server, &by_psql.name), "{source}");
        let again = restore(source);
        assert!(said(&again).contains("exists already"), "{}", said(&again));
        let client = place.connect("postgres").await;
        client.batch_execute(&format!("DROP DATABASE {into}")).await.unwrap();
    }
}

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

pub(crate) fn part(number: u32) -> String {
    format!("{PARTS}-{number}.zip.encrypted")
}

#[tokio::test]
async fn files_in_parts_all_come_back_whichever_part_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let all: BTreeMap<String, Vec<u8>> = (1..=10)
        .map(|n| (format!("FORM{n:04}__evidence__scan_{n}.txt"), format!("part {n}\n").repeat(n).into_bytes()))
        .collect();
    let secret = secrets::create(&serde_json::json!({"database": "another", "files": GRC}).to_string()).await;
    let into = folder.path().join("into");
    let restored = offsite()
        .args(["restore", "files", "--password-secret", &secret])
        .arg(fixture(&part(4)))
        .arg("--into-folder")
        .arg(&into)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(tree(&into), all);
    assert!(said(&restored).contains("nothing in them tells"), "{}", said(&restored));

    // Out of a bucket into another, and with one missing in between.
    let (from, to) = (s3::plain_bucket().await, s3::plain_bucket().await);
    let key = |number: u32| format!("space/files/{}", part(number).rsplit('/').next().unwrap());
    for number in 1..=10 {
        let body = read(&part(number)).into();
        s3::client().put_object().bucket(&from).key(key(number)).body(body).send().await.unwrap();
    }
    let restore = || {
        let source = format!("s3://{from}/{}", key(10));
        with_passwords(folder.path(), &["restore", "files", &source, "--into-bucket", &to]).output().unwrap()
    };
    s3::client().delete_object().bucket(&from).key(key(3)).send().await.unwrap();
    let refused = restore();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("part 3 of"), "{}", said(&refused));
    assert!(end_to_end::files::contents(&to).await.is_empty());
    let body = read(&part(3)).into();
    s3::client().put_object().bucket(&from).key(key(3)).body(body).send().await.unwrap();
    let restored = restore();
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(end_to_end::files::contents(&to).await.len(), 10);
}

#[tokio::test]
async fn names_that_climb_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("a/b/into");
    let restored = with_passwords(folder.path(), &["restore", "files"])
        .arg(fixture("negative/zip.names-climb.zip.encrypted"))
        .arg("--into-folder")
        .arg(&into)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", said(&restored));
    let found: Vec<_> = tree(&into).into_iter().collect();
    let numbered = |number: u32, text: &str| (format!(".offsite/keys/{number:07}"), text.as_bytes().to_vec());
    let good = ("good.txt".to_owned(), b"good\n".to_vec());
    assert_eq!(found, [numbered(1, "out\n"), numbered(2, "abs\n"), numbered(3, "b\n"), good]);
    let outside: Vec<_> = tree(folder.path()).into_keys().filter(|name| !name.starts_with("a/b/into/")).collect();
    assert_eq!(outside, ["passwords.txt"]);
    assert!(said(&restored).contains("../climbs.txt"), "{}", said(&restored));
}

#[tokio::test]
async fn file_without_bytes_never_replaces_one_that_has_some() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = s3::plain_bucket().await;
    let put = async |key: &str, text: &'static str| {
        let body = text.as_bytes().to_vec().into();
        s3::client().put_object().bucket(&bucket).key(key).content_type("text/x").body(body).send().await.unwrap();
    };
    put("EFGH5678.zip", "still here").await;
    put("grc_user_example_com.pdf", "older text").await;
    let restore = |overwrite: &str| {
        let source = fixture("grc/2022-07-22--00-00-07.zip.encrypted");
        let arguments = ["restore", "files", "--into-bucket", &bucket, "--json", "--overwrite", overwrite];
        let done = with_passwords(folder.path(), &arguments).arg(source).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        serde_json::from_slice::<serde_json::Value>(&done.stdout).unwrap()
    };
    let report = restore("always");
    assert_eq!(
        (&report["written"], &report["existing"], &report["empty"]),
        (&3.into(), &1.into(), &1.into()),
        "{report}"
    );
    assert_eq!(report["empty_files"], serde_json::json!(["EFGH5678.zip"]));
    let there = s3::client().get_object().bucket(&bucket).key("EFGH5678.zip").send().await.unwrap();
    assert_eq!(there.body.collect().await.unwrap().to_vec(), b"still here");
    // What is the same by its bytes stays, whatever its headers are: the older backup does not know them.
    let report = restore("if-different");
    assert_eq!((&report["unchanged"], &report["existing"]), (&3.into(), &1.into()), "{report}");
}

#[tokio::test]
async fn backup_in_the_vault_without_the_vaults_place_is_wrong_usage() {
    for kind in
        [&["restore", "database", "latest", "--into", "x"][..], &["restore", "files", "latest", "--into-folder", "x"]]
    {
        let done = offsite().args(kind).env("DATABASE_URL", server(USUAL).url("postgres")).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{}", said(&done));
        assert!(said(&done).contains("--vault"), "{}", said(&done));
    }
}
