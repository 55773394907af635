//! Rights that are missing, as IAM itself refuses them: what is denied is named, and nothing is visible as a backup.

use end_to_end::Site;
use serde_json::{Value, json};
use testing::iam::{self, User};
use testing::lambda::Function;
use testing::postgres::USUAL;

/// An application's bucket and a vault under IAM.
struct Place {
    site: Site,
    bucket: String,
    vault: String,
}

impl Place {
    async fn new() -> Self {
        let place = Self { site: Site::new(USUAL).await, bucket: iam::bucket().await, vault: iam::bucket().await };
        for key in ["open/1", "secret/1", "secret/2"] {
            put(&place.bucket, key).await;
        }
        place
    }

    /// The backup as someone with these rights makes it, and that of reading the keys.
    async fn backup(&self, mut statements: Vec<Value>) -> Function {
        statements.push(allow("secretsmanager:GetSecretValue", "*"));
        let user = User::with(json!(statements)).await;
        self.site
            .backup_files(&self.bucket)
            .with("AWS_ACCESS_KEY_ID", &user.access_key_id)
            .with("AWS_SECRET_ACCESS_KEY", &user.secret_access_key)
            .with("AWS_ENDPOINT_URL_S3", iam::endpoint())
            .with("OFFSITE_VAULT_BUCKET", &self.vault)
            // What judges rights here locks nothing.
            .with("OFFSITE_REQUIRE_LOCK", "false")
    }

    fn list(&self) -> Value {
        allow("s3:ListBucket", &format!("arn:aws:s3:::{}", self.bucket))
    }

    fn read(&self) -> Value {
        json!({
            "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectTagging"],
            "Resource": format!("arn:aws:s3:::{}/*", self.bucket),
        })
    }

    fn write(&self) -> Value {
        json!({
            "Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": format!("arn:aws:s3:::{}/*", self.vault),
        })
    }

    async fn assert_nothing_stored(&self) {
        let listed = iam::client().list_objects_v2().bucket(&self.vault).send().await.unwrap();
        assert_eq!(listed.contents().len(), 0);
    }
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

async fn put(bucket: &str, key: &str) {
    let request = iam::client().put_object().bucket(bucket).key(key).body(b"some bytes".to_vec().into());
    request.send().await.unwrap();
}

#[tokio::test]
async fn objects_that_may_not_be_read_fail_the_run_and_are_named_with_the_right_that_is_missing() {
    let place = Place::new().await;
    let secret = format!("arn:aws:s3:::{}/secret/*", place.bucket);
    let denied = json!({"Effect": "Deny", "Action": "s3:GetObject", "Resource": secret});
    let rights = vec![place.list(), place.read(), place.write(), denied];
    let failure = place.backup(rights).await.invoke(&json!({})).await.failure();
    for expected in [place.bucket.as_str(), "2 denied", "\"secret/1\"", "\"secret/2\"", "s3:GetObject"] {
        assert!(failure.contains(expected), "{expected}: {failure}");
    }
    assert!(!failure.contains("open/1"), "{failure}");
    place.assert_nothing_stored().await;
}

#[tokio::test]
async fn bucket_that_may_not_be_listed_is_named_with_the_right_that_is_missing() {
    let place = Place::new().await;
    let failure = place.backup(vec![place.read(), place.write()]).await.invoke(&json!({})).await.failure();
    for expected in [&format!("list bucket {}", place.bucket), "AccessDenied", "s3:ListBucket"] {
        assert!(failure.contains(expected), "{expected}: {failure}");
    }
    place.assert_nothing_stored().await;
}

#[tokio::test]
async fn vault_that_may_not_be_written_to_is_named_with_the_right_that_is_missing() {
    let place = Place::new().await;
    let failure = place.backup(vec![place.list(), place.read()]).await.invoke(&json!({})).await.failure();
    for expected in [place.vault.as_str(), "AccessDenied", "s3:PutObject"] {
        assert!(failure.contains(expected), "{expected}: {failure}");
    }
    place.assert_nothing_stored().await;
}
