//! KMS: a real one of the local stack, and one that answers what a test wants.

use aws_credential_types::Credentials;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Region, retry::RetryConfig};
use envelope::{Error, Identities, KmsRecipient, Recipients, UnwrapError, decrypt_to_vec, encrypt_to_vec};
use testing::stack::stack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::fixtures::{context, escrow, escrow_identity};

const ARN: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// 32 bytes, as base64.
const DATA_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn client_at(endpoint: &str) -> Client {
    let stack = stack();
    let credentials = Credentials::new(&stack.access_key_id, &stack.secret_access_key, None, None, "the local stack");
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(stack.region.clone()))
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

pub fn client() -> Client {
    client_at(stack().aws_endpoint.as_deref().expect("the stack has a KMS"))
}

/// A new symmetric key's ARN.
pub async fn create_key() -> String {
    let key = client().create_key().send().await.expect("create a KMS key");
    key.key_metadata.and_then(|metadata| metadata.arn).expect("an ARN")
}

/// A KMS that answers every request with this status and JSON.
async fn canned(status: u16, json: String) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 64 * 1024];
            let _ = connection.read(&mut request).await;
            let head = "content-type: application/x-amz-json-1.1\r\nconnection: close";
            let answer = format!("HTTP/1.1 {status} X\r\n{head}\r\ncontent-length: {}\r\n\r\n{json}", json.len());
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    client_at(&format!("http://{address}"))
}

async fn refused_to_encrypt(status: u16, json: &str) -> String {
    let recipients = Recipients::new().kms(KmsRecipient::new(canned(status, json.into()).await, ARN));
    let error = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap_err();
    let Error::GenerateDataKey { key, source } = &error else { panic!("{error}") };
    assert_eq!(key, ARN);
    format!("{error}: {source}")
}

/// A message whose data key KMS wrapped, as a canned KMS that "wraps" by naming the key.
async fn message() -> Vec<u8> {
    let json = format!(r#"{{"KeyId": "{ARN}", "Plaintext": "{DATA_KEY}", "CiphertextBlob": "d3JhcHBlZA=="}}"#);
    let recipients = Recipients::new().kms(KmsRecipient::new(canned(200, json).await, ARN)).rsa(escrow());
    encrypt_to_vec(b"plain", &recipients, context()).await.unwrap()
}

async fn decrypted(status: u16, json: &str) -> Result<Vec<u8>, Error> {
    let identities = Identities::new().kms(canned(status, json.into()).await);
    decrypt_to_vec(&message().await, &identities, &context()).await
}

#[tokio::test]
async fn kms_key_decrypts_what_it_encrypted() {
    let (arn, other) = (create_key().await, create_key().await);
    let recipients = Recipients::new().kms(KmsRecipient::new(client(), &arn)).rsa(escrow());
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    for identities in
        [Identities::new().kms(client()), Identities::new().kms_keys(client(), [&other, &arn]), escrow_identity()]
    {
        assert_eq!(decrypt_to_vec(&message, &identities, &context()).await.unwrap(), b"plain", "{identities:?}");
    }
    let error =
        decrypt_to_vec(&message, &Identities::new().kms_keys(client(), [&other]), &context()).await.unwrap_err();
    assert!(matches!(&error, Error::NoMatchingKey { recipients } if recipients[0] == format!("kms {arn}")), "{error}");
    assert!(error.to_string().contains("HINT: One of these opens it: credentials that may decrypt"), "{error}");
}

/// An alias is fine to encrypt with: the message names the key.
#[tokio::test]
async fn alias_becomes_the_keys_arn() {
    let arn = create_key().await;
    let alias = format!("alias/{}", testing::unique("backups-"));
    client().create_alias().alias_name(&alias).target_key_id(&arn).send().await.unwrap();
    let recipients = Recipients::new().kms(KmsRecipient::new(client(), alias));
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    assert_eq!(
        decrypt_to_vec(&message, &Identities::new().kms_keys(client(), [arn]), &context()).await.unwrap(),
        b"plain"
    );
}

#[tokio::test]
async fn kms_binds_the_data_key_to_the_context() {
    let arn = create_key().await;
    let recipients = Recipients::new().kms(KmsRecipient::new(client(), &arn));
    let mut message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    let place = message.windows(11).position(|bytes| bytes == b"volume-0001").unwrap();
    message[place + 10] = b'2';
    let identities = Identities::new().kms(client());
    let error = decrypt_to_vec(&message, &identities, envelope::ExpectedContext::Any).await.unwrap_err();
    assert!(matches!(&error, Error::Unwrap { source: UnwrapError::Kms(_), .. }), "{error:?}");
}

#[tokio::test]
async fn unknown_kms_key_is_named() {
    let recipients = Recipients::new().kms(KmsRecipient::new(client(), ARN));
    let error = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("generate a data key with the KMS key {ARN}"));
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("NotFound"), "{source}");
}

