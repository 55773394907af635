//! Keys as people give them: what is accepted, what is refused, and that no message repeats them.

use envelope::keygen::{rsa_pair, wrapping_key};
use envelope::{
    Error, Identities, KeyDefect, Recipients, RsaRecipient, SecretRecipient, WrappingKeys, decrypt_to_vec,
    encrypt_to_vec,
};

use crate::fixtures::{ESCROW_PRIVATE, ESCROW_PUBLIC, context};

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn defect<T: std::fmt::Debug>(result: Result<T, Error>) -> KeyDefect {
    match result {
        Err(Error::Key { defect, .. }) => defect,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn generated_keys_encrypt_and_decrypt() {
    let pair = rsa_pair().unwrap();
    let hex_digits = wrapping_key().unwrap();
    assert_ne!(*hex_digits, *wrapping_key().unwrap());
    let secret = SecretRecipient::from_hex("trial", &hex_digits).unwrap();
    let recipients =
        Recipients::new().rsa(RsaRecipient::from_pem("escrow", &pair.public_pem).unwrap()).secret(secret.clone());
    let message = encrypt_to_vec(b"plain", &recipients, context()).await.unwrap();
    let identities = [
        Identities::new().rsa(Some("escrow"), &pair.private_pem).unwrap(),
        Identities::new().rsa(None, &pair.private_pem).unwrap(),
        Identities::new().secret(secret),
    ];
    for identity in identities {
        assert_eq!(decrypt_to_vec(&message, &identity, &context()).await.unwrap(), b"plain", "{identity:?}");
    }
}

#[test]
fn pem_of_something_else_is_refused_with_advice() {
    let recipient = |pem: &str| defect(RsaRecipient::from_pem("escrow", pem).map(|_| ()));
    let identity = |pem: &str| defect(Identities::new().rsa(None, pem));
    let relabelled = |from: &str, to: &str| ESCROW_PRIVATE.replace(from, to);
    assert_eq!(recipient(""), KeyDefect::Pem);
    assert_eq!(recipient("escrow.pem"), KeyDefect::Pem);
    assert_eq!(recipient(ESCROW_PRIVATE), KeyDefect::NotPublic);
    assert_eq!(recipient("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), KeyDefect::Rsa);
    assert_eq!(identity(ESCROW_PUBLIC), KeyDefect::NotPrivate);
    assert_eq!(identity(&relabelled("PRIVATE KEY", "RSA PRIVATE KEY")), KeyDefect::NotPrivate);
    assert_eq!(identity(&relabelled("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")), KeyDefect::NotPrivate);
    assert_eq!(identity("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), KeyDefect::Rsa);
}

#[test]
fn pem_with_other_line_ends_and_spaces_around_is_accepted() {
    let pem = format!("\r\n  {}\r\n\n", ESCROW_PUBLIC.replace('\n', "\r\n"));
    RsaRecipient::from_pem("escrow", pem).unwrap();
    Identities::new().rsa(None, &ESCROW_PRIVATE.replace('\n', "\r\n")).unwrap();
}

#[test]
fn short_rsa_key_is_refused_as_recipient() {
    let short = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuFeDnJWhfnUvBxodOoub
8HuRl8pAzs2GrLPEbALyc9Qdp8JyEPtmrSBtNMyTarL2u/gYTZk/s0fBk68r8YTk
pKWN2icYdxGjI5z13Qiqn34ik9jUJDccPItpuLA8554OIJgHjLsY7z11wWnj2uk8
3/zx2WRQvoI12MM7qqqLvtj0pNF5Mr09QGuvEouapR2SnHHWeKoGNp3oowpXdmD1
aFOiEsebo0AOJUGnAA8hlkaKd2Xn29ppWZ87D6X/OCenARg3K5KgcSfVxVMZgpP+
4euT50bX53EdTXkw+rjc35/xPLrW+6Uy6jYLUoR/f6UAiLMG847P1XJhjVLCDKLi
YQIDAQAB
-----END PUBLIC KEY-----";
    assert_eq!(defect(RsaRecipient::from_pem("escrow", short).map(|_| ())), KeyDefect::RsaBits(2048));
}

#[test]
fn names_must_be_printable() {
    for name in ["", "é", "two\nlines", "nul\0", &"x".repeat(129)] {
        assert_eq!(defect(SecretRecipient::from_hex(name, KEY)), KeyDefect::Name, "{name:?}");
        assert_eq!(defect(RsaRecipient::from_pem(name, ESCROW_PUBLIC).map(|_| ())), KeyDefect::Name, "{name:?}");
    }
}

#[test]
fn newest_wrapping_key_is_the_last_by_name() {
    let json = format!(r#"{{"2026-11-22": "{KEY}", "2025-01-01": "{KEY}", "2026-02-03": "{KEY}"}}"#);
    let keys = WrappingKeys::from_json(&json).unwrap();
    assert_eq!(keys.newest().to_string(), "secret 2026-11-22");
    assert_eq!(format!("{keys:?}"), "[secret 2025-01-01, secret 2026-02-03, secret 2026-11-22]");
}

/// The text is a secret, malformed or not: nothing of it may be in an error, which goes to logs.
#[test]
fn malformed_wrapping_keys_are_refused_without_repeating_them() {
    for (json, says) in [
        (format!("{KEY:?}"), "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 66)"),
        (KEY.into(), "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 2)"),
        (
            format!(r#"{{"a": "{KEY}""#),
            "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 72)",
        ),
        (
            format!(r#"{{"a": "{KEY}"}} {KEY}"#),
            "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 75)",
        ),
        (
            format!(r#"{{"a": ["{KEY}"]}}"#),
            "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 6)",
        ),
        (r#"{"a": 11}"#.into(), "the wrapping keys are no JSON map of names to 64 hex digits (line 1, column 8)"),
        (format!(r#"{{"a": "{}"}}"#, &KEY[1..]), "the key a: it is not 64 hex digits"),
        (format!(r#"{{"a": "{KEY}00"}}"#), "the key a: it is not 64 hex digits"),
        (format!(r#"{{"a": "{}"}}"#, KEY.replace('f', "g")), "the key a: it is not 64 hex digits"),
        (
            format!(r#"{{"a": "{KEY}", "a": "{KEY}"}}"#),
            "there are two recipients secret a HINT: Give each key a name of its own; only one KMS key is possible.",
        ),
        (
            "{}".into(),
            "there is no recipient to encrypt for HINT: Configure at least one KMS key, RSA public key or wrapping key.",
        ),
    ] {
        let error = WrappingKeys::from_json(&json).unwrap_err();
        assert_eq!(error.to_string(), says);
        assert!(!format!("{error:?}").contains("112233"), "{error:?}");
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn no_key_shows_in_debug_output() {
    let secret = SecretRecipient::from_hex("trial", KEY).unwrap();
    let recipients = Recipients::new().secret(secret.clone());
    let identities = Identities::new().secret(secret.clone()).rsa(Some("escrow"), ESCROW_PRIVATE).unwrap();
    assert_eq!(
        format!("{secret:?} {recipients:?} {identities:?}"),
        r#"secret trial ["secret trial"] ["rsa escrow", "secret trial"]"#
    );
}
