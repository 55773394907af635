//! Secrets of a test's own in the local Secrets Manager.

use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};

use crate::stack::stack;
use crate::unique;

/// Puts a secret and returns its ARN.
pub async fn create(value: &str) -> String {
    let stack = stack();
    let credentials =
        Credentials::new(stack.access_key_id.clone(), stack.secret_access_key.clone(), None, None, "the local stack");
    let client = aws_sdk_secretsmanager::Client::from_conf(
        aws_sdk_secretsmanager::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(stack.region.clone()))
            .credentials_provider(credentials)
            .endpoint_url(stack.aws_endpoint.as_deref().expect("the stack has a local AWS"))
            .build(),
    );
    let created = client.create_secret().name(unique("test-")).secret_string(value).send().await;
    created.expect("create the secret").arn.expect("its ARN")
}
