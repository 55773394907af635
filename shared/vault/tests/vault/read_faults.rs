use std::sync::{Arc, LazyLock};
use std::time::Duration;

use testing::faults::{ANYWHERE, Fault, Operation, Proxy, Times};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vault::{Backup, Error, Kind, LockStatus, PART_BYTES, Patience, Selector, Vault};

use crate::faulty::{Faulty, assert_names, hurried};
use crate::sample::{content, decrypted, environment, store, told};

static VOLUME: LazyLock<Vec<u8>> = LazyLock::new(|| content(PART_BYTES + 1000));

/// Everything that a restore asks of the vault.
async fn read(faulty: &Faulty) -> Result<(Backup, Vec<u8>), Error> {
    let backup = faulty.vault.find(Kind::Database, &Selector::Latest.into()).await?;
    let manifest = decrypted(&faulty.vault.read_manifest(&backup).await?);
    let volume = &manifest.volumes[0];
    let reader = faulty.vault.object(&volume.key, volume.version_id.as_deref(), volume.bytes);
    let tail = reader.read_range(volume.bytes - 100..volume.bytes).await?;
    let mut bytes = Vec::new();
    if let Err(error) = reader.stream().read_to_end(&mut bytes).await {
        return Err(*error.into_inner().unwrap().downcast::<Error>().unwrap());
    }
    assert!(bytes.ends_with(&tail));
    Ok((backup, bytes))
}

/// Every call of a restore, and what an error must begin with.
const CALLS: [(Operation, usize, &str); 5] = [
    (Operation::ListObjectVersions, 1, "list the versions under production/database/"),
    (Operation::GetObject, 1, "get bytes 0 to "),
    (Operation::GetObject, 2, "get bytes 0 to "),
    (Operation::GetObject, 3, "get bytes 8388608+900 to "),
    (Operation::GetObject, 4, "get bytes 0 to "),
];

async fn strike(call: (Operation, usize, &str), fault: Fault, times: Times) {
    let (operation, nth, act) = call;
    let faulty = Faulty::new().await;
    store(&faulty.direct, &faulty.id, &[&VOLUME]).await.unwrap();
    faulty.inject(operation, nth, fault, times);
    match (read(&faulty).await, times) {
        (Ok((backup, bytes)), Times::Once) => {
            assert!(backup.id == faulty.id && bytes == *VOLUME, "{operation:?} {nth} {fault:?}");
        }
        (Err(error), Times::ForGood) => {
            assert_names(&error, &act.replace("8388608+900", &(PART_BYTES + 900).to_string()))
        }
        (Ok(_), Times::ForGood) => panic!("{operation:?} {nth} {fault:?}: worked in spite of everything"),
        (Err(error), Times::Once) => panic!("{operation:?} {nth} {fault:?}: {}", told(&error)),
    }
}

async fn strike_all(faults: &'static [Fault], calls: &'static [(Operation, usize, &str)], times: Times) {
    let places = Arc::new(Semaphore::new(10));
    let mut strikes = JoinSet::new();
    for call in calls {
        for fault in faults {
            let places = Arc::clone(&places);
            strikes.spawn(async move {
                let _place = places.acquire().await.unwrap();
                strike(*call, *fault, times).await;
            });
        }
    }
    while let Some(struck) = strikes.join_next().await {
        struck.unwrap();
    }
}

#[tokio::test]
async fn restore_survives_any_call_failing_once() {
    strike_all(&ANYWHERE, &CALLS, Times::Once).await;
}

#[tokio::test]
async fn restore_with_any_call_failing_for_good_names_the_call() {
    strike_all(&ANYWHERE, &CALLS, Times::ForGood).await;
}

#[tokio::test]
async fn body_that_ends_early_is_fetched_again() {
    let faults = &[Fault::ResetBody(0), Fault::TruncatedBody(0), Fault::StalledBody(0), Fault::ShortBody];
    strike_all(faults, &CALLS[1..], Times::Once).await;
    strike_all(faults, &CALLS[1..], Times::ForGood).await;
}

#[tokio::test]
async fn download_continues_at_the_right_byte() {
    let faulty = Faulty::new().await;
    let stored = faulty.direct.write_volume(&faulty.id, Kind::Database, 1, "sql.zst", &VOLUME[..]).await.unwrap();
    let cuts = [1, 65_537, PART_BYTES - 1, PART_BYTES + 999];
    let faults =
        cuts.iter().flat_map(|cut| [Fault::ResetBody(*cut), Fault::TruncatedBody(*cut), Fault::StalledBody(*cut)]);
    let downloads = faults.map(async |fault| {
        let proxy = Proxy::start().await;
        proxy.inject(Operation::GetObject, 1, fault, Times::Once);
        let vault = Vault::new(proxy.client(), faulty.direct.bucket(), environment()).patience(hurried());
        let reader = vault.object(&stored.key, stored.version_id.as_deref(), stored.bytes);
        let mut bytes = Vec::new();
        reader.stream().read_to_end(&mut bytes).await.unwrap();
        assert!(bytes == *VOLUME, "{fault:?}");
        assert_eq!(proxy.calls(Operation::GetObject), 2, "{fault:?}");
    });
    futures_util::future::join_all(downloads).await;
}

