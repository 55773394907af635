//! Messages that the official SDK wrote once (`tests/judges/esdk_vectors.py`), readable without it.

use envelope::{EncryptionContext, Error, HeaderDefect};

use crate::fixtures::{Memory, context, decrypt_stream, escrow_identity, plaintext, read_all, secret_identity};

pub fn vector(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/vectors/{name}.enc", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[tokio::test]
async fn official_messages_decrypt() {
    for (name, length, context) in [
        ("secret_empty", 0, context()),
        ("secret_frames", 300, context()),
        ("secret_whole_frames", 256, context()),
        ("secret_no_context", 300, EncryptionContext::default()),
        ("rsa_frames", 300, context()),
        ("secret_rsa_frames", 300, context()),
    ] {
        for (kind, identity) in [("secret", secret_identity()), ("rsa", escrow_identity())] {
            if name.contains(kind) || (kind == "secret" && name.contains("secret")) {
                let outcome = decrypt_stream(&vector(name)[..], &identity, &context).await;
                assert!(outcome.error.is_none(), "{name} with {kind}: {:?}", outcome.error);
                assert_eq!(outcome.plaintext, plaintext(length), "{name}");
            }
        }
        if name.contains("secret") {
            assert_eq!(read_all(&vector(name)).await.unwrap(), plaintext(length), "{name} at random");
            Memory::new(vector(name)).open(&context).await.unwrap();
        }
    }
}

#[tokio::test]
async fn official_messages_of_other_forms_are_refused_by_name() {
    for (name, defect) in [
        ("suite_signed", HeaderDefect::Suite(0x0578)),
        ("suite_uncommitted", HeaderDefect::Version1),
        ("content_unframed", HeaderDefect::ContentType(1)),
    ] {
        let outcome = decrypt_stream(&vector(name)[..], &secret_identity(), &context()).await;
        assert!(matches!(outcome.refused(), Error::Header(found) if *found == defect), "{name}: {:?}", outcome.error);
    }
}
