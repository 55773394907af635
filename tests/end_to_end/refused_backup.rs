//! Backups that somebody tampered with, or that can't be opened: none is restored, and the object is named.

use end_to_end::Site;
use serde_json::{Value, json};
use testing::lambda::Outcome;
use testing::postgres::{Database, USUAL};
use testing::{s3, secrets};

use crate::cut_ciphertext::objects;

type Objects = Vec<(String, Vec<u8>)>;

/// Two backups of one database: the older one of 1 row, the newer one of 1000. Their bucket has no versions, as copies have others: so
/// nothing but what a test changes in a copy is in the way.
struct Twice {
    site: Site,
    older: String,
    newer: String,
    objects: Objects,
}

impl Twice {
    async fn new() -> Self {
        let site = Site::with(Database::create(USUAL).await, s3::plain_bucket().await).await;
        let back_up = async || {
            let report = site.backup().with("OFFSITE_REQUIRE_LOCK", "false").invoke(&json!({})).await.report();
            report["backup"].as_str().unwrap().to_owned()
        };
        site.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
        let older = back_up().await;
        site.database.run("INSERT INTO t SELECT generate_series(2, 1000)").await;
        let newer = back_up().await;
        let objects = objects(&site.bucket).await;
        Self { site, older, newer, objects }
    }

    fn object(&self, backup: &str, ends: &str) -> Vec<u8> {
        let found = self.objects.iter().find(|(key, _)| key.contains(backup) && key.ends_with(ends));
        found.unwrap_or_else(|| panic!("no {ends} of {backup}")).1.clone()
    }

    /// Restores the newer backup from a vault with these objects.
    async fn restored(&self, change: impl FnOnce(&mut Objects)) -> Outcome {
        let mut objects = self.objects.clone();
        change(&mut objects);
        let bucket = s3::plain_bucket().await;
        for (key, bytes) in objects {
            s3::client().put_object().bucket(&bucket).key(key).body(bytes.into()).send().await.unwrap();
        }
        self.site.restore().with("OFFSITE_VAULT_BUCKET", &bucket).invoke(&self.event()).await
    }

    /// What it says of that. It must leave no database.
    async fn refusal(&self, change: impl FnOnce(&mut Objects)) -> String {
        self.refused(self.restored(change).await.failure()).await
    }

    fn event(&self) -> Value {
        json!({"kind": "database", "backup": self.newer, "into": self.target()})
    }

    fn target(&self) -> String {
        format!("{}_refused", self.site.database.name)
    }

    async fn refused(&self, said: String) -> String {
        let client = self.site.database.server.connect("postgres").await;
        let like = "SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)";
        let left: i64 = client.query_one(like, &[&self.target()]).await.unwrap().get(0);
        assert_eq!(left, 0, "{said}");
        said
    }
}

#[tokio::test]
async fn backup_that_was_tampered_with_is_not_restored() {
    let twice = Twice::new().await;
    let Twice { older, newer, site, .. } = &twice;
    // Nothing is in the way of a copy that nobody changed.
    assert_eq!(twice.restored(|_| {}).await.report()["equal"], true);
    site.drop_database(&twice.target()).await;

    let of = |objects: &Objects, ends: &str| {
        objects.iter().position(|(key, _)| key.contains(newer.as_str()) && key.ends_with(ends)).unwrap()
    };
    let (volume, manifest) = (".sql.zst.enc", "manifest.enc");
    for ends in [volume, manifest] {
        let change = async |change: &dyn Fn(&mut Objects, usize)| {
            twice.refusal(|objects| change(objects, of(objects, ends))).await
        };
        let missing = change(&|objects, place| {
            objects.remove(place);
        })
        .await;
        let cut = change(&|objects, place| {
            objects[place].1.pop();
        })
        .await;
        let swapped = change(&|objects, place| objects[place].1 = twice.object(older, ends)).await;
        let altered = change(&|objects, place| {
            let middle = objects[place].1.len() / 2;
            objects[place].1[middle] ^= 1;
        })
        .await;
        let another = "estore another backup, and keep this one for examination.";
        let is_told = |said: &str, expected: &str| {
            assert!(said.contains(newer.as_str()) && said.contains(expected), "{expected}: {said}");
            assert!(said.contains(" HINT: ") && said.contains(another), "{expected}: {said}");
        };
        is_told(&missing, &format!("{ends} is missing"));
        if ends == volume {
            let sizes =
                |said: &str| is_told(said, &format!(" bytes, and {} in the summary", twice.object(newer, ends).len()));
            sizes(&cut);
            sizes(&swapped);
            is_told(&altered, "open volume-0001 of backup");
            is_told(&altered, " of the message is not authentic");
        } else {
            for said in [cut, swapped, altered] {
                is_told(&said, "manifest.enc is not what its backup's summary says: its SHA-256 is another.");
            }
        }
    }
}

#[tokio::test]
async fn older_backup_under_a_newer_name_is_not_restored() {
    let twice = Twice::new().await;
    let Twice { older, newer, .. } = &twice;
    let said = twice
        .refusal(|objects| {
            objects.retain(|(key, _)| key.contains(older.as_str()));
            for (key, _) in objects {
                *key = key.replace(older.as_str(), newer);
            }
        })
        .await;
    assert!(said.contains(&format!("has no backup {newer}; passed over: ")), "{said}");
    assert!(said.contains(&format!("does not fit its backup: it is of database {older}")), "{said}");
    assert!(said.contains("HINT: `offsite list` shows all. Restore another backup"), "{said}");
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

#[tokio::test]
async fn what_was_put_over_a_backup_is_told_and_what_was_backed_up_is_restored() {
    let site = Site::new(USUAL).await;
    site.database.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS n").await;
    site.back_up().await;
    let stored = objects(&site.bucket).await;
    assert_eq!(stored.len(), 3, "volume, manifest, summary");
    for (key, bytes) in &stored {
        // Of the same length, so that nothing but its bytes tells.
        let other = vec![0; bytes.len()];
        s3::client().put_object().bucket(&site.bucket).key(key).body(other.into()).send().await.unwrap();
        s3::client().delete_object().bucket(&site.bucket).key(key).send().await.unwrap();
    }
    let into = format!("{}_back", site.database.name);
    let event = json!({"kind": "database", "backup": "latest", "into": into});
    let report = site.restore().invoke(&event).await.report();
    assert_eq!((&report["equal"], &report["rows"]), (&json!(true), &json!(10)), "{report}");
    let findings = report["findings"].to_string();
    for (key, _) in &stored {
        let name = key.rsplit('/').next().unwrap();
        for told in ["was written again and has 2 versions, of which the oldest counts", "was deleted"] {
            assert!(findings.contains(&format!("{name}: {told}")), "{name}: {told}: {findings}");
        }
    }
    site.drop_database(&into).await;
}
