//! Backups of a forger who has the keys, or what it takes to encrypt for them: manifest and summary say what he likes. None is restored, and what
//! does not fit is named.

use end_to_end::Site;
use envelope::{Decryptor, EncryptionContext, ExpectedContext, Identities, Recipients, WrappingKeys};
use pg_client::ConnectOptions;
use pipeline::{DatabaseRestore, DatabaseRestoreReport, Deadline, Progress};
use serde_json::{Value, json};
use testing::postgres::USUAL;
use testing::s3;
use vault::{Selector, Summary};

use crate::cut_ciphertext::objects;

/// Two backups of one database, and all that is known of them.
struct Forger {
    site: Site,
    keys: WrappingKeys,
    older: Stored,
    newer: Stored,
}

#[derive(Clone)]
struct Stored {
    id: String,
    volume: (String, Vec<u8>),
    manifest: (String, Value),
    context: EncryptionContext,
}

/// What is stored in place of the newer backup.
struct Forged {
    volume: Option<Vec<u8>>,
    manifest: Vec<u8>,
    context: EncryptionContext,
    /// A summary's fields: those of the manifest, unless it says otherwise.
    summary: Option<Value>,
}

impl Forger {
    async fn new() -> Self {
        let site = Site::new(USUAL).await;
        let keys = WrappingKeys::from_json(&site.wrapping_keys).unwrap();
        site.database.run("CREATE TABLE t AS SELECT 1 AS n").await;
        let older = site.back_up().await["backup"].as_str().unwrap().to_owned();
        site.database.run("UPDATE t SET n = 2").await;
        let newer = site.back_up().await["backup"].as_str().unwrap().to_owned();
        let objects = objects(&site.bucket).await;
        let stored = async |id: String| {
            let of =
                |name: &str| objects.iter().find(|(key, _)| key.contains(&id) && key.contains(name)).unwrap().clone();
            let (manifest_key, sealed) = of("/manifest.enc");
            let identities = Identities::new().wrapping_keys(WrappingKeys::from_json(&site.wrapping_keys).unwrap());
            let mut opened = Decryptor::new(&sealed[..], &identities, ExpectedContext::Any).await.unwrap();
            let mut json = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut opened, &mut json).await.unwrap();
            let mut manifest: Value = serde_json::from_slice(&json).unwrap();
            // In the bucket of the forger it has another.
            manifest["volumes"][0].as_object_mut().unwrap().remove("version_id");
            Stored {
                volume: of("/volume-0001."),
                manifest: (manifest_key, manifest),
                context: opened.context().clone(),
                id: id.clone(),
            }
        };
        let (older, newer) = (stored(older).await, stored(newer).await);
        Self { site, keys, older, newer }
    }

    fn target(&self) -> String {
        format!("{}_forged", self.site.database.name)
    }

    fn as_it_was(&self) -> Forged {
        self.with(|_| {})
    }

    fn with(&self, change: impl FnOnce(&mut Value)) -> Forged {
        let mut manifest = self.newer.manifest.1.clone();
        change(&mut manifest);
        Forged {
            volume: Some(self.newer.volume.1.clone()),
            manifest: serde_json::to_vec(&manifest).unwrap(),
            context: self.newer.context.clone(),
            summary: None,
        }
    }

    async fn restored(&self, forged: Forged) -> Result<DatabaseRestoreReport, String> {
        let bucket = s3::plain_bucket().await;
        let put = async |key: &str, bytes: Vec<u8>| {
            s3::client().put_object().bucket(&bucket).key(key).body(bytes.into()).send().await.unwrap();
        };
        let recipients = Recipients::new().secret(self.keys.newest());
        let sealed = envelope::encrypt_to_vec(&forged.manifest, &recipients, forged.context).await.unwrap();
        let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &sealed).as_ref().try_into().unwrap();
        let said = |manifest: &[u8]| {
            serde_json::from_slice(manifest).map(|said| Summary::of(&said, sha256, recipients.names()))
        };
        // What is no manifest has the summary of the true one.
        let truth = serde_json::to_vec(&self.newer.manifest.1).unwrap();
        let mut summary = serde_json::to_value(said(&forged.manifest).or_else(|_| said(&truth)).unwrap()).unwrap();
        for (field, value) in forged.summary.iter().flat_map(|fields| fields.as_object().unwrap()) {
            summary[field] = value.clone();
        }
        let folder = self.newer.manifest.0.trim_end_matches("manifest.enc");
        put(&self.newer.manifest.0, sealed).await;
        put(&format!("{folder}summary.json"), serde_json::to_vec(&summary).unwrap()).await;
        if let Some(volume) = forged.volume {
            put(&self.newer.volume.0, volume).await;
        }
        let restore = DatabaseRestore {
            vault: &vault::Vault::new(s3::client(), &bucket, self.site.environment.parse().unwrap()),
            identities: &Identities::new().wrapping_keys(WrappingKeys::from_json(&self.site.wrapping_keys).unwrap()),
            backup: Selector::Latest.into(),
            target: &ConnectOptions::from_url(&self.site.database.server.url("postgres")).unwrap(),
            into: Some(self.target()),
            options: pg_restore::RestoreOptions::default(),
            deadline: Deadline::default(),
            progress: Progress::default(),
        };
        restore.run().await.map_err(|error| told(&error))
    }

    /// What is said of a forgery. No database may be there.
    async fn refusal(&self, forged: Forged) -> String {
        let said = self.restored(forged).await.expect_err("a forged backup was restored");
        let client = self.site.database.server.connect("postgres").await;
        let like = "SELECT count(*) FROM pg_database WHERE starts_with(datname, $1)";
        let left: i64 = client.query_one(like, &[&self.target()]).await.unwrap().get(0);
        assert_eq!(left, 0, "{said}");
        said
    }
}

fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", told(source)))
}

#[tokio::test]
async fn manifest_that_was_forged_is_refused_by_what_does_not_fit() {
    let forger = Forger::new().await;
    // The forger's work is good enough, as long as he changes nothing.
    assert!(forger.restored(forger.as_it_was()).await.unwrap().restored.equal);
    forger.site.drop_database(&forger.target()).await;

    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let older = &forger.older;
    let cases: Vec<(Change<'_>, &str)> = vec![
        (Box::new(|manifest| manifest["backup"] = json!(older.id)), "it is of database"),
        (Box::new(|manifest| manifest["environment"] = json!("staging")), "in staging"),
        (Box::new(|manifest| manifest["kind"] = json!("files")), "it is of files"),
        (Box::new(|manifest| manifest["volumes"] = json!([])), "it names no volume"),
        (Box::new(|manifest| manifest["volumes"][0]["bytes"] = json!(7)), "bytes, and 7 in the summary"),
        (Box::new(|manifest| manifest["volumes"][0]["key"] = json!(older.volume.0)), "which is not there"),
        (Box::new(|manifest| manifest["volumes"][0]["version_id"] = json!("v")), "other versions than in the manifest"),
        (Box::new(|manifest| manifest["objects"][0]["digest"] = json!("00")), "promise other rows than its manifest"),
        (Box::new(|manifest| manifest["objects"][0]["rows"] = json!(2)), "promise other rows than its manifest"),
        (Box::new(|manifest| manifest["objects"] = json!([])), "promise other rows than its manifest"),
        (
            Box::new(|manifest| {
                let again = manifest["volumes"][0].clone();
                manifest["volumes"].as_array_mut().unwrap().push(again);
            }),
            "has \"volume-0001\" for \"offsite-part\", not \"volume-0002\"",
        ),
    ];
    for (change, expected) in &cases {
        let said = forger.refusal(forger.with(change)).await;
        assert!(said.contains(expected) && said.contains(&forger.newer.id), "{expected}: {said}");
    }
}

#[tokio::test]
async fn summary_that_does_not_fit_its_manifest_is_refused() {
    let forger = Forger::new().await;
    for (field, value) in [
        ("snapshot", json!("2026-11-22T12:00:00Z")),
        ("rows", json!(100)),
        ("tool", json!("another")),
        ("warnings", json!({"not_dumped": 1})),
    ] {
        let said = forger.refusal(Forged { summary: Some(json!({ field: value })), ..forger.as_it_was() }).await;
        let expected = format!("its summary and its manifest differ in {field}");
        assert!(said.contains(&expected) && said.contains("HINT: Restore another backup"), "{said}");
    }
}

