use aws_sdk_s3::primitives::ByteStream;
use time::Duration;
use vault::{BackupId, Error, Kind, Problem, Selector, Summary, Vault};

use crate::sample::{encrypted, locked_vault, manifest, now, store};

async fn put(vault: &Vault, key: &str, body: Vec<u8>) {
    let body = ByteStream::from(body);
    testing::s3::client().put_object().bucket(vault.bucket()).key(key).body(body).send().await.unwrap();
}

/// `production/database/2026/11/22/{id}/`
fn folder(id: &BackupId) -> String {
    let date = id.start().date();
    format!("production/database/{}/{:02}/{:02}/{id}/", date.year(), u8::from(date.month()), date.day())
}

async fn latest(vault: &Vault) -> Result<BackupId, Error> {
    vault.find(Kind::Database, &Selector::Latest.into()).await.map(|backup| backup.id)
}

#[tokio::test]
async fn backups_are_listed_newest_first_and_found_by_instant() {
    let vault = locked_vault().await;
    let start = now() - Duration::minutes(90);
    let mut ids = Vec::new();
    for minutes in [0, 60, 30] {
        let id = BackupId::new(start + Duration::minutes(minutes), "shop").unwrap();
        store(&vault, &id, &[b"volume"]).await.unwrap();
        ids.push(id);
    }
    let [first, third, second] = ids.try_into().unwrap();
    let listed: Vec<BackupId> = vault.list(None).await.unwrap().backups.into_iter().map(|backup| backup.id).collect();
    assert_eq!(listed, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(latest(&vault).await.unwrap(), third);
    let before =
        |minutes, seconds| Selector::Before(first.start() + Duration::minutes(minutes) + Duration::seconds(seconds));
    let found = async |selector: Selector| vault.find(Kind::Database, &selector.into()).await.map(|backup| backup.id);
    assert_eq!(found(before(59, 0)).await.unwrap(), second);
    // A run that began before the instant, with a snapshot after it, is not what was there at the instant.
    assert_eq!(found(before(30, 0)).await.unwrap(), first);
    assert_eq!(found(before(30, 1)).await.unwrap(), second);
    assert!(matches!(found(before(0, 0)).await, Err(Error::NotFound { .. })));
    assert!(vault.list(Some(Kind::Files)).await.unwrap().backups.is_empty());
}

#[tokio::test]
async fn run_without_a_summary_is_no_backup_and_is_told() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let volume = vault.write_volume(&id, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
    vault.write_manifest(&id, Kind::Database, encrypted(&manifest(&id, vec![volume])).into()).await.unwrap();
    let listing = vault.list(None).await.unwrap();
    assert!(listing.backups.is_empty());
    assert_eq!(listing.findings.len(), 1);
    assert_eq!(listing.findings[0].key, folder(&id));
    assert!(matches!(listing.findings[0].problem, Problem::Incomplete { objects: 2, bytes: 7.. }));
    for selector in [Selector::Latest, Selector::Id(id.clone())] {
        let error = vault.find(Kind::Database, &selector.into()).await.unwrap_err().to_string();
        assert!(error.contains("incomplete") && error.contains(&id.to_string()), "{error}");
    }
}

#[tokio::test]
async fn second_version_and_delete_marker_are_told_and_hide_nothing() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    store(&vault, &id, &[b"volume"]).await.unwrap();
    let clean = vault.list(None).await.unwrap().backups.remove(0);
    let (volume, summary) = (folder(&id) + "volume-0001.sql.zst.enc", folder(&id) + "summary.json");
    put(&vault, &volume, b"forged".to_vec()).await;
    put(&vault, &summary, b"{}".to_vec()).await;
    testing::s3::client().delete_object().bucket(vault.bucket()).key(&summary).send().await.unwrap();

    let listing = vault.list(None).await.unwrap();
    let told: Vec<String> = listing.findings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("summary.json: was deleted"), "{told:?}");
    assert!(told[1].contains("summary.json: was written again and has 2 versions"), "{told:?}");
    assert!(told[2].contains("volume-0001.sql.zst.enc: was written again"), "{told:?}");
    let backup = vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap();
    assert_eq!((&backup.objects, &backup.summary), (&clean.objects, &clean.summary));
    assert_eq!(backup.findings, listing.findings);
    let reader = vault.backup_object(&backup, "volume-0001.sql.zst.enc").unwrap();
    assert_eq!(&reader.read_range(0..6).await.unwrap()[..], b"volume");
}

#[tokio::test]
async fn backup_whose_time_is_wrong_is_told_and_never_latest() {
    let vault = locked_vault().await;
    let honest = BackupId::new(now(), "shop").unwrap();
    store(&vault, &honest, &[b"volume"]).await.unwrap();
    for hours in [-3, 3] {
        let forged = BackupId::new(now() + Duration::hours(hours), "shop").unwrap();
        store(&vault, &forged, &[b"forged"]).await.unwrap();
        assert_eq!(latest(&vault).await.unwrap(), honest);
        let before = Selector::Before(now() + Duration::hours(9));
        assert_eq!(vault.find(Kind::Database, &before.into()).await.unwrap().id, honest);
        // Who asks for it by name gets it, with the finding.
        let named = vault.find(Kind::Database, &Selector::Id(forged).into()).await.unwrap();
        assert!(!named.timely() && named.findings.len() == 3, "{:?}", named.findings);
    }
    assert_eq!(vault.list(None).await.unwrap().findings.len(), 6);
}

