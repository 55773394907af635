//! Who can open a message, and who is told what when they can't.

use envelope::{
    EncryptionContext, Error, Identities, Recipients, RsaRecipient, SecretRecipient, decrypt_to_vec, encrypt_to_vec,
    keygen,
};
use zeroize::Zeroizing;

use crate::fixtures::{
    ESCROW_PRIVATE, ESCROW_PUBLIC, context, escrow, escrow_identity, message, secret, secret_identity,
};

fn other_secret(name: &str) -> SecretRecipient {
    SecretRecipient::new(name, Zeroizing::new([9; 32])).unwrap()
}

#[tokio::test]
async fn each_recipient_alone_decrypts() {
    let recipients = Recipients::new().rsa(escrow()).secret(secret()).secret(other_secret("older"));
    assert_eq!(recipients.names(), ["rsa escrow", "secret 2026-11-22", "secret older"]);
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    for identity in [escrow_identity(), secret_identity(), Identities::new().secret(other_secret("older"))] {
        assert_eq!(decrypt_to_vec(&message, &identity, &context()).await.unwrap(), b"plain", "{identity:?}");
    }
}

#[tokio::test]
async fn without_a_recipient_nothing_is_encrypted() {
    assert!(Recipients::new().is_empty());
    let error = encrypt_to_vec(b"plain", &Recipients::new(), context()).await.unwrap_err();
    assert!(matches!(error, Error::NoRecipients), "{error}");
}

#[tokio::test]
async fn recipients_of_one_name_are_refused() {
    let twice = Recipients::new().secret(secret()).secret(secret());
    let error = encrypt_to_vec(b"plain", &twice, context()).await.unwrap_err();
    assert!(matches!(&error, Error::DuplicateRecipient(name) if name == "secret 2026-11-22"), "{error}");
    let both = Recipients::new().rsa(RsaRecipient::from_pem("a", ESCROW_PUBLIC).unwrap()).secret(other_secret("a"));
    assert!(encrypt_to_vec(b"plain", &both, context()).await.is_ok(), "of different kinds they are told apart");
}

#[tokio::test]
async fn more_recipients_than_a_reader_accepts_are_refused() {
    let many =
        |count: usize| (0..count).fold(Recipients::new(), |all, number| all.secret(other_secret(&number.to_string())));
    let message = encrypt_to_vec(b"plain", &many(20), context()).await.unwrap();
    let last = Identities::new().secret(other_secret("19"));
    assert_eq!(decrypt_to_vec(&message, &last, &context()).await.unwrap(), b"plain");
    let error = encrypt_to_vec(b"plain", &many(21), context()).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRecipients(21)), "{error}");
}

#[test]
fn only_wrapping_keys_are_told_apart() {
    assert!(Recipients::new().secret(secret()).only_secret());
    assert!(!Recipients::new().secret(secret()).rsa(escrow()).only_secret());
    assert!(!Recipients::new().only_secret());
}

#[tokio::test]
async fn reader_without_a_key_learns_who_the_recipients_are() {
    let recipients = Recipients::new().rsa(escrow()).secret(secret());
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    for identity in [Identities::new(), Identities::new().secret(other_secret("2025-01-01"))] {
        let error = decrypt_to_vec(&message, &identity, &context()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the message is encrypted for rsa escrow, secret 2026-11-22, of which no key is at hand HINT: One of these \
             opens it: the private key of that RSA recipient; the wrapping key of that name."
        );
    }
}

#[tokio::test]
async fn wrong_key_of_the_right_name_is_refused_by_name() {
    let wrong = Identities::new().secret(other_secret("2026-11-22"));
    let error = decrypt_to_vec(&message(b"plain").await, &wrong, &context()).await.unwrap_err();
    assert_eq!(error.to_string(), "unwrap the data key for secret 2026-11-22");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "the wrapping key does not fit, or the encryption context was altered HINT: Take the key that had this name \
         when it was encrypted."
    );

    let other = keygen::rsa_pair().unwrap();
    let recipients = Recipients::new().rsa(escrow()).secret(secret());
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    for name in [Some("escrow"), None] {
        let both = Identities::new().rsa(name, &other.private_pem).unwrap().secret(other_secret("2026-11-22"));
        let error = decrypt_to_vec(&message, &both, &context()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "unwrap the data key for rsa escrow; nor for secret 2026-11-22 (the wrapping key does not fit, or the \
             encryption context was altered)"
        );
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with("the private key does not fit HINT: Take the one"), "{source}");
    }
}

/// A key that doesn't fit is no reason to give up while another does.
#[tokio::test]
async fn right_key_works_beside_wrong_ones() {
    let message = message(b"plain").await;
    let keys = Identities::new().secret(other_secret("2026-11-22")).rsa(None, ESCROW_PRIVATE).unwrap().secret(secret());
    assert_eq!(decrypt_to_vec(&message, &keys, &context()).await.unwrap(), b"plain");
}

#[tokio::test]
async fn wrong_context_is_refused_by_pair() {
    let message = message(b"plain").await;
    let expected: EncryptionContext =
        context().iter().map(|(key, value)| (key, if key == "offsite-part" { "manifest" } else { value })).collect();
    let error = decrypt_to_vec(&message, &secret_identity(), &expected).await.unwrap_err();
    let said = error.to_string();
    let expected = r#"the message's encryption context has "volume-0001" for "offsite-part", not "manifest" HINT: "#;
    assert!(said.starts_with(expected), "{said}");
}