#[tokio::test]
async fn manifest_of_a_newer_format_is_refused_with_both_numbers() {
    let forger = Forger::new().await;
    let newer = || forger.with(|manifest| manifest["format"] = json!(2));
    // Nothing else of it may be understood either: the number comes first.
    let unlike = || Forged { manifest: br#"{"format": 2, "parts": {}}"#.to_vec(), ..newer() };
    for forged in [newer(), unlike()] {
        let said = forger.refusal(Forged { summary: Some(json!({"format": 1})), ..forged }).await;
        assert!(said.contains("a manifest has format 2, and this version reads format 1"), "{said}");
        assert!(said.contains("HINT: Use a newer version"), "{said}");
    }
    let said = forger.refusal(newer()).await;
    assert!(said.contains("a summary has format 2, and this version reads format 1"), "{said}");
    let said = forger.refusal(Forged { manifest: b"{\"format\": 1}".to_vec(), ..newer() }).await;
    assert!(said.contains("read a manifest"), "{said}");
}

#[tokio::test]
async fn object_in_the_place_of_another_is_refused_though_manifest_and_summary_fit_it() {
    let forger = Forger::new().await;
    let (older, newer) = (&forger.older, &forger.newer);
    let replayed = |volume: &[u8]| Forged {
        volume: Some(volume.to_vec()),
        ..forger.with(|manifest| {
            manifest["volumes"][0]["bytes"] = json!(volume.len());
            manifest["objects"].clone_from(&older.manifest.1["objects"]);
        })
    };
    let whose = format!("has {:?} for \"offsite-backup\", not {:?} HINT: ", older.id, newer.id);
    let said = forger.refusal(replayed(&older.volume.1)).await;
    assert!(said.contains("open volume-0001") && said.contains(&whose), "{said}");

    // The older manifest, with the newer's names in it and the older's around it.
    let said = forger.refusal(Forged { context: older.context.clone(), ..forger.as_it_was() }).await;
    assert!(said.contains("decrypt the manifest") && said.contains(&whose), "{said}");

    let cut = &newer.volume.1[..newer.volume.1.len() - 1];
    let said = forger.refusal(Forged { volume: Some(cut.to_vec()), ..forger.as_it_was() }).await;
    assert!(said.contains("volume-0001") && said.contains(" in the summary"), "{said}");
    let said = forger.refusal(Forged { volume: None, ..forger.as_it_was() }).await;
    assert!(said.contains("volume-0001.sql.zst.enc is missing"), "{said}");
    let said = forger.refusal(replayed(cut)).await;
    assert!(
        said.contains("open volume-0001") && said.contains("HINT: It is not what its backup stored there"),
        "{said}"
    );
}

#[tokio::test]
async fn estimate_beyond_the_functions_time_is_told_and_refused_unless_somebody_knows_better() {
    let forger = Forger::new().await;
    let bucket = s3::plain_bucket().await;
    let forged = forger.with(|manifest| manifest["inventory"] = json!({"TABLE": 1, "FUNCTION": 1_000_000_000}));
    let site = &forger.site;
    // Its backup says that there is a lot to be done.
    let recipients = Recipients::new().secret(forger.keys.newest());
    let sealed = envelope::encrypt_to_vec(&forged.manifest, &recipients, forged.context).await.unwrap();
    let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &sealed).as_ref().try_into().unwrap();
    let manifest = serde_json::from_slice(&forged.manifest).unwrap();
    let summary = serde_json::to_vec(&Summary::of(&manifest, sha256, recipients.names())).unwrap();
    let folder = forger.newer.manifest.0.trim_end_matches("manifest.enc");
    for (name, bytes) in
        [("manifest.enc", sealed), ("summary.json", summary), ("volume-0001.sql.zst.enc", forged.volume.unwrap())]
    {
        s3::client()
            .put_object()
            .bucket(&bucket)
            .key(format!("{folder}{name}"))
            .body(bytes.into())
            .send()
            .await
            .unwrap();
    }
    let restore = site.restore().with("OFFSITE_VAULT_BUCKET", &bucket);
    let mut event = json!({"kind": "database", "backup": "latest", "into": forger.target()});
    let request_id = testing::unique("INC-4711-");
    event["request_id"] = json!(request_id);
    let refused = restore.invoke(&event).await.failure();
    assert!(
        refused.starts_with(&format!("restore request {request_id}: ")) && refused.contains("restoring 1 rows ("),
        "{refused}"
    );
    assert!(refused.contains("so nothing was begun") && refused.contains("`ignore_estimate`"), "{refused}");
    assert!(!site.database_exists(&forger.target()).await);

    event["dry_run"] = json!(true);
    let report = restore.invoke(&event).await.report();
    assert!(
        report["estimated_seconds"].as_u64().unwrap() > 900 && report["request_id"] == json!(request_id),
        "{report}"
    );
    assert!(report["warnings"].to_string().contains("so nothing was begun"), "{report}");

    (event["dry_run"], event["ignore_estimate"]) = (json!(false), json!(true));
    let report = restore.invoke(&event).await.report();
    assert_eq!((&report["equal"], &report["estimated_seconds"]), (&json!(true), &Value::Null));
    site.drop_database(&forger.target()).await;
}
