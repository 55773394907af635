//! The backups that are tampered with: of a real database and a real bucket, made as the functions make them, two of each in one environment and
//! one in another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bytes::Bytes;
use envelope::ExpectedContext;
use envelope::{FRAME_LENGTH, Identities, RandomAccess, RangeSource, Recipients, RsaRecipient, SecretRecipient};
use file_archive::{ArchiveOptions, Bucket};
use pg_client::ConnectOptions;
use pipeline::{DatabaseBackup, Deadline, FilesBackup, Progress};
use testing::faults::replica::Version;
use testing::postgres::{Database, USUAL};
use testing::{s3, unique};
use time::format_description::well_known::Rfc3339;
use vault::{Kind, LockPolicy, Vault};

/// Tables of which each is a section at least, large objects, roles: and rows that don't compress, so that volumes are of several frames.
const SHOP: &str = "
    SELECT setseed(0.5);
    CREATE TABLE customer (id int PRIMARY KEY, name text NOT NULL);
    INSERT INTO customer SELECT n, 'Name ' || n FROM generate_series(1, 500) AS n;
    CREATE TABLE purchase (id int PRIMARY KEY, customer int REFERENCES customer, note text);
    INSERT INTO purchase SELECT n, 1 + n % 500, md5(random()::text) || md5(random()::text) FROM generate_series(1, 12000) AS n;
    CREATE TABLE small (n int);
    INSERT INTO small SELECT generate_series(1, 10);
    CREATE VIEW open_purchase AS SELECT * FROM purchase WHERE id > 3;
    SELECT lo_from_bytea(4711, decode(repeat('00ff10', 9000), 'hex'));
    COMMENT ON TABLE customer IS 'People';";

/// A stored backup.
pub(crate) struct Original {
    pub(crate) kind: Kind,
    pub(crate) environment: String,
    pub(crate) id: String,
    /// Its objects' keys: volumes in order, manifest, summary.
    pub(crate) keys: Vec<String>,
}

