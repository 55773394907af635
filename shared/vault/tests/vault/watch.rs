//! What the watch tells of a vault that somebody meddled with, or that it may not read.

mod drills;
mod sources;

use std::time::Instant;

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
    NoncurrentVersionExpiration, ObjectLockMode,
};
use testing::faults::{Fault, Operation, Proxy, Times};
use time::Duration;
use vault::{Area, BackupId, Concern, Kind, Notice, Promise, State, Summary, Vault, Watch};

use crate::faulty::hurried;
use crate::sample::{encrypted, environment, locked_vault, manifest, now, store};

fn promise() -> Promise {
    Promise {
        hours: [(Kind::Database, 3)].into(),
        ended: [].into(),
        lock_days: 1,
        drill_days: None,
        recovery_drill_days: None,
    }
}

/// A vault as `infra/vault.yaml` makes it: it locks for a day, and deletes after three.
async fn vault() -> Vault {
    let vault = locked_vault().await;
    let rule = LifecycleRule::builder()
        .id("Expire")
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build())
        .expiration(LifecycleExpiration::builder().days(2).build())
        .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(1).build())
        .build()
        .unwrap();
    let lifecycle = BucketLifecycleConfiguration::builder().rules(rule).build().unwrap();
    let put = testing::s3::client().put_bucket_lifecycle_configuration().bucket(vault.bucket());
    put.lifecycle_configuration(lifecycle).send().await.unwrap();
    vault
}

async fn backed_up() -> (Vault, BackupId) {
    let (vault, id) = (vault().await, BackupId::new(now(), "shop").unwrap());
    store(&vault, &id, &[b"volume"]).await.unwrap();
    (vault, id)
}

async fn watch(vault: &Vault) -> Watch {
    vault.watch(&promise(), now(), None).await.unwrap()
}

async fn put(vault: &Vault, key: &str, body: &[u8]) {
    let put = testing::s3::client().put_object().bucket(vault.bucket()).key(key);
    put.body(ByteStream::from(body.to_vec())).send().await.unwrap();
}

fn folder(id: &BackupId) -> String {
    let date = id.start().date();
    format!("production/database/{}/{:02}/{:02}/{id}/", date.year(), u8::from(date.month()), date.day())
}

/// What is wrong: these concerns, each in words that say this.
fn assert_wrong(watch: &Watch, expected: &[(Concern, &str)]) {
    let says =
        |(notice, (name, words)): (&Notice, &(Concern, &str))| notice.name == *name && notice.what.contains(words);
    let all = watch.wrong.iter().zip(expected).all(says);
    assert!(all && watch.wrong.len() == expected.len(), "{:#?} instead of {expected:#?}", watch.wrong);
}

#[tokio::test]
async fn sound_vault_is_ok_and_every_lock_was_read() {
    let (vault, id) = backed_up().await;
    let watch = watch(&vault).await;
    assert!(watch.ok() && watch.notes.is_empty() && watch.counts.is_empty(), "{watch:#?}");
    assert_eq!((watch.versions, watch.locks_read), (3, 3));
    assert!(watch.stored_bytes > 6 && watch.last_day_bytes == watch.stored_bytes && watch.usual_day_bytes.is_none());
    let [standing] = &watch.sources[..] else { panic!("{:?}", watch.sources) };
    assert_eq!((standing.source.as_deref(), standing.state), (Some("shop"), State::Fresh));
    assert_eq!(standing.newest.as_ref().unwrap().backup, id.to_string());
    // Nobody has made any yet.
    assert_eq!((watch.last_drill, watch.last_recovery_drill), (None, None));
}

#[tokio::test]
async fn empty_vault_and_a_newest_backup_that_is_too_old_are_late() {
    let empty = vault().await;
    let both = Promise { hours: [(Kind::Database, 3), (Kind::Files, 30)].into(), ..promise() };
    let seen = empty.watch(&both, now(), None).await.unwrap();
    assert_wrong(
        &seen,
        &[
            (Concern::Late, "no backup of kind database is to be seen"),
            (Concern::Late, "no backup of kind files is to be seen"),
        ],
    );
    assert_eq!((seen.count(Area::Late), seen.count(Area::Tampered), seen.versions), (2, 0, 0));

    let (vault, id) = backed_up().await;
    let later = vault.watch(&promise(), now() + Duration::hours(4), None).await.unwrap();
    let words = format!("4 hours old, and 3 are allowed: {id}");
    assert_wrong(&later, &[(Concern::Late, &words)]);
}

