//! Which backup is meant. What could be another is told, and never guessed.

use aws_sdk_s3::primitives::ByteStream;
use testing::faults::{Fault, Operation, Times};
use time::Duration;
use vault::{Backup, BackupChoice, BackupId, Error, Kind, LockEnd, Selector, Vault};

use crate::faulty::Faulty;
use crate::sample::{decrypted, encrypted, locked_vault, manifest, now, store};

async fn stored(vault: &Vault, minutes_ago: i64, source: &str) -> BackupId {
    let id = BackupId::new(now() - Duration::minutes(minutes_ago), source).unwrap();
    store(vault, &id, &[b"volume"]).await.unwrap();
    id
}

async fn find(vault: &Vault, choice: &BackupChoice) -> Result<BackupId, Error> {
    vault.find(Kind::Database, choice).await.map(|backup| backup.id)
}

fn of(backup: &str, source: Option<&str>, version_id: Option<&str>) -> BackupChoice {
    let text = |text: Option<&str>| text.map(str::to_owned);
    BackupChoice { backup: backup.parse().unwrap(), source: text(source), version_id: text(version_id) }
}

fn before(id: &BackupId) -> String {
    let time = id.start() + Duration::seconds(1);
    format!("before {}", time.format(&time::format_description::well_known::Rfc3339).unwrap())
}

#[tokio::test]
async fn newest_of_several_sources_is_not_guessed() {
    let vault = locked_vault().await;
    let (old_shop, blog) = (stored(&vault, 90, "shop-1").await, stored(&vault, 60, "blog").await);
    let shop = stored(&vault, 30, "shop-1").await;
    for choice in [of("latest", None, None), of(&before(&shop), None, None)] {
        let refused = find(&vault, &choice).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.starts_with("production/database/ of bucket vault-"), "{said}");
        let (shop, blog) = (format!("shop_1 (newest {shop}, "), format!(" minutes old), blog (newest {blog}, "));
        assert!(said.contains(&shop) && said.contains(&blog) && said.contains("`--source`"), "{said}");
        assert!(!said.contains(&old_shop.to_string()), "{said}");
    }
    // Before the second source had one, nothing was to be guessed.
    assert_eq!(find(&vault, &of(&before(&old_shop), None, None)).await.unwrap(), old_shop);
    // By the true name, and by what an id shows of it.
    for source in ["shop-1", "shop_1"] {
        assert_eq!(find(&vault, &of("latest", Some(source), None)).await.unwrap(), shop);
        assert_eq!(find(&vault, &of(&before(&blog), Some(source), None)).await.unwrap(), old_shop);
    }
    let said = find(&vault, &of("latest", Some("shopp"), None)).await.unwrap_err().to_string();
    assert!(said.contains("has no backup of \"shopp\""), "{said}");
}

#[tokio::test]
async fn what_is_no_backup_or_of_a_wrong_time_makes_nothing_ambiguous() {
    let vault = locked_vault().await;
    let shop = stored(&vault, 30, "shop").await;
    stored(&vault, 60 * 24, "forged").await;
    let torn = BackupId::new(now(), "torn").unwrap();
    vault.write_volume(&torn, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
    assert_eq!(find(&vault, &Selector::Latest.into()).await.unwrap(), shop);
}

#[tokio::test]
async fn key_of_any_object_or_of_the_folder_means_its_backup() {
    let vault = locked_vault().await;
    let shop = stored(&vault, 30, "shop").await;
    stored(&vault, 20, "blog").await;
    let listed = vault.find(Kind::Database, &Selector::Id(shop.clone()).into()).await.unwrap();
    let keys: Vec<String> = listed.objects.values().map(|object| object.key.clone()).collect();
    assert_eq!(keys.len(), 3);
    let folder = keys[0].rsplit_once('/').unwrap().0.to_owned() + "/";
    for key in keys.into_iter().chain([folder.clone()]) {
        for text in [key.clone(), format!("s3://{}/{key}", vault.bucket())] {
            assert_eq!(find(&vault, &of(&text, None, None)).await.unwrap(), shop);
        }
    }
    let refused = async |text: String| find(&vault, &of(&text, None, None)).await.unwrap_err().to_string();
    let said = refused(format!("s3://other/{folder}")).await;
    assert!(said.contains("is in bucket other, and the vault is vault-"), "{said}");
    let said = refused(folder.replace("production", "staging")).await;
    assert!(said.contains("is of environment staging, and backups of production are asked for"), "{said}");
    let said = refused(format!("{folder}volume-0002.sql.zst.enc")).await;
    assert!(said.contains("has no volume-0002.sql.zst.enc in backup"), "{said}");
}

#[tokio::test]
async fn backup_of_the_other_kind_is_told_as_that() {
    let vault = locked_vault().await;
    let shop = stored(&vault, 30, "shop").await;
    let objects = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap().objects;
    for text in [shop.to_string(), objects["manifest.enc"].key.clone()] {
        let refused = vault.find(Kind::Files, &of(&text, None, None)).await.unwrap_err();
        assert!(matches!(refused, Error::OtherKind { is: Kind::Database, .. }), "{refused}");
        assert!(refused.to_string().contains("`offsite restore database`"), "{refused}");
    }
}

async fn put(vault: &Vault, key: &str, body: Vec<u8>) -> String {
    let body = ByteStream::from(body);
    let put = testing::s3::client().put_object().bucket(vault.bucket()).key(key).body(body).send().await.unwrap();
    put.version_id.unwrap()
}

async fn read(vault: &Vault, choice: &BackupChoice) -> Result<(Backup, String), Error> {
    let backup = vault.find(Kind::Database, choice).await?;
    let tool = decrypted(&vault.read_manifest(&backup).await?).tool;
    Ok((backup, tool))
}

#[tokio::test]
async fn later_version_is_read_only_if_it_is_asked_for_and_is_what_the_summary_says() {
    let vault = locked_vault().await;
    let id = stored(&vault, 30, "shop").await;
    let first = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap();
    let object = first.objects["manifest.enc"].clone();
    let stolen = manifest(&id, Vec::new());
    let again = put(&vault, &object.key, encrypted(&decrypted(&vault.read_manifest(&first).await.unwrap()))).await;
    let forged = put(&vault, &object.key, encrypted(&stolen)).await;

    let (backup, _) = read(&vault, &Selector::Latest.into()).await.unwrap();
    assert_eq!(backup.objects, first.objects);
    let told = |backup: &Backup| backup.findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told(&backup).contains("has 3 versions, of which the oldest counts"), "{}", told(&backup));

    let oldest = object.version.clone().unwrap();
    let (backup, _) = read(&vault, &of(&object.key, None, Some(&oldest))).await.unwrap();
    assert!(backup.objects == first.objects && backup.findings.len() == 1, "{}", told(&backup));
    let (backup, _) = read(&vault, &of(&object.key, None, Some(&again))).await.unwrap();
    assert_eq!(backup.objects["manifest.enc"].version.as_ref(), Some(&again));
    let asked = format!("is read in version {again}, which was asked for and is not the oldest");
    assert!(told(&backup).contains(&asked), "{}", told(&backup));

    let refused = read(&vault, &of(&object.key, None, Some(&forged))).await.unwrap_err();
    assert!(matches!(&refused, Error::Altered { key, .. } if *key == object.key), "{refused}");
    let refused = read(&vault, &of(&object.key, None, Some("none"))).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("has no version none of {}", object.key)), "{refused}");
}