#[tokio::test]
async fn schedule_that_fired_twice_is_one_slot() {
    let vault = locked_vault().await;
    let start = now();
    for name in ["shop", "shop", "other"] {
        store(&vault, &BackupId::new(start, name).unwrap(), &[b"volume"]).await.unwrap();
    }
    let later = BackupId::new(start + Duration::seconds(1), "shop").unwrap();
    store(&vault, &later, &[b"volume"]).await.unwrap();
    let listing = vault.list(None).await.unwrap();
    let slots: Vec<usize> = listing.slots().iter().map(|slot| slot.backups.len()).collect();
    assert_eq!(listing.backups.len(), 4);
    assert_eq!(listing.slots()[0].backups[0].id, later);
    assert_eq!((slots.len(), slots.iter().sum::<usize>(), slots.iter().max()), (3, 4, Some(&2)));
}

#[tokio::test]
async fn summary_that_lies_is_told_and_no_backup() {
    type Spoil = fn(&mut Summary);
    let cases: [(Spoil, &str); 6] = [
        (|summary| summary.volumes[0].bytes += 1, "volume-0001.sql.zst.enc has 6 bytes, and 7 in the summary"),
        (
            |summary| summary.volumes[0].name = "volume-0002.sql.zst.enc".to_owned(),
            "volume-0002.sql.zst.enc is missing",
        ),
        (|summary| summary.volumes.clear(), "names no volume"),
        (|summary| summary.format = 2, "has format 2, and this version reads format 1"),
        (|summary| summary.backup = BackupId::new(now(), "other").unwrap(), "it is of database"),
        (|summary| summary.environment = "staging".parse().unwrap(), "in staging"),
    ];
    for (spoil, expected) in cases {
        let vault = locked_vault().await;
        let id = BackupId::new(now(), "shop").unwrap();
        let volume = vault.write_volume(&id, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
        let manifest = manifest(&id, vec![volume]);
        let stored = vault.write_manifest(&id, Kind::Database, encrypted(&manifest).into()).await.unwrap();
        let mut summary = Summary::of(&manifest, stored.sha256, ["escrow"]);
        spoil(&mut summary);
        put(&vault, &(folder(&id) + "summary.json"), serde_json::to_vec(&summary).unwrap()).await;
        let listing = vault.list(None).await.unwrap();
        assert!(listing.backups.is_empty(), "{expected}");
        let told: Vec<String> = listing.findings.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains(expected), "{told:?} instead of {expected}");
        assert!(latest(&vault).await.unwrap_err().to_string().contains(expected));
    }
}

#[tokio::test]
async fn unreadable_summary_and_missing_manifest_are_told() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    let volume = vault.write_volume(&id, Kind::Database, 1, "sql.zst", &b"volume"[..]).await.unwrap();
    let summary = Summary::of(&manifest(&id, vec![volume]), [0; 32], ["escrow"]);
    vault.commit(&id, Kind::Database, &summary).await.unwrap();
    let torn = BackupId::new(now(), "torn").unwrap();
    put(&vault, &(folder(&torn) + "summary.json"), b"{\"format\": 1, ".to_vec()).await;
    let empty = BackupId::new(now(), "void").unwrap();
    put(&vault, &(folder(&empty) + "summary.json"), Vec::new()).await;

    let listing = vault.list(None).await.unwrap();
    assert!(listing.backups.is_empty());
    let mut told: Vec<String> = listing.findings.iter().map(|finding| finding.problem.to_string()).collect();
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("manifest.enc is missing"), "{told:?}");
    assert!(told[1].contains("no readable summary: EOF") && told[2].contains("no readable summary: EOF"), "{told:?}");
}

#[tokio::test]
async fn keys_that_belong_to_no_backup_are_told() {
    let vault = locked_vault().await;
    let id = BackupId::new(now(), "shop").unwrap();
    store(&vault, &id, &[b"volume"]).await.unwrap();
    put(&vault, &(folder(&id) + "extra.txt"), b"x".to_vec()).await;
    put(&vault, "production/database/readme.txt", b"x".to_vec()).await;
    put(&vault, &format!("production/database/1999/01/01/{id}/summary.json"), b"x".to_vec()).await;
    put(&vault, "staging/database/readme.txt", b"x".to_vec()).await;
    let listing = vault.list(None).await.unwrap();
    assert_eq!(listing.backups.len(), 1);
    let problems: Vec<&Problem> = listing.findings.iter().map(|finding| &finding.problem).collect();
    assert_eq!(problems, [&Problem::Stray, &Problem::Stray, &Problem::Unexpected]);
    assert_eq!(latest(&vault).await.unwrap(), id);
}

#[tokio::test]
async fn environment_sees_only_its_own_backups() {
    let vault = locked_vault().await;
    store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"volume"]).await.unwrap();
    let other = Vault::new(testing::s3::client(), vault.bucket(), "prod".parse().unwrap());
    assert_eq!(other.list(None).await.unwrap(), vault::Listing::default());
    let error = latest(&other).await.unwrap_err().to_string();
    assert!(
        error.starts_with("prod/database/ of bucket vault-")
            && error.ends_with("has no backup HINT: `offsite list` shows what is there."),
        "{error}"
    );
}
