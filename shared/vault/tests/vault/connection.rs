use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use aws_types::sdk_config::Builder;
use testing::faults::{Fault, Operation, Times};
use vault::{BackupId, Kind, Selector, Vault};

use crate::faulty::{Faulty, assert_names, hurried};
use crate::sample::{assert_whole, environment, now, store, told};

fn config(endpoint: &str) -> Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "a test"))
}

#[tokio::test]
async fn vault_is_reached_by_the_configuration_that_programs_load() {
    let bucket = testing::s3::locked_bucket().await;
    let config = config(testing::s3::endpoint()).credentials_provider(credentials()).build();
    let vault = Vault::connect(&config, &bucket, environment(), Some("000000000000"));
    store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"volume"]).await.unwrap();
    assert_whole(&vault, &vault.find(Kind::Database, &Selector::Latest.into()).await.unwrap(), &[b"volume"]).await;
}

#[tokio::test]
async fn every_call_names_the_expected_owner_and_every_write_its_condition() {
    let faulty = Faulty::new().await;
    let vault = faulty.vault.clone().expected_owner("111122223333");
    faulty.inject(Operation::CompleteMultipartUpload, 1, Fault::InternalError, Times::Once);
    store(&vault, &faulty.id, &[b"volume"]).await.unwrap();
    vault.check_lock(None).await.unwrap();
    let listed = vault.list(None).await.unwrap();
    vault.read_manifest(&listed.backups[0]).await.unwrap();
    faulty.inject(Operation::UploadPart, 2, Fault::AccessDenied, Times::Once);
    assert!(store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"volume"]).await.is_err());
    for operation in Operation::ALL {
        let owners = faulty.proxy.sent(operation, "x-amz-expected-bucket-owner");
        assert!(!owners.is_empty(), "{operation:?} was not called");
        assert!(owners.iter().all(|owner| owner.as_deref() == Some("111122223333")), "{operation:?}: {owners:?}");
    }
    for operation in [Operation::CompleteMultipartUpload, Operation::PutObject] {
        let conditions = faulty.proxy.sent(operation, "if-none-match");
        assert_eq!(conditions, [Some("*".to_owned()), Some("*".to_owned())], "{operation:?}");
    }
    for operation in [Operation::UploadPart, Operation::CompleteMultipartUpload, Operation::PutObject] {
        let sums = faulty.proxy.sent(operation, "x-amz-checksum-crc64nvme");
        assert!(sums.len() == 2 && sums.iter().all(Option::is_some), "{operation:?}: {sums:?}");
    }
}

#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is logged in")))
    }
}

#[tokio::test]
async fn missing_credentials_and_an_unreachable_server_are_told() {
    let nobody = config(testing::s3::endpoint()).credentials_provider(SharedCredentialsProvider::new(NoCredentials));
    let vault = Vault::connect(&nobody.build(), "vault", environment(), None).patience(hurried());
    let error = vault.list(None).await.unwrap_err();
    assert_names(&error, "list the versions under production/database/");
    assert!(told(&error).contains("nobody is logged in"), "{}", told(&error));

    let nowhere = config("http://127.0.0.1:9").credentials_provider(credentials()).build();
    let vault = Vault::connect(&nowhere, "vault", environment(), None).patience(hurried());
    let error = vault.list(None).await.unwrap_err();
    assert!(
        told(&error).contains("(3 tries): S3 gave no answer") && told(&error).contains("refused"),
        "{}",
        told(&error)
    );
}