#[tokio::test]
async fn pause_that_is_over_is_a_note() {
    let vault = vault().await;
    // As far apart as a key's time may be from S3's.
    for hours in [-1, 1] {
        store(&vault, &BackupId::new(now() + Duration::hours(hours), "shop").unwrap(), &[b"volume"]).await.unwrap();
    }
    let hourly = Promise { hours: [(Kind::Database, 0)].into(), ..promise() };
    let seen = vault.watch(&hourly, now() - Duration::hours(3), None).await.unwrap();
    assert!(seen.ok() && seen.notes.len() == 1, "{seen:#?}");
    assert!(seen.notes[0].name == Concern::Gap && seen.notes[0].what.contains("no backup of database shop from"));
}

#[tokio::test]
async fn objects_that_no_summary_names_are_told_wherever_they_lie() {
    let (vault, id) = backed_up().await;
    let keys = [
        "readme.txt",
        "production/readme.txt",
        "production/database/readme.txt",
        "staging/database/x",
        "production/drills/x",
    ];
    for key in keys {
        put(&vault, key, b"x").await;
    }
    put(&vault, &(folder(&id) + "extra"), b"x").await;
    let seen = watch(&vault).await;
    assert_eq!((seen.count(Area::Tampered), seen.wrong.len()), (6, 6), "{:#?}", seen.wrong);
    for key in keys.into_iter().chain(["extra"]) {
        assert!(seen.wrong.iter().any(|notice| notice.name == Concern::Unnamed && notice.what.contains(key)), "{key}");
    }
}

#[tokio::test]
async fn backup_in_progress_is_a_note_and_no_backup() {
    let (vault, id) = backed_up().await;
    let under_way = BackupId::new(now(), "shop").unwrap();
    vault.write_volume(&under_way, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
    let seen = watch(&vault).await;
    assert!(seen.ok(), "{:#?}", seen.wrong);
    let [note] = &seen.notes[..] else { panic!("{:?}", seen.notes) };
    assert_eq!(note.name, Concern::Incomplete);
    assert!(note.what.contains(&under_way.to_string()) && note.what.contains("under way or failed"), "{}", note.what);
    assert_eq!((seen.sources[0].backups, &seen.sources[0].newest.as_ref().unwrap().backup), (1, &id.to_string()));
}

#[tokio::test]
async fn clock_that_is_wrong_is_told_and_makes_no_backup_younger() {
    let (vault, id) = backed_up().await;
    store(&vault, &BackupId::new(now() + Duration::hours(3), "shop").unwrap(), &[b"skewed"]).await.unwrap();
    let seen = watch(&vault).await;
    assert!(seen.wrong.iter().all(|notice| notice.name == Concern::TimeDisagrees), "{:#?}", seen.wrong);
    assert!(seen.wrong[0].what.contains("more than two hours from the time in its id"), "{}", seen.wrong[0].what);
    assert_eq!(seen.sources[0].newest.as_ref().unwrap().backup, id.to_string());

    // A summary's own word: so a forged one could keep the vault young for ever.
    let forged = BackupId::new(now() + Duration::seconds(5), "shop").unwrap();
    let volume = vault.write_volume(&forged, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
    let mut manifest = manifest(&forged, vec![volume]);
    manifest.snapshot = now() + Duration::days(3650);
    let stored = vault.write_manifest(&forged, Kind::Database, encrypted(&manifest).into()).await.unwrap();
    vault.commit(&forged, Kind::Database, &Summary::of(&manifest, stored.sha256, ["escrow"])).await.unwrap();
    let seen = vault.watch(&promise(), now() + Duration::hours(5), None).await.unwrap();
    assert_eq!(seen.count(Area::Late), 1, "{:#?}", seen.wrong);
    let words = format!("backup {forged} says to be of");
    assert!(seen.wrong.iter().any(|notice| notice.what.contains(&words)), "{:#?}", seen.wrong);
}

#[tokio::test]
async fn lock_that_is_shorter_or_weaker_than_promised_is_told_by_its_object() {
    let (vault, id) = backed_up().await;
    let volume = folder(&id) + "volume-0001.sql.zst.enc";
    let two_days = Promise { lock_days: 2, ..promise() };
    let seen = vault.watch(&two_days, now(), None).await.unwrap();
    assert_eq!((seen.count(Area::Unlocked), seen.wrong.len()), (4, 4), "{:#?}", seen.wrong);
    assert!(seen.wrong[0].name == Concern::VaultLock && seen.wrong[0].what.contains("for 1 days, and 2 are asked for"));
    let short = |notice: &Notice| notice.name == Concern::ShortLock && notice.what.contains("2 days were promised");
    assert!(seen.wrong[1..].iter().all(short) && seen.wrong[3].what.contains(&volume), "{:#?}", seen.wrong);

    // Locks of the writer's own, which the bucket's policy refuses.
    let soon = DateTime::from_secs((now() + Duration::hours(1)).unix_timestamp());
    let later = DateTime::from_secs((now() + Duration::days(9)).unix_timestamp());
    for (name, mode, end) in [("a", ObjectLockMode::Compliance, soon), ("b", ObjectLockMode::Governance, later)] {
        let put = testing::s3::client().put_object().bucket(vault.bucket()).key(folder(&id) + name);
        put.object_lock_mode(mode).object_lock_retain_until_date(end).send().await.unwrap();
    }
    let seen = watch(&vault).await;
    let unnamed = (Concern::Unnamed, "is not named by its backup's summary");
    let weak = (Concern::WeakLock, "/b is locked in GOVERNANCE mode, which can be bypassed");
    assert_wrong(&seen, &[unnamed, unnamed, weak, (Concern::ShortLock, "/a is locked until")]);
}

#[tokio::test]
async fn vault_without_lock_is_told_with_each_object() {
    let vault = Vault::new(testing::s3::client(), &testing::s3::versioned_bucket().await, environment());
    store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"volume"]).await.unwrap();
    let seen = watch(&vault).await;
    assert_eq!((seen.count(Area::Unlocked), seen.count(Area::Overdue)), (4, 1), "{:#?}", seen.wrong);
    assert_eq!(seen.wrong[0].name, Concern::VaultLock);
    assert!(seen.wrong[1].what.ends_with("is not locked: whoever may delete can delete it"), "{:#?}", seen.wrong);
    let last = seen.wrong.last().unwrap();
    assert!(last.name == Concern::NothingExpires && last.what.contains(vault.bucket()), "{last:?}");
}

