//! A volume cut at every boundary: no way of restoring reports success or leaves a database under its name.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use end_to_end::Site;
use envelope::{
    Decryptor, ExpectedContext, FRAME_LENGTH, Identities, RandomAccess, RangeSource, Recipients, WrappingKeys,
};
use pg_client::ConnectOptions;
use pipeline::{DatabaseRestore, Deadline, Progress};
use testing::postgres::USUAL;
use testing::s3;
use vault::{Manifest, Selector, Summary};

use crate::SHOP;
use crate::command_line::offsite;

/// Every object of the site's backup, with its key.
pub(crate) async fn objects(bucket: &str) -> Vec<(String, Vec<u8>)> {
    let client = s3::client();
    let listed = client.list_objects_v2().bucket(bucket).send().await.unwrap();
    let mut objects = Vec::new();
    for object in listed.contents() {
        let key = object.key().unwrap().to_owned();
        let got = client.get_object().bucket(bucket).key(&key).send().await.unwrap();
        objects.push((key, got.body.collect().await.unwrap().to_vec()));
    }
    objects
}

struct InMemory<'a>(&'a [u8]);

#[async_trait::async_trait]
impl RangeSource for InMemory<'_> {
    async fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        Ok(Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]))
    }
}

/// Ciphertext offsets of every frame's and every section's end, and one byte before and after each.
async fn boundaries(volume: &[u8], keys: &str) -> BTreeSet<usize> {
    let identities = Identities::new().wrapping_keys(WrappingKeys::from_json(keys).unwrap());
    let size = volume.len() as u64;
    let opened = RandomAccess::open(InMemory(volume), size, &identities, ExpectedContext::Any).await.unwrap();
    let plaintext = opened.plaintext_len();
    let frame = FRAME_LENGTH as u64;
    let full = plaintext / frame;
    let header = size - plaintext - full * 32 - 40;
    let at = |offset: u64| header + offset + (offset / frame) * 32 + 16;
    let tail = opened.read(plaintext - 24..plaintext).await.unwrap();
    let trailer = sql_volume::IndexTrailer::parse(&tail, plaintext).unwrap();
    let index = opened.read(trailer.offset..plaintext).await.unwrap();
    let index = sql_volume::Index::from_frame(&index, trailer).unwrap();
    let sections = index.sections.iter().map(|section| at(section.offset + section.length));
    let frames = (0..=full).map(|number| header + number * (frame + 32));
    let roles = index.roles.iter().map(|roles| at(roles.offset + roles.length));
    let ends: Vec<u64> = sections.chain(roles).chain(frames).chain([0, size - 1]).collect();
    let around = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]);
    around.filter(|end| *end < size).map(|end| end as usize).collect()
}

/// The backup with another volume, and a manifest and a summary to match.
pub(crate) async fn forged(objects: &[(String, Vec<u8>)], volume: &[u8], keys: &str) -> Vec<(String, Vec<u8>)> {
    altered(objects, volume, keys, |_| {}).await
}

/// The same with other changes of the manifest.
pub(crate) async fn altered(
    objects: &[(String, Vec<u8>)],
    volume: &[u8],
    keys: &str,
    alter: impl FnOnce(&mut Manifest),
) -> Vec<(String, Vec<u8>)> {
    let keys = WrappingKeys::from_json(keys).unwrap();
    let recipients = Recipients::new().secret(keys.newest());
    let identities = Identities::new().wrapping_keys(keys);
    let of = |name: &str| objects.iter().find(|(key, _)| key.contains(name)).unwrap().clone();
    let ((volume_key, _), (manifest_key, sealed), (summary_key, _)) =
        (of("/volume-0001."), of("/manifest.enc"), of("/summary.json"));

    let mut opened = Decryptor::new(&sealed[..], &identities, ExpectedContext::Any).await.unwrap();
    let mut json = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut opened, &mut json).await.unwrap();
    let mut manifest = Manifest::parse(&json).unwrap();
    manifest.volumes[0].bytes = volume.len() as u64;
    manifest.volumes[0].version_id = None;
    alter(&mut manifest);
    let json = serde_json::to_vec(&manifest).unwrap();
    let sealed = envelope::encrypt_to_vec(&json, &recipients, opened.context().clone()).await.unwrap();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &sealed).as_ref().try_into().unwrap();
    let summary = serde_json::to_vec(&Summary::of(&manifest, sha256, recipients.names())).unwrap();
    vec![(volume_key, volume.to_vec()), (manifest_key, sealed), (summary_key, summary)]
}

#[tokio::test]
async fn volume_that_is_cut_anywhere_is_never_restored() {
    let site = Site::new(USUAL).await;
    site.database.run(SHOP).await;
    site.back_up().await;
    let objects = objects(&site.bucket).await;
    let volume = &objects.iter().find(|(key, _)| key.ends_with(".sql.zst.enc")).unwrap().1;
    let cuts = boundaries(volume, &site.wrapping_keys).await;
    assert!(cuts.len() > 20, "{cuts:?}");

    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys.json");
    std::fs::write(&keys, &site.wrapping_keys).unwrap();
    let target = ConnectOptions::from_url(&site.database.server.url("postgres")).unwrap();
    let into = format!("{}_cut", site.database.name);
    for cut in cuts {
        // As someone would who has the keys: the volume shorter, and manifest and summary that say so.
        let bucket = s3::plain_bucket().await;
        for (key, bytes) in &forged(&objects, &volume[..cut], &site.wrapping_keys).await {
            s3::client().put_object().bucket(&bucket).key(key).body(bytes.clone().into()).send().await.unwrap();
        }
        let vault = vault::Vault::new(s3::client(), &bucket, site.environment.parse().unwrap());
        let identities = Identities::new().wrapping_keys(WrappingKeys::from_json(&site.wrapping_keys).unwrap());
        let restore = DatabaseRestore {
            vault: &vault,
            identities: &identities,
            backup: Selector::Latest.into(),
            target: &target,
            into: Some(into.clone()),
            options: pg_restore::RestoreOptions::default(),
            deadline: Deadline::default(),
            progress: Progress::default(),
        };
        let refused = restore.run().await.err().unwrap_or_else(|| panic!("restored a volume cut at {cut}"));
        assert!(format!("{refused}").contains("volume-0001"), "{refused}");
        assert!(!site.database_exists(&into).await);

        let (encrypted, plaintext) = (folder.path().join("cut.enc"), folder.path().join("cut.zst"));
        std::fs::write(&encrypted, &volume[..cut]).unwrap();
        let decrypted =
            offsite().arg("decrypt").arg("--wrapping-keys").arg(&keys).args([&encrypted, &plaintext]).output().unwrap();
        assert_eq!(decrypted.status.code(), Some(1), "decrypted a volume cut at {cut}");
        assert!(!plaintext.exists());
    }
    let leftover = site.database.server.connect("postgres").await;
    let leftover =
        leftover.query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", &[&into]).await.unwrap();
    assert!(leftover.is_empty());
}
