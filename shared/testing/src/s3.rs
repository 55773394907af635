//! Buckets of a test's own on the S3 server that enforces Object Lock.

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode,
    ObjectLockRule, VersioningConfiguration,
};

use crate::stack::stack;
use crate::unique;

/// A client of the stack's S3 server, or of a proxy before it.
pub fn client_at(endpoint: &str) -> aws_sdk_s3::Client {
    let stack = stack();
    let credentials =
        Credentials::new(stack.access_key_id.clone(), stack.secret_access_key.clone(), None, None, "the local stack");
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(stack.region.clone()))
            .credentials_provider(credentials)
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build(),
    )
}

/// The endpoint of the stack's S3 server.
pub fn endpoint() -> &'static str {
    stack().s3_endpoint.as_deref().expect("the stack has an S3 server")
}

pub fn client() -> aws_sdk_s3::Client {
    client_at(endpoint())
}

/// A new bucket with Object Lock in COMPLIANCE mode for a day by default.
pub async fn locked_bucket() -> String {
    let name = unique("vault-");
    let client = client();
    client.create_bucket().bucket(&name).object_lock_enabled_for_bucket(true).send().await.expect("create the bucket");
    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(1).build();
    let rule = ObjectLockRule::builder().default_retention(retention).build();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
    client.put_object_lock_configuration().bucket(&name).object_lock_configuration(lock).send().await.expect("lock it");
    name
}

/// A new bucket without versioning or lock.
pub async fn plain_bucket() -> String {
    let name = unique("bucket-");
    client().create_bucket().bucket(&name).send().await.expect("create the bucket");
    name
}

/// A new bucket that keeps every version.
pub async fn versioned_bucket() -> String {
    let name = plain_bucket().await;
    let versions = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client()
        .put_bucket_versioning()
        .bucket(&name)
        .versioning_configuration(versions)
        .send()
        .await
        .expect("keep versions");
    name
}
