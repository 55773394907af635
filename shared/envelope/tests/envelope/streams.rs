//! Round trips, and sources that misbehave.

use envelope::{Decryptor, Encryptor, Error, HeaderDefect, Recipients, decrypt_to_vec, encrypt_to_vec, measure_speed};
use proptest::prelude::*;
use testing::readers::{FailsAfter, Hesitant, OneByte};
use tokio::io::AsyncReadExt;

use crate::fixtures::{FRAME, SIZES, context, decrypt_stream, drain, message, plaintext, secret, secret_identity};
use crate::layout::{Field, frames, places};

fn recipients() -> Recipients {
    Recipients::new().secret(secret())
}

#[tokio::test]
async fn every_size_around_the_frame_length_comes_back_equal() {
    for size in SIZES {
        let plaintext = plaintext(size);
        let message = message(&plaintext).await;
        assert_eq!(frames(&message).len(), size / FRAME + 1, "frames of {size} bytes");
        assert!(decrypt_to_vec(&message, &secret_identity(), &context()).await.unwrap() == plaintext, "{size} bytes");
    }
}

#[tokio::test]
async fn counts_what_it_read_and_what_it_gave() {
    let plaintext = plaintext(FRAME + 5);
    let mut encryptor = Encryptor::new(&plaintext[..], &recipients(), context()).await.unwrap();
    assert_eq!((encryptor.plaintext_bytes(), encryptor.ciphertext_bytes()), (0, 0));
    let mut message = Vec::new();
    encryptor.read_to_end(&mut message).await.unwrap();
    assert_eq!(encryptor.plaintext_bytes(), plaintext.len() as u64);
    assert_eq!(encryptor.ciphertext_bytes(), message.len() as u64);
    assert_eq!(encryptor.read(&mut [0; 8]).await.unwrap(), 0, "the end stays the end");
}

#[tokio::test]
async fn sources_of_single_bytes_and_pauses_come_back_equal() {
    for size in [0, 1, FRAME, FRAME + 77] {
        let plaintext = plaintext(size);
        let encryptor = Encryptor::new(OneByte(&plaintext[..]), &recipients(), context()).await.unwrap();
        let (message, error) = drain(OneByte(encryptor)).await;
        assert!(error.is_none());
        let outcome = decrypt_stream(Hesitant::new(&message[..], 1), &secret_identity(), &context()).await;
        assert!(outcome.error.is_none() && outcome.plaintext == plaintext, "{size} bytes");
    }
}

#[tokio::test]
async fn two_messages_of_one_plaintext_have_nothing_in_common() {
    let (one, other) = (message(&plaintext(64)).await, message(&plaintext(64)).await);
    let frame = frames(&one)[0].clone();
    assert_ne!(one[frame.clone()], other[frame], "the same data key twice");
}

/// A source that dies must not look like one that ended.
#[tokio::test]
async fn failing_source_leaves_no_final_frame() {
    for left in [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME] {
        let source = FailsAfter::new(tokio::io::repeat(7), left);
        let encryptor = Encryptor::new(source, &recipients(), context()).await.unwrap();
        let (message, error) = drain(encryptor).await;
        assert_eq!(error.expect("the source's error").to_string(), "the source failed on purpose");
        let outcome = decrypt_stream(&message[..], &secret_identity(), &context()).await;
        assert!(matches!(outcome.refused(), Error::NoFinalFrame(_)), "{left}: {:?}", outcome.error);
        assert_eq!(outcome.plaintext.len(), left / FRAME * FRAME);
    }
}

#[tokio::test]
async fn failing_ciphertext_surfaces_as_its_own_error() {
    let message = message(&plaintext(FRAME + 100)).await;
    for left in [0, 100, message.len() - 1, message.len()] {
        let source = FailsAfter::new(&message[..], left);
        let error = match Decryptor::new(source, &secret_identity(), &context()).await {
            Err(Error::Read("message's header", source)) => source,
            Err(other) => panic!("{other}"),
            Ok(decryptor) => drain(decryptor).await.1.expect("the source's error"),
        };
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{left}: {error}");
    }
}

#[tokio::test]
async fn speed_is_measured_in_no_time() {
    let started = std::time::Instant::now();
    assert!(measure_speed() > 1.0);
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_size_in_any_pieces_comes_back_equal(size in 0usize..3 * FRAME, most in 1usize..2 * FRAME) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let plaintext = plaintext(size);
            let source = Hesitant::new(&plaintext[..], most);
            let encryptor = Encryptor::new(source, &recipients(), context()).await.unwrap();
            let outcome = decrypt_stream(Hesitant::new(encryptor, most), &secret_identity(), &context()).await;
            assert!(outcome.error.is_none() && outcome.plaintext == plaintext);
        });
    }

    #[test]
    fn any_bytes_are_refused_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), as_header: bool) {
        if as_header && bytes.len() > 3 {
            bytes[..3].copy_from_slice(&[2, 4, 0x78]);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(decrypt_stream(&bytes[..], &secret_identity(), &context()));
        prop_assert!(outcome.error.is_some() && outcome.plaintext.is_empty());
    }
}

#[tokio::test]
async fn plain_text_is_called_no_message() {
    for (bytes, says) in [
        (
            &b"-- PostgreSQL"[..],
            "the message's header starts with the byte 0x2d: this is no message of the AWS Encryption SDK",
        ),
        (b"", "the message's header is truncated"),
        (
            b"\x01\x80\x01\x78",
            "the message's header has format version 1, which doesn't commit to its key; only version 2 is read",
        ),
    ] {
        let outcome = decrypt_stream(bytes, &secret_identity(), &context()).await;
        assert_eq!(outcome.refused().to_string(), says);
    }
}

/// A header that lies about its lengths costs no memory: 20 keys of 64 KiB are refused before they are read.
#[tokio::test]
async fn oversized_header_is_refused() {
    let message = message(b"").await;
    let count = places(&message).into_iter().find(|place| place.field == Field::DataKeyCount).unwrap();
    let mut header = message[..count.range.start].to_vec();
    header.extend([0, 20]);
    for _ in 0..60 {
        header.extend([0xff, 0xff]);
        header.extend([b'x'; 0xffff]);
    }
    let outcome = decrypt_stream(&header[..], &secret_identity(), &context()).await;
    assert_eq!(outcome.refused().to_string(), "the message's header is longer than 131072 bytes");
}

/// Nor does one that lies about the frames: it is refused before a buffer for one exists.
#[tokio::test]
async fn frame_length_beyond_the_limit_is_refused() {
    let message = message(b"").await;
    let field = places(&message).into_iter().find(|place| place.field == Field::FrameLength).unwrap();
    for (length, named) in [(0, true), (16 * 1024 * 1024 + 1, true), (u32::MAX, true), (16 * 1024 * 1024, false)] {
        let mut altered = message.clone();
        altered[field.range.clone()].copy_from_slice(&u32::to_be_bytes(length));
        match decrypt_stream(&altered[..], &secret_identity(), &context()).await.refused() {
            Error::Header(HeaderDefect::FrameLength(found)) => assert!(named && *found == length),
            Error::HeaderNotAuthentic => assert!(!named, "{length}"),
            other => panic!("{length}: {other}"),
        }
    }
}

#[tokio::test]
async fn small_messages_report_the_source_of_their_refusal() {
    let mut message = encrypt_to_vec(b"{}", &recipients(), context()).await.unwrap();
    message.pop();
    let error = decrypt_to_vec(&message, &secret_identity(), &context()).await.unwrap_err();
    assert!(matches!(error, Error::TruncatedFrame(1)), "{error}");
}