#[tokio::test]
async fn delete_marker_over_a_summary_and_a_second_version_are_told_and_hide_nothing() {
    let (vault, id) = backed_up().await;
    let summary = folder(&id) + "summary.json";
    put(&vault, &(folder(&id) + "volume-0001.sql.zst.enc"), b"forged").await;
    testing::s3::client().delete_object().bucket(vault.bucket()).key(&summary).send().await.unwrap();
    let seen = watch(&vault).await;
    let deleted = format!("{summary}: was deleted, 0 days old, and is still there beneath");
    assert_wrong(
        &seen,
        &[
            (Concern::SecondVersion, "volume-0001.sql.zst.enc: was written again and has 2 versions"),
            (Concern::DeleteMarker, &deleted),
        ],
    );
    assert_eq!((seen.sources[0].backups, seen.versions, seen.locks_read), (1, 4, 4));
}

#[tokio::test]
async fn what_should_be_gone_is_told_unless_it_was_locked_for_longer() {
    let (vault, id) = backed_up().await;
    let after = |days| {
        let vault = &vault;
        async move {
            vault.watch(&Promise { hours: [].into(), ..promise() }, now() + Duration::days(days), None).await.unwrap()
        }
    };
    assert!(after(7).await.ok());
    let late = after(9).await;
    let words = format!("{id}: is still there, and the bucket deletes after 3 days");
    assert_wrong(&late, &[(Concern::NotExpired, &words)]);
    vault.hold(&id, now() + Duration::days(20)).await.unwrap();
    assert!(after(9).await.ok());
    assert_wrong(&after(23).await, &[(Concern::NotExpired, &words)]);
}

