use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use vault::{BackupId, Error, Kind, PART_BYTES, Selector, Summary};

use crate::sample::{self, assert_whole, content, in_progress, locked_vault, now, store};

#[tokio::test]
async fn backup_comes_back_equal_at_every_size_around_a_part() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let all = content(3 * PART_BYTES + 17);
    let sizes = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 3 * PART_BYTES + 17];
    let volumes: Vec<&[u8]> = sizes.iter().map(|size| &all[..*size]).collect();
    let manifest = store(&vault, &id, &volumes).await.unwrap();
    let parts: Vec<u32> = manifest.volumes.iter().map(|volume| volume.parts).collect();
    assert_eq!(parts, [1, 1, 1, 1, 2, 2, 4]);

    let listing = vault.list(None).await.unwrap();
    assert_eq!((listing.backups.len(), listing.findings), (1, vec![]));
    let backup = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap();
    assert_eq!(backup, listing.backups[0]);
    assert_eq!(backup, vault.find(Kind::Database, &Selector::Id(id).into()).await.unwrap());
    assert_whole(&vault, &backup, &volumes).await;
    assert_eq!(in_progress(vault.bucket()).await, 0);
}

#[tokio::test]
async fn upload_stays_in_order_with_a_source_of_few_bytes_at_a_time() {
    struct Dribble(Vec<u8>, usize, bool);
    impl AsyncRead for Dribble {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            self.2 = !self.2;
            if self.2 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let end = self.0.len().min(self.1 + buf.remaining().min(10_007));
            buf.put_slice(&self.0[self.1..end]);
            self.1 = end;
            Poll::Ready(Ok(()))
        }
    }
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let all = content(5 * PART_BYTES + 1);
    let source = Dribble(all.clone(), 0, false);
    let stored = vault.write_volume(&id, Kind::Database, 1, "sql.zst", source).await.unwrap();
    assert_eq!((stored.parts, stored.bytes), (6, all.len() as u64));
    let mut read = Vec::new();
    vault.object(&stored.key, None, stored.bytes).stream().read_to_end(&mut read).await.unwrap();
    assert!(read == all);
}

#[tokio::test]
async fn range_is_exactly_what_was_asked_for() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let all = content(PART_BYTES + 100);
    let stored = vault.write_volume(&id, Kind::Database, 1, "sql.zst", &all[..]).await.unwrap();
    let reader = vault.object(&stored.key, stored.version_id.as_deref(), stored.bytes);
    let size = stored.bytes;
    for range in [0..0, 0..1, 5..5, 10..4_000_000, size - 1..size, size..size, 0..size] {
        let read = reader.read_range(range.clone()).await.unwrap();
        assert!(read == all[range.start as usize..range.end as usize], "{range:?}");
    }
    #[allow(clippy::reversed_empty_ranges)]
    for range in [0..size + 1, size + 1..size + 1, 5..4] {
        assert!(matches!(reader.read_range(range).await.unwrap_err(), Error::Range { .. }));
    }
}

/// Yields some bytes and then an error, or nothing for ever.
struct Failing(usize, Option<&'static str>);

impl AsyncRead for Failing {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return match self.1 {
                Some(text) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text))),
                None => Poll::Pending,
            };
        }
        let len = self.0.min(buf.remaining()).min(1 << 16);
        buf.put_slice(&vec![7; len]);
        self.0 -= len;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn failing_source_aborts_the_upload_and_surfaces_unchanged() {
    let vault = locked_vault().await;
    for before in [0, 1, PART_BYTES, 3 * PART_BYTES + 5] {
        let id = BackupId::new(now(), "shop").unwrap();
        let source = Failing(before, Some("the dump died"));
        let error = vault.write_volume(&id, Kind::Database, 1, "sql.zst", source).await.unwrap_err();
        let Error::Source(error) = error else { panic!("{error}") };
        assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidData, "the dump died"));
    }
    assert_eq!(in_progress(vault.bucket()).await, 0);
    let listing = vault.list(None).await.unwrap();
    assert_eq!((listing.backups, listing.findings), (vec![], vec![]));
}

#[tokio::test]
async fn dropped_upload_is_aborted() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let hanging = vault.write_volume(&id, Kind::Database, 1, "sql.zst", Failing(2 * PART_BYTES, None));
    assert!(tokio::time::timeout(Duration::from_secs(2), hanging).await.is_err());
    for _ in 0..50 {
        if in_progress(vault.bucket()).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the upload is still in progress");
}

#[tokio::test]
async fn summary_names_no_table_and_agrees_with_its_manifest() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let manifest = store(&vault, &id, &[b"volume"]).await.unwrap();
    let backup = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap();
    let text = serde_json::to_string(&backup.summary).unwrap();
    for secret in ["customers", "sessions", "public", "citext", "shop/main"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains(r#""unlogged_table":1"#) && text.contains(r#""escrow""#));
    backup.summary.agrees_with(&manifest).unwrap();
    assert_eq!(sample::decrypted(&sample::encrypted(&manifest)), manifest);

    let mut other = manifest.clone();
    other.objects[0].rows += 1;
    other.volumes[0].bytes += 1;
    let error = backup.summary.agrees_with(&other).unwrap_err().to_string();
    assert!(error.contains("volumes, bytes, rows"), "{error}");
    assert!(backup.holds(&other).is_err());
}

#[tokio::test]
async fn bucket_under_a_kms_key_takes_backups() {
    let vault = locked_vault().await;
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::AwsKms)
        .kms_master_key_id("arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab")
        .build()
        .unwrap();
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(by_default).build();
    let encryption = ServerSideEncryptionConfiguration::builder().rules(rule).build().unwrap();
    let bucket = vault.bucket();
    let client = testing::s3::client();
    client
        .put_bucket_encryption()
        .bucket(bucket)
        .server_side_encryption_configuration(encryption)
        .send()
        .await
        .unwrap();
    let id = BackupId::new(now(), "shop").unwrap();
    let volume = content(PART_BYTES + 1);
    store(&vault, &id, &[&volume]).await.unwrap();
    assert_whole(&vault, &vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap(), &[&volume]).await;
}

#[tokio::test]
async fn nothing_is_ever_written_over() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let manifest = store(&vault, &id, &[b"volume"]).await.unwrap();
    let summary = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap().summary;
    for outcome in [
        vault.write_volume(&id, Kind::Database, 1, "sql.zst", &b"other"[..]).await,
        vault.write_manifest(&id, Kind::Database, sample::encrypted(&manifest).into()).await,
        vault.commit(&id, Kind::Database, &summary).await,
    ] {
        assert!(matches!(outcome, Err(Error::Exists(_))), "{outcome:?}");
    }
    assert_eq!(in_progress(vault.bucket()).await, 0);
    assert_eq!(vault.list(None).await.unwrap().findings, []);
}

#[tokio::test]
async fn summary_of_another_backup_is_not_committed() {
    let vault = locked_vault().await;
    let (id, other) = (BackupId::new(now(), "shop").unwrap(), BackupId::new(now(), "shop").unwrap());
    let summary = Summary::of(&sample::manifest(&other, vec![]), [0; 32], ["escrow"]);
    assert!(matches!(vault.commit(&id, Kind::Database, &summary).await, Err(Error::Contradiction { .. })));
}
