//! Backups that somebody tampered with, or that can't be opened: none is restored, and the object is named.

use end_to_end::Site;
use serde_json::{Value, json};
use testing::postgres::USUAL;
use testing::{s3, secrets};

use crate::cut_ciphertext::objects;

type Objects = Vec<(String, Vec<u8>)>;

/// Two backups of one database in a vault: the older one of 1 row, the newer one of 2.
struct Twice {
    site: Site,
    older: String,
    newer: String,
    objects: Objects,
}

impl Twice {
    async fn new() -> Self {
        let site = Site::new(USUAL).await;
        site.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
        let older = site.back_up().await["backup"].as_str().unwrap().to_owned();
        site.database.run("INSERT INTO t VALUES (2)").await;
        let newer = site.back_up().await["backup"].as_str().unwrap().to_owned();
        let objects = objects(&site.bucket).await;
        Self { site, older, newer, objects }
    }

    fn object(&self, backup: &str, ends: &str) -> Vec<u8> {
        let found = self.objects.iter().find(|(key, _)| key.contains(backup) && key.ends_with(ends));
        found.unwrap_or_else(|| panic!("no {ends} of {backup}")).1.clone()
    }

    /// What the restore of the newer backup says, from a vault with these objects. It must leave no database.
    async fn refusal(&self, change: impl FnOnce(&mut Objects)) -> String {
        let mut objects = self.objects.clone();
        change(&mut objects);
        let bucket = s3::plain_bucket().await;
        for (key, bytes) in objects {
            s3::client().put_object().bucket(&bucket).key(key).body(bytes.into()).send().await.unwrap();
        }
        let restore = self.site.restore().with("OFFSITE_VAULT_BUCKET", &bucket);
        self.refused(restore.invoke(&self.event()).await.failure()).await
    }

    fn event(&self) -> Value {
        json!({"kind": "database", "backup": self.newer, "into": self.into()})
    }

    fn into(&self) -> String {
        format!("{}_refused", self.site.database.name)
    }

    async fn refused(&self, said: String) -> String {
        let client = self.site.database.server.connect("postgres").await;
        let like = "SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)";
        let left: i64 = client.query_one(like, &[&self.into()]).await.unwrap().get(0);
        assert_eq!(left, 0, "{said}");
        said
    }
}

#[tokio::test]
async fn backup_that_was_tampered_with_is_not_restored() {
    let twice = Twice::new().await;
    let of = |objects: &Objects, ends: &str| {
        objects.iter().position(|(key, _)| key.contains(&twice.newer) && key.ends_with(ends)).unwrap()
    };
    let (volume, manifest) = (".sql.zst.enc", "manifest.enc");

    let without = async |ends| {
        twice
            .refusal(|objects| {
                let place = of(objects, ends);
                objects.remove(place);
            })
            .await
    };
    let said = without(volume).await;
    assert!(said.contains("volume-0001"), "missing: {said}");
    let said = without(manifest).await;
    assert!(said.contains("manifest"), "missing: {said}");
    for ends in [volume, manifest] {
        let other = twice.object(&twice.older, ends);
        let said = twice
            .refusal(|objects| {
                let place = of(objects, ends);
                objects[place].1 = other;
            })
            .await;
        assert!(said.contains(&twice.newer), "of the other backup: {said}");
        let said = twice
            .refusal(|objects| {
                let place = of(objects, ends);
                let middle = objects[place].1.len() / 2;
                objects[place].1[middle] ^= 1;
            })
            .await;
        assert!(said.contains(&twice.newer), "altered: {said}");
    }
}

#[tokio::test]
async fn older_backup_under_a_newer_name_is_not_restored() {
    let twice = Twice::new().await;
    let said = twice
        .refusal(|objects| {
            objects.retain(|(key, _)| key.contains(&twice.older));
            for (key, _) in objects {
                *key = key.replace(&twice.older, &twice.newer);
            }
        })
        .await;
    assert!(said.contains(&twice.newer), "{said}");
}

#[tokio::test]
async fn key_that_opens_nothing_is_told() {
    let twice = Twice::new().await;
    // Of the right name, and of another.
    for name in ["test-1", "test-2"] {
        let keys = json!({ name: "ff".repeat(32) }).to_string();
        let secret = secrets::create(&keys).await;
        let restore = twice.site.restore().with("OFFSITE_WRAPPING_KEYS_SECRET", &secret);
        let said = twice.refused(restore.invoke(&twice.event()).await.failure()).await;
        assert!(said.contains(&twice.newer) && said.contains("test-1"), "{name}: {said}");
        assert!(said.contains(" HINT: ") && said.contains("key"), "{name}: {said}");
    }
}
