//! Small backups.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};
use vault::{
    Backup, BackupId, Environment, Error, Kind, Manifest, ObjectTotals, Source, StoredObject, Summary, Vault, Warning,
};

pub(crate) fn environment() -> Environment {
    "production".parse().unwrap()
}

pub(crate) async fn locked_vault() -> Vault {
    Vault::new(testing::s3::client(), &testing::s3::locked_bucket().await, environment())
}

/// Bytes in which every position can be told from its neighbours.
pub(crate) fn content(len: usize) -> Vec<u8> {
    (0..len.div_ceil(8) as u64).flat_map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).to_be_bytes()).take(len).collect()
}

pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

pub(crate) fn manifest(id: &BackupId, volumes: Vec<StoredObject>) -> Manifest {
    Manifest {
        format: 1,
        backup: id.clone(),
        environment: environment(),
        kind: Kind::Database,
        source: Source { name: "shop/main".to_owned(), version: Some("17.10".to_owned()) },
        scheduled: Some(id.start()),
        started: id.start(),
        snapshot: id.start() + Duration::seconds(1),
        finished: id.start() + Duration::seconds(9),
        tool: "offsite 0.1.0".to_owned(),
        lock: None,
        volumes,
        objects: vec![ObjectTotals {
            schema: Some("public".to_owned()),
            name: "customers".to_owned(),
            rows: 3,
            bytes: 40,
            digest: Some("00ff".to_owned()),
        }],
        inventory: BTreeMap::from([("table".to_owned(), 1)]),
        warnings: vec![Warning {
            code: "unlogged_table".to_owned(),
            names: vec!["public.sessions".to_owned()],
            message: "public.sessions is unlogged".to_owned(),
        }],
        contents: Vec::new(),
        requirements: serde_json::json!({ "extensions": ["citext"] }),
    }
}

/// Stands for ciphertext.
pub(crate) fn encrypted(manifest: &Manifest) -> Vec<u8> {
    serde_json::to_vec(manifest).unwrap().iter().map(|byte| byte ^ 0x55).collect()
}

pub(crate) fn decrypted(bytes: &[u8]) -> Manifest {
    Manifest::parse(&bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()).unwrap()
}

/// A backup of volumes, whole or not at all.
pub(crate) async fn store(vault: &Vault, id: &BackupId, volumes: &[&[u8]]) -> Result<Manifest, Error> {
    let mut stored = Vec::new();
    for (volume, number) in volumes.iter().zip(1..) {
        stored.push(vault.write_volume(id, Kind::Database, number, "sql.zst", *volume).await?);
    }
    let manifest = manifest(id, stored);
    let object = vault.write_manifest(id, Kind::Database, encrypted(&manifest).into()).await?;
    let summary = Summary::of(&manifest, object.sha256, ["escrow"]);
    vault.commit(id, Kind::Database, &summary).await?;
    Ok(manifest)
}

/// Reads everything of a backup and compares it with what was stored.
pub(crate) async fn assert_whole(vault: &Vault, backup: &Backup, volumes: &[&[u8]]) {
    let manifest = decrypted(&vault.read_manifest(backup).await.unwrap());
    backup.holds(&manifest).unwrap();
    assert_eq!(manifest.volumes.len(), volumes.len());
    for (stored, expected) in manifest.volumes.iter().zip(volumes) {
        let reader = vault.object(&stored.key, stored.version_id.as_deref(), stored.bytes);
        let mut read = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reader.stream(), &mut read).await.unwrap();
        assert!(read == *expected, "{} came back otherwise", stored.key);
    }
}

/// The uploads that are open in a bucket.
pub(crate) async fn in_progress(bucket: &str) -> usize {
    testing::s3::client().list_multipart_uploads().bucket(bucket).send().await.unwrap().uploads().len()
}

/// An error with its causes, as a person gets to see it.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