#[tokio::test]
async fn two_kms_keys_are_refused() {
    let kms = |arn: &str| KmsRecipient::new(client(), arn);
    let error = encrypt_to_vec(b"", &Recipients::new().kms(kms(ARN)).kms(kms("alias/x")), context()).await.unwrap_err();
    assert!(matches!(&error, Error::DuplicateRecipient(name) if name == "kms alias/x"), "{error}");
}

#[tokio::test]
async fn odd_answers_to_generate_data_key_are_refused() {
    for (json, says) in [
        ("{}".into(), "no ARN of a key"),
        (format!(r#"{{"KeyId": "alias/x", "Plaintext": "{DATA_KEY}", "CiphertextBlob": "eA=="}}"#), "no ARN of a key"),
        (format!(r#"{{"KeyId": "{ARN}", "Plaintext": "{DATA_KEY}"}}"#), "no wrapped data key"),
        (format!(r#"{{"KeyId": "{ARN}", "CiphertextBlob": "eA=="}}"#), "no data key of 32 bytes"),
        (format!(r#"{{"KeyId": "{ARN}", "Plaintext": "AAEC", "CiphertextBlob": "eA=="}}"#), "no data key of 32 bytes"),
    ] {
        let found = refused_to_encrypt(200, &json).await;
        assert_eq!(found, format!("generate a data key with the KMS key {ARN}: KMS answered with {says}"));
    }
}

#[tokio::test]
async fn denied_kms_calls_say_so() {
    let denied = r#"{"__type": "AccessDeniedException", "message": "not authorized to perform: kms:GenerateDataKey"}"#;
    let found = refused_to_encrypt(400, denied).await;
    assert!(found.contains("AccessDenied") && found.contains("not authorized to perform"), "{found}");
    match decrypted(400, denied).await {
        Err(error @ Error::Unwrap { .. }) => {
            assert_eq!(error.to_string(), format!("unwrap the data key for kms {ARN}"));
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.starts_with("KMS: ") && source.contains("not authorized to perform"), "{source}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn odd_answers_to_decrypt_are_refused() {
    let answer = |arn: &str, key: &str| format!(r#"{{"KeyId": "{arn}", "Plaintext": "{key}"}}"#);
    assert_eq!(decrypted(200, &answer(ARN, DATA_KEY)).await.unwrap(), b"plain");
    let other = ARN.replace("1234abcd", "00000000");
    for json in [answer(&other, DATA_KEY), answer(ARN, "AAEC"), "{}".into()] {
        let error = decrypted(200, &json).await.unwrap_err();
        assert!(matches!(&error, Error::Unwrap { source: UnwrapError::KmsAnswer(_), .. }), "{json}: {error:?}");
    }
    // A data key that isn't the message's is caught by the commitment.
    let error = decrypted(200, &answer(ARN, &DATA_KEY.replace("AAEC", "AAED"))).await.unwrap_err();
    assert!(matches!(error, Error::Commitment), "{error}");
}

/// The SDK's error holds the response: it must not get into ours, which goes to logs.
#[tokio::test]
async fn unreadable_answer_of_kms_is_refused_without_repeating_the_data_key() {
    for json in
        [format!(r#"{{"KeyId": "{ARN}", "Plaintext": "{DATA_KEY}", "#), format!(r#"{{"Plaintext": "{DATA_KEY}!"}}"#)]
    {
        let recipients = Recipients::new().kms(KmsRecipient::new(canned(200, json.clone()).await, ARN));
        let errors = [
            encrypt_to_vec(b"plain", &recipients, context()).await.unwrap_err(),
            decrypted(200, &json).await.unwrap_err(),
        ];
        for error in errors {
            let source = std::error::Error::source(&error).unwrap();
            assert!(source.to_string().starts_with("KMS: "), "{source}");
            let all = format!("{error} {error:?} {source}");
            assert!(!all.contains("AAECAwQ") && !all.contains("[0, 1, 2, 3"), "{all}");
        }
    }
}

#[tokio::test]
async fn silent_kms_is_named() {
    let recipients = Recipients::new().kms(KmsRecipient::new(client_at("http://127.0.0.1:9"), ARN));
    let error = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.starts_with("KMS: dispatch failure: ") && source.contains("onnect"), "{source}");
}

/// Key ids that aren't ARNs are never sent to KMS, which would look in the caller's own account.
#[tokio::test]
async fn message_that_names_no_arn_is_refused_without_asking_kms() {
    let mut message = message().await;
    let place = message.windows(7).position(|bytes| bytes == b"arn:aws").unwrap();
    message[place..place + 4].copy_from_slice(b"alia");
    let identities = Identities::new().kms(client_at("http://127.0.0.1:9"));
    let error = decrypt_to_vec(&message, &identities, &context()).await.unwrap_err();
    assert!(matches!(&error, Error::Unwrap { source: UnwrapError::KmsKey, .. }), "{error:?}");
}
