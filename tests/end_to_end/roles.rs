//! The roles of a backup: printed, run by psql, and enough for a restore on a server that lost them.

use std::path::Path;
use std::process::{Command, Output};

use end_to_end::Site;
use envelope::{Decryptor, ExpectedContext, Identities, Recipients, WrappingKeys};
use pg_client::ConnectOptions;
use pipeline::{DatabaseRestore, DatabaseRestoreReport, Deadline, Progress};
use sql_volume::{Index, IndexTrailer};
use testing::faults::{Operation, Proxy};
use testing::postgres::USUAL;
use testing::stack::stack;
use testing::unique;
use vault::Selector;

use crate::command_line::offsite;
use crate::cut_ciphertext::{forged, objects};

fn roles_of(site: &Site, backup: &str, folder: &Path, endpoint: &str) -> Output {
    let keys = folder.join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let mut command = offsite();
    command.args(["roles", backup, "--wrapping-keys"]).arg(&keys).env("AWS_ENDPOINT_URL_S3", endpoint);
    command.args(["--vault", &site.bucket, "--environment", &site.environment]).output().unwrap()
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn psql(site: &Site, database: &str, file: &Path) {
    let output = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &site.database.server.url(database), "-f"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Roles, memberships and properties, as the catalogs have them.
async fn state(site: &Site, prefix: &str) -> Vec<String> {
    let client = site.database.server.connect("postgres").await;
    let sql = "SELECT (to_jsonb(r) - 'oid')::text FROM pg_roles r WHERE starts_with(rolname, $1) \
         UNION ALL SELECT r.rolname || ' of ' || g.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member \
             JOIN pg_roles g ON g.oid = m.roleid WHERE starts_with(r.rolname, $1) \
         UNION ALL SELECT concat(pg_get_userbyid(d.datdba), d.datconnlimit, \
             (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(d.datacl) a), s.setconfig, s.setrole) FROM pg_database d \
             LEFT JOIN pg_db_role_setting s ON s.setdatabase = d.oid WHERE d.datname = $2 ORDER BY 1";
    let rows = client.query(sql, &[&prefix, &site.database.name]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn roles_that_a_restore_misses_come_from_the_backup() {
    let site = Site::new(USUAL).await;
    let prefix = unique("e2e_");
    let name = &site.database.name;
    site.database
        .run(&format!(
            "CREATE ROLE {prefix}owner; CREATE ROLE {prefix}app LOGIN PASSWORD 'secret'; GRANT {prefix}owner TO {prefix}app; \
             ALTER ROLE {prefix}app SET search_path = app, public; ALTER DATABASE {name} OWNER TO {prefix}owner; \
             ALTER DATABASE {name} CONNECTION LIMIT 33; ALTER DATABASE {name} SET work_mem = '7MB'; \
             REVOKE CONNECT ON DATABASE {name} FROM PUBLIC; GRANT CONNECT ON DATABASE {name} TO {prefix}app; \
             CREATE TABLE t AS SELECT generate_series(1, 100) AS n; ALTER TABLE t OWNER TO {prefix}owner; \
             GRANT SELECT ON t TO {prefix}app"
        ))
        .await;
    let (before, dumped) = (state(&site, &prefix).await, site.pg_dump(name));
    site.back_up().await;

    site.drop_database(name).await;
    let server = site.database.server.connect("postgres").await;
    server.batch_execute(&format!("DROP ROLE {prefix}owner, {prefix}app")).await.unwrap();
    let event = serde_json::json!({"kind": "database", "backup": "latest"});
    let refused = site.restore().invoke(&event).await.failure();
    assert!(
        refused.contains(&format!("role {prefix}app is missing")) && refused.contains("`offsite roles`"),
        "{refused}"
    );

    let folder = tempfile::tempdir().unwrap();
    let sql = printed(roles_of(&site, "latest", folder.path(), testing::s3::endpoint()));
    let file = folder.path().join("roles.sql");
    std::fs::write(&file, &sql).unwrap();
    psql(&site, "postgres", &file);
    assert_eq!(site.restore().invoke(&event).await.report()["equal"], true);
    psql(&site, name, &file);
    let (after, restored) = (state(&site, &prefix).await, site.pg_dump(name));
    site.drop_database(name).await;
    server.batch_execute(&format!("DROP ROLE {prefix}owner, {prefix}app")).await.unwrap();
    assert_eq!(after, before);
    assert_eq!(restored, dumped);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_backup_little_is_read() {
    let site = Site::new(USUAL).await;
    // Text that hardly compresses: 12 MiB of it.
    site.database
        .run("CREATE TABLE t AS SELECT string_agg(md5((n * 1000 + i)::text), '') FROM generate_series(1, 400) n, generate_series(1, 1000) i GROUP BY n")
        .await;
    let report = site.back_up().await;
    let (folder, proxy) = (tempfile::tempdir().unwrap(), Proxy::start().await);
    let backup = report["backup"].as_str().unwrap();
    printed(tokio::task::block_in_place(|| roles_of(&site, backup, folder.path(), proxy.endpoint())));
    let length = |range: &String| {
        let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        to.parse::<u64>().unwrap() - from.parse::<u64>().unwrap() + 1
    };
    // The manifest and the summary are read whole.
    let ranges: Vec<String> = proxy.sent(Operation::GetObject, "range").into_iter().flatten().collect();
    let (read, stored) = (ranges.iter().map(length).sum::<u64>(), report["stored_bytes"].as_u64().unwrap());
    assert!(!ranges.is_empty() && stored > 4 << 20 && read < 2 << 20, "{read} of {stored}: {ranges:?}");
}

#[tokio::test]
async fn program_of_the_page_finds_the_same_roles() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 100) AS n").await;
    site.back_up().await;
    let folder = tempfile::tempdir().unwrap();
    let sql = printed(roles_of(&site, "latest", folder.path(), testing::s3::endpoint()));
    assert!(sql.contains(&format!("ALTER DATABASE {} OWNER TO postgres;", site.database.name)), "{sql}");

    let client = testing::s3::client();
    let listed = client.list_objects_v2().bucket(&site.bucket).send().await.unwrap();
    let key =
        listed.contents().iter().find_map(|object| object.key().filter(|key| key.ends_with("volume-0001.sql.zst.enc")));
    let object = client.get_object().bucket(&site.bucket).key(key.unwrap()).send().await.unwrap();
    std::fs::write(folder.path().join("volume.enc"), object.body.collect().await.unwrap().into_bytes()).unwrap();
    let decrypted = offsite()
        .current_dir(folder.path())
        .args(["decrypt", "--wrapping-keys", "keys.json", "volume.enc", "volume-0001.sql.zst"])
        .output()
        .unwrap();
    assert!(decrypted.status.success(), "{}", String::from_utf8_lossy(&decrypted.stderr));

    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md")).unwrap();
    let program = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    std::fs::write(folder.path().join("roles.py"), program).unwrap();
    let found =
        Command::new("python3").current_dir(folder.path()).args(["roles.py", "volume-0001.sql.zst"]).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    assert_eq!(String::from_utf8(found.stdout).unwrap(), sql);

    // What `zstd -d` gives is the dump, as before.
    let dump = Command::new("zstd").current_dir(folder.path()).args(["-dc", "volume-0001.sql.zst"]).output().unwrap();
    let dump = String::from_utf8(dump.stdout).unwrap();
    assert!(
        dump.ends_with("-- PostgreSQL database dump complete\n--\n\n") && !dump.contains("ALTER DATABASE"),
        "{dump}"
    );
}

/// The site's backup in another bucket, as someone who has the keys would forge it: with another plaintext of its volume.
async fn forge(site: &mut Site, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let keys = WrappingKeys::from_json(&site.wrapping_keys).unwrap();
    let recipients = Recipients::new().secret(keys.newest());
    let identities = Identities::new().wrapping_keys(keys);
    let objects = objects(&site.bucket).await;
    let volume = &objects.iter().find(|(key, _)| key.ends_with(".sql.zst.enc")).unwrap().1;
    let mut opened = Decryptor::new(&volume[..], &identities, ExpectedContext::Any).await.unwrap();
    let mut plaintext = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut opened, &mut plaintext).await.unwrap();
    let changed = change(plaintext);
    let volume = envelope::encrypt_to_vec(&changed, &recipients, opened.context().clone()).await.unwrap();
    site.bucket = testing::s3::plain_bucket().await;
    for (key, bytes) in forged(&objects, &volume, &site.wrapping_keys).await {
        testing::s3::client().put_object().bucket(&site.bucket).key(key).body(bytes.into()).send().await.unwrap();
    }
}

fn index_of(plaintext: &[u8]) -> (Index, IndexTrailer) {
    let trailer = IndexTrailer::parse(&plaintext[plaintext.len() - 24..], plaintext.len() as u64).unwrap();
    (Index::from_frame(&plaintext[trailer.offset as usize..], trailer).unwrap(), trailer)
}

async fn restored(site: &Site, into: &str) -> Result<DatabaseRestoreReport, pipeline::Error> {
    let restore = DatabaseRestore {
        vault: &site.vault(),
        identities: &Identities::new().wrapping_keys(WrappingKeys::from_json(&site.wrapping_keys).unwrap()),
        backup: Selector::Latest.into(),
        target: &ConnectOptions::from_url(&site.database.server.url("postgres")).unwrap(),
        into: Some(into.to_owned()),
        options: pg_restore::RestoreOptions::default(),
        deadline: Deadline::default(),
        progress: Progress::default(),
    };
    restore.run().await
}

#[tokio::test]
async fn backup_whose_roles_are_damaged_is_not_restored() {
    let mut site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 100) AS n").await;
    site.back_up().await;
    forge(&mut site, |mut plaintext| {
        let roles = index_of(&plaintext).0.roles.unwrap();
        plaintext[(roles.offset + roles.length / 2) as usize] ^= 1;
        plaintext
    })
    .await;
    let into = format!("{}_damaged", site.database.name);
    let refused = restored(&site, &into).await.unwrap_err().to_string();
    assert!(refused.starts_with("read the roles of volume-0001"), "{refused}");
    assert!(!site.database_exists(&into).await);
    let folder = tempfile::tempdir().unwrap();
    let output = roles_of(&site, "latest", folder.path(), testing::s3::endpoint());
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
}

#[tokio::test]
async fn backup_of_an_earlier_version_is_restored_and_its_roles_are_named() {
    let mut site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 100) AS n").await;
    site.back_up().await;
    forge(&mut site, |mut plaintext| {
        let (mut index, _) = index_of(&plaintext);
        let end = index.roles.take().unwrap().offset;
        plaintext.truncate(end as usize);
        plaintext.extend(index.to_frame(end).unwrap());
        plaintext
    })
    .await;
    let into = format!("{}_early", site.database.name);
    assert!(restored(&site, &into).await.unwrap().restored.equal);
    site.drop_database(&into).await;
    let folder = tempfile::tempdir().unwrap();
    let output = roles_of(&site, "latest", folder.path(), testing::s3::endpoint());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty() && said.contains("holds no roles") && said.contains("postgres"), "{said}");
}