#[tokio::test]
async fn download_that_is_cut_again_and_again_ends_as_long_as_bytes_come() {
    let faulty = Faulty::new().await;
    let stored = faulty.direct.write_volume(&faulty.id, Kind::Database, 1, "sql.zst", &VOLUME[..]).await.unwrap();
    faulty.inject(Operation::GetObject, 1, Fault::TruncatedBody(1 << 20), Times::ForGood);
    let reader = faulty.vault.object(&stored.key, stored.version_id.as_deref(), stored.bytes);
    let read = reader.read_range(5..stored.bytes).await.unwrap();
    assert!(read == VOLUME[5..]);
    assert_eq!(faulty.proxy.calls(Operation::GetObject), 9);
}

#[tokio::test]
async fn stream_that_fails_does_not_end_as_if_all_were_read() {
    let faulty = Faulty::new().await;
    let stored = faulty.direct.write_volume(&faulty.id, Kind::Database, 1, "sql.zst", &VOLUME[..]).await.unwrap();
    faulty.inject(Operation::GetObject, 1, Fault::TruncatedBody(1 << 20), Times::Once);
    faulty.inject(Operation::GetObject, 2, Fault::Reset, Times::ForGood);
    let mut bytes = Vec::new();
    let mut stream = faulty.vault.object(&stored.key, None, stored.bytes).stream();
    let error = stream.read_to_end(&mut bytes).await.unwrap_err();
    assert_names(error.get_ref().unwrap().downcast_ref::<Error>().unwrap(), "get bytes 1048576 to ");
    assert!(bytes == VOLUME[..1 << 20]);
}

#[tokio::test]
async fn later_version_is_never_read_in_the_place_of_the_first() {
    let faulty = Faulty::new().await;
    store(&faulty.direct, &faulty.id, &[b"the first"]).await.unwrap();
    let key = faulty.direct.list(None).await.unwrap().backups[0].objects["volume-0001.sql.zst.enc"].key.clone();
    let bucket = faulty.direct.bucket();
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"the other");
    testing::s3::client().put_object().bucket(bucket).key(&key).body(body).send().await.unwrap();
    let read = faulty.direct.object(&key, None, 9).read_range(0..9).await.unwrap();
    assert_eq!(&read[..], b"the first");
    // An object of another size than recorded is not the one that was recorded.
    let error = faulty.vault.object(&key, None, 8).read_range(0..8).await.unwrap_err();
    assert!(told(&error).contains("bytes 0-7/9 instead of bytes 0-7/8"), "{}", told(&error));
}

#[tokio::test]
async fn altered_manifest_is_refused() {
    let faulty = Faulty::new().await;
    store(&faulty.direct, &faulty.id, &[b"volume"]).await.unwrap();
    let mut backup = faulty.direct.find(Kind::Database, &Selector::Latest.into()).await.unwrap();
    backup.summary.manifest_sha256[0] ^= 1;
    let error = faulty.direct.read_manifest(&backup).await.unwrap_err();
    assert!(matches!(&error, Error::Altered { key, .. } if key.ends_with("/manifest.enc")), "{error}");
}

#[tokio::test]
async fn lock_check_survives_once_names_its_call_and_tells_when_it_is_denied() {
    let operation = Operation::GetObjectLockConfiguration;
    for fault in ANYWHERE {
        let mut faulty = Faulty::new().await;
        faulty.vault = faulty.vault.patience(Patience { attempt: Duration::from_millis(800), ..hurried() });
        faulty.inject(operation, 1, fault, Times::Once);
        assert_eq!(faulty.vault.check_lock(Some(1)).await.unwrap(), LockStatus::Locked { days: 1 });
        faulty.proxy.clear();
        faulty.inject(operation, 1, fault, Times::ForGood);
        let error = told(&faulty.vault.check_lock(Some(1)).await.unwrap_err());
        assert!(error.starts_with("read the lock configuration of bucket vault-"), "{error}");
    }
    let faulty = Faulty::new().await;
    faulty.inject(operation, 1, Fault::AccessDenied, Times::ForGood);
    assert_eq!(faulty.vault.check_lock(Some(1)).await.unwrap(), LockStatus::NotChecked);
}