#[tokio::test]
async fn version_without_an_object_is_refused() {
    let vault = locked_vault().await;
    let id = stored(&vault, 30, "shop").await.to_string();
    let objects = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap().objects;
    let folder = objects["manifest.enc"].key.trim_end_matches("manifest.enc").to_owned();
    for backup in ["latest", "before 2999-01-01T00:00:00Z", &id, &folder] {
        let refused = find(&vault, &of(backup, None, Some("v1"))).await.unwrap_err();
        assert!(matches!(&refused, Error::VersionOfNothing(version) if version == "v1"), "{backup}: {refused}");
    }
}

#[tokio::test]
async fn lock_of_a_backup_ends_with_the_first_of_its_objects() {
    let vault = locked_vault().await;
    let (held, other) = (stored(&vault, 30, "shop").await, stored(&vault, 20, "shop").await);
    let until = (now() + Duration::days(50)).replace_nanosecond(0).unwrap();
    vault.hold(&held, until).await.unwrap();
    let backups = vault.list(None).await.unwrap().backups;
    let ends = vault.lock_ends(&backups).await.unwrap();
    assert_eq!((backups[1].id.clone(), ends[1]), (held, LockEnd::Until(until)));
    let LockEnd::Until(usual) = ends[0] else { panic!("{ends:?}") };
    assert!(usual > now() && usual <= now() + Duration::days(1), "{usual}");
    // One object that is locked for less is enough; it may have been stored a second after the first of its own backup.
    let mut mixed = backups[1].clone();
    mixed.objects.insert("manifest.enc".to_owned(), backups[0].objects["manifest.enc"].clone());
    let ends = vault.lock_ends(std::slice::from_ref(&mixed)).await.unwrap();
    let tomorrow = now() + Duration::days(1);
    assert!(matches!(ends[..], [LockEnd::Until(end)] if usual <= end && end <= tomorrow), "{ends:?}");
    assert_eq!(backups[0].id, other);
}

#[tokio::test]
async fn vault_without_lock_is_told_as_that() {
    let bucket = testing::s3::versioned_bucket().await;
    let vault = Vault::new(testing::s3::client(), &bucket, crate::sample::environment());
    stored(&vault, 5, "shop").await;
    let backups = vault.list(None).await.unwrap().backups;
    assert_eq!(vault.lock_ends(&backups).await.unwrap(), [LockEnd::Unlocked]);
    assert!(vault.lock_ends(&[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_may_not_read_locks_is_told_so_after_one_try() {
    let faulty = Faulty::new().await;
    for minutes in [10, 20] {
        stored(&faulty.direct, minutes, "shop").await;
    }
    let backups = faulty.direct.list(None).await.unwrap().backups;
    faulty.inject(Operation::GetObjectRetention, 1, Fault::AccessDenied, Times::ForGood);
    assert_eq!(faulty.vault.lock_ends(&backups).await.unwrap(), [LockEnd::NotKnown; 2]);
    assert_eq!(faulty.proxy.calls(Operation::GetObjectRetention), 1);
}