#[tokio::test]
async fn backup_of_another_size_than_usual_is_told() {
    let vault = vault().await;
    let large = vec![7u8; 5000];
    for (minutes, volume) in [(40, &large[..]), (30, &large), (20, &large), (10, &large[..2600])] {
        store(&vault, &BackupId::new(now() - Duration::minutes(minutes), "shop").unwrap(), &[volume]).await.unwrap();
    }
    let seen = watch(&vault).await;
    assert!(seen.ok() && (seen.size_ratios[&Kind::Database]["shop"] - 0.52).abs() < 0.001, "{seen:#?}");
    let small = BackupId::new(now(), "shop").unwrap();
    store(&vault, &small, &[&large[..2400]]).await.unwrap();
    let words = format!("backup {small} has 2400 bytes, and 5000 are usual");
    assert_wrong(&watch(&vault).await, &[(Concern::SizeChanged, &words)]);
    // Another source's backups are not compared with these, and hide nothing.
    store(&vault, &BackupId::new(now() + Duration::seconds(2), "other").unwrap(), &[b"x"]).await.unwrap();
    assert_wrong(&watch(&vault).await, &[(Concern::SizeChanged, &words)]);
}

#[tokio::test]
async fn read_that_is_denied_is_told_and_the_rest_is_looked_at() {
    let (direct, _) = backed_up().await;
    put(&direct, "foreign", b"x").await;
    let proxy = Proxy::start().await;
    let vault = Vault::new(proxy.client(), direct.bucket(), environment()).patience(hurried());
    let foreign = (Concern::Unnamed, "foreign: ");
    let late = (Concern::Late, "no backup of kind database is to be seen");
    let cases: [(Operation, &[(Concern, &str)]); 5] = [
        (Operation::ListObjectVersions, &[(Concern::NotRead, "list the versions in bucket ")]),
        (
            Operation::GetObject,
            &[late, foreign, (Concern::NotRead, "1 summaries of database can't be read: get bytes 0 to")],
        ),
        (
            Operation::GetObjectRetention,
            &[foreign, (Concern::NotRead, "the locks of 4 of 4 objects can't be read: read the lock of")],
        ),
        (Operation::GetObjectLockConfiguration, &[foreign, (Concern::NotRead, "the lock configuration of bucket")]),
        (Operation::GetBucketLifecycle, &[foreign, (Concern::NotRead, "read the lifecycle of bucket")]),
    ];
    for (operation, expected) in cases {
        proxy.inject(operation, 1, Fault::AccessDenied, Times::ForGood);
        let seen = vault.watch(&promise(), now(), None).await.unwrap();
        assert_wrong(&seen, expected);
        assert!(seen.wrong.last().unwrap().what.contains("AccessDenied"), "{:#?}", seen.wrong);
        proxy.clear();
        // Whatever fails otherwise is no finding: who looks at nothing must not say so quietly.
        proxy.inject(operation, 1, Fault::InternalError, Times::ForGood);
        assert!(
            vault.watch(&promise(), now(), None).await.unwrap_err().to_string().contains("3 tries"),
            "{operation:?}"
        );
        proxy.clear();
        proxy.inject(operation, 1, Fault::SlowDown, Times::Once);
        assert_wrong(&vault.watch(&promise(), now(), None).await.unwrap(), &[foreign]);
        proxy.clear();
    }
}

#[tokio::test]
async fn locks_that_there_was_no_time_for_are_told() {
    let (vault, _) = backed_up().await;
    let seen = vault.watch(&promise(), now(), Some(Instant::now())).await.unwrap();
    assert_wrong(&seen, &[(Concern::NotRead, "the time was over before the locks of 3 of 3 objects were read")]);
    assert_eq!(seen.locks_read, 0);
}

#[tokio::test]
async fn more_findings_than_a_line_of_a_log_holds_are_counted() {
    let (vault, _) = backed_up().await;
    let many: Vec<String> = (0..30).map(|number| format!("foreign-{number}")).collect();
    for key in &many {
        put(&vault, key, b"x").await;
    }
    let seen = watch(&vault).await;
    assert_eq!((seen.count(Area::Tampered), seen.wrong.len()), (30, 21));
    assert_eq!(seen.wrong[20].what, "and 10 more");
    let json = serde_json::to_value(&seen).unwrap();
    assert_eq!((&json["counts"]["unnamed"], &json["wrong"][0]["name"]), (&30.into(), &"unnamed".into()));
    assert_eq!(json["last_drill"], serde_json::Value::Null);
}