impl Original {
    pub(crate) fn folder(&self) -> &str {
        self.keys[0].rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    pub(crate) fn volumes(&self) -> &[String] {
        &self.keys[..self.keys.len() - 2]
    }

    pub(crate) fn manifest(&self) -> &String {
        &self.keys[self.keys.len() - 2]
    }

    pub(crate) fn summary(&self) -> &String {
        &self.keys[self.keys.len() - 1]
    }
}

pub(crate) struct Originals {
    pub(crate) database: Database,
    pub(crate) backups: Vec<Original>,
    /// All objects of all of them.
    pub(crate) stored: Vec<Version>,
    /// Of each encrypted object: where its header ends, and each frame and section.
    pub(crate) ends: BTreeMap<String, Vec<usize>>,
    /// The key of those who run the functions, and that of the escrow.
    pub(crate) identities: [Identities; 2],
}

/// In `alpha` are two of each kind, the older first.
pub(crate) const TARGETS: usize = 4;

impl Originals {
    pub(crate) async fn make() -> Self {
        let pair = envelope::keygen::rsa_pair().unwrap();
        let secret = envelope::keygen::wrapping_key().unwrap();
        let secret = || SecretRecipient::from_hex("test-1", &secret).unwrap();
        let recipients =
            Recipients::new().rsa(RsaRecipient::from_pem("escrow", &pair.public_pem).unwrap()).secret(secret());
        let identities =
            [Identities::new().secret(secret()), Identities::new().rsa(Some("escrow"), &pair.private_pem).unwrap()];
        let database = Database::create(USUAL).await;
        database.run(SHOP).await;
        let files = s3::plain_bucket().await;
        fill(&files, 0).await;
        let bucket = s3::locked_bucket().await;
        // As long as one another, so that no size tells what was stored in which.
        let (alpha, omega) = (unique("alpha-"), unique("omega-"));
        let vault = |environment: &str| Vault::new(s3::client(), &bucket, environment.parse().unwrap());
        let source = ConnectOptions::from_url(&database.url()).unwrap();
        let back_up = async |environment: &str| {
            let (vault, files) = (vault(environment), Bucket::new(s3::client(), &files));
            let of_database = DatabaseBackup {
                vault: &vault,
                recipients: &recipients,
                source: &source,
                dump: pg_dump::DumpOptions { section_bytes: 64 << 10, slice_bytes: 64 << 10, ..Default::default() },
                scheduled: None,
                lock: LockPolicy::Required { days: Some(1) },
                deadline: Deadline::default(),
                progress: Progress::default(),
                volume_bytes: Some(300_000),
            };
            let of_files = FilesBackup {
                vault: &vault,
                recipients: &recipients,
                source: &files,
                archive: ArchiveOptions { volume_bytes: 400_000, ..ArchiveOptions::default() },
                scheduled: None,
                lock: LockPolicy::Required { days: Some(1) },
                deadline: Deadline::default(),
                progress: Progress::default(),
            };
            let database = Box::pin(of_database.run()).await.unwrap().backup;
            [(Kind::Database, database), (Kind::Files, Box::pin(of_files.run()).await.unwrap().backup)]
        };
        let elsewhere = back_up(&omega).await;
        let older = back_up(&alpha).await;
        database.run("UPDATE small SET n = n + 100; DELETE FROM purchase WHERE id = 1").await;
        fill(&files, 1).await;
        // Which of two in one second is the newer, nothing tells.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        let newer = back_up(&alpha).await;
        let stored = stored(&bucket).await;
        let made =
            older.into_iter().chain(newer).map(|made| (&alpha, made)).chain(elsewhere.map(|made| (&omega, made)));
        let backups: Vec<Original> = made
            .map(|(environment, (kind, id))| {
                let id = id.to_string();
                let keys = stored.iter().map(|version| version.key.clone()).filter(|key| key.contains(&id));
                let mut keys: Vec<String> = keys.collect();
                let order =
                    |key: &String| (key.ends_with("/summary.json"), key.ends_with("/manifest.enc"), key.clone());
                keys.sort_by_key(order);
                Original { kind, environment: environment.clone(), id, keys }
            })
            .collect();
        let mut ends = BTreeMap::new();
        for version in stored.iter().filter(|version| version.key.ends_with(".enc")) {
            let bytes = version.bytes.as_ref().unwrap();
            ends.insert(version.key.clone(), ends_of(&version.key, bytes, &identities[0]).await);
        }
        for backup in &backups[..TARGETS] {
            assert!(backup.volumes().len() > 1, "{:?}", backup.keys);
            let frames = backup.volumes().iter().map(|key| stored.iter().find(|one| one.key == *key).unwrap());
            let longest = frames.filter_map(|volume| Some(volume.bytes.as_ref()?.len())).max();
            assert!(longest.unwrap() > FRAME_LENGTH as usize + 1000, "{} has volumes of a single frame", backup.id);
        }
        Self { database, backups, stored, ends, identities }
    }
}

/// Files of all sizes, most of them the same in each version.
async fn fill(bucket: &str, version: usize) {
    for number in 0..24usize {
        let bytes =
            (0..number * number * 200).map(|at| (at.wrapping_mul(number + 3) >> (number % 7)) as u8 ^ version as u8);
        let body: Vec<u8> =
            if number % 5 == 0 { bytes.collect() } else { pseudorandom(number as u64, number * number * 200) };
        let put = s3::client().put_object().bucket(bucket).key(format!("files/{:02}/{number:03}.bin", number % 4));
        put.content_type("image/png").metadata("n", number.to_string()).body(body.into()).send().await.unwrap();
    }
}

fn pseudorandom(seed: u64, bytes: usize) -> Vec<u8> {
    crate::random::Random::of(seed, 1).bytes(bytes)
}

async fn stored(bucket: &str) -> Vec<Version> {
    let client = s3::client();
    let listed = client.list_object_versions().bucket(bucket).send().await.unwrap();
    let mut stored = Vec::new();
    for version in listed.versions() {
        let (key, id) = (version.key().unwrap(), version.version_id().unwrap());
        let got = client.get_object().bucket(bucket).key(key).version_id(id).send().await.unwrap();
        stored.push(Version {
            key: key.to_owned(),
            id: id.to_owned(),
            modified: rfc3339(version.last_modified().unwrap().secs()),
            bytes: Some(got.body.collect().await.unwrap().into_bytes()),
        });
    }
    stored
}

fn rfc3339(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap()
}

struct InMemory<'a>(&'a [u8]);

#[async_trait::async_trait]
impl RangeSource for InMemory<'_> {
    async fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        Ok(Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]))
    }
}

async fn ends_of(key: &str, bytes: &[u8], identities: &Identities) -> Vec<usize> {
    let size = bytes.len() as u64;
    let opened = RandomAccess::open(InMemory(bytes), size, identities, ExpectedContext::Any).await.unwrap();
    let (plaintext, frame) = (opened.plaintext_len(), FRAME_LENGTH as u64);
    let full = plaintext / frame;
    let header = size - plaintext - full * 32 - 40;
    let mut ends: BTreeSet<u64> = (0..=full).map(|number| header + number * (frame + 32)).collect();
    if key.ends_with(".sql.zst.enc") {
        let tail = opened.read(plaintext - sql_volume::INDEX_TRAILER_LEN..plaintext).await.unwrap();
        let trailer = sql_volume::IndexTrailer::parse(&tail, plaintext).unwrap();
        let index = opened.read(trailer.offset..plaintext).await.unwrap();
        let index = sql_volume::Index::from_frame(&index, trailer).unwrap();
        let at = |offset: u64| header + offset + (offset / frame) * 32 + 16;
        ends.extend(index.sections.iter().map(|section| at(section.offset + section.length)));
    }
    ends.into_iter().map(|end| end as usize).collect()
}
