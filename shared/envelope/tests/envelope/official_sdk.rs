//! Our messages before the official SDK, and its messages before us.

use envelope::{EncryptionContext, Error, Identities, KmsRecipient, Recipients, encrypt_to_vec};

use crate::fixtures::{
    FRAME, SIZES, context, decrypt, decrypt_stream, escrow, escrow_identity, message, plaintext, read_all, secret,
    secret_identity,
};
use crate::judge::{Judge, Key, Verdict};
use crate::kms::{client, create_key};
use crate::known_answers::vector;
use crate::layout::{Field, frames, places};

/// The kinds of recipients: whom a message is for, and who then can open it.
async fn kinds() -> Vec<(Recipients, Vec<(Key, Identities)>)> {
    let arn = create_key().await;
    let kms = || KmsRecipient::new(client(), arn.clone());
    let secret_reader = || (Key::Secret, secret_identity());
    let escrow_reader = || (Key::Escrow, escrow_identity());
    let kms_reader = || (Key::Kms(arn.clone()), Identities::new().kms_keys(client(), [arn.clone()]));
    vec![
        (Recipients::new().secret(secret()), vec![secret_reader()]),
        (Recipients::new().rsa(escrow()), vec![escrow_reader()]),
        (Recipients::new().kms(kms()), vec![kms_reader()]),
        (
            Recipients::new().kms(kms()).rsa(escrow()).secret(secret()),
            vec![kms_reader(), escrow_reader(), secret_reader()],
        ),
    ]
}

fn as_pairs(context: &EncryptionContext) -> Vec<(String, String)> {
    context.iter().map(|(key, value)| (key.into(), value.into())).collect()
}

#[tokio::test]
async fn official_sdk_decrypts_our_messages_for_every_kind_at_every_size() {
    let mut judge = Judge::new();
    let mut expected = Vec::new();
    for (recipients, readers) in kinds().await {
        for size in SIZES {
            for context in [context(), EncryptionContext::default()] {
                let message = encrypt_to_vec(&plaintext(size), &recipients, context.clone()).await.unwrap();
                for (key, _) in &readers {
                    judge.decrypt(&message, key);
                    expected.push((format!("{size} bytes for {recipients:?} by {key:?}"), size, context.clone()));
                }
            }
        }
    }
    for (verdict, (what, size, context)) in judge.verdicts().into_iter().zip(expected) {
        match verdict {
            Verdict::Refused(why) => panic!("{what}: {why}"),
            Verdict::Accepted(found, found_context) => {
                assert!(found == plaintext(size), "{what}");
                assert_eq!(found_context.into_iter().collect::<Vec<_>>(), as_pairs(&context), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn we_decrypt_the_official_sdks_messages_for_every_kind_at_every_size() {
    let kinds = kinds().await;
    let mut judge = Judge::new();
    let mut expected = Vec::new();
    for (_, readers) in &kinds {
        let keys: Vec<Key> = readers.iter().map(|(key, _)| key.clone()).collect();
        for frame_length in [FRAME, 4096] {
            for size in
                [0, 1, frame_length - 1, frame_length, frame_length + 1, 2 * frame_length, 2 * frame_length + 99]
            {
                judge.encrypt(&plaintext(size), &keys, &context(), frame_length);
                expected.push((readers, size));
            }
        }
        judge.encrypt(&plaintext(1000), &keys, &EncryptionContext::default(), 128);
        expected.push((readers, 1000));
    }
    for (verdict, (readers, size)) in judge.verdicts().into_iter().zip(expected) {
        let Verdict::Accepted(message, context) = verdict else { panic!("the judge didn't encrypt") };
        let context: EncryptionContext = context.into_iter().collect();
        for (key, identity) in readers {
            let outcome = decrypt_stream(&message[..], identity, &context).await;
            assert!(outcome.error.is_none(), "{size} bytes by {key:?}: {:?}", outcome.error);
            assert!(outcome.plaintext == plaintext(size), "{size} bytes by {key:?}");
        }
        if readers.iter().any(|(key, _)| matches!(key, Key::Secret)) {
            assert!(read_all(&message).await.unwrap() == plaintext(size), "{size} bytes at random");
        }
    }
}

/// The same alterations before both: what we refuse, the official SDK refuses, with one exception.
#[tokio::test]
async fn official_sdk_refuses_what_we_refuse_but_ignores_trailing_bytes() {
    let whole = message(&plaintext(2 * FRAME + 9)).await;
    let mut altered = Vec::new();
    for place in places(&whole) {
        let mut message = whole.clone();
        message[place.range.end - 1] ^= 1;
        altered.push((format!("{:?} of frame {}", place.field, place.frame), message));
    }
    let frames = frames(&whole);
    for frame in &frames {
        altered.push((format!("cut at {}", frame.start), whole[..frame.start].to_vec()));
        altered.push((format!("cut at {}", frame.end - 1), whole[..frame.end - 1].to_vec()));
    }
    let (one, two, three) = (&whole[frames[0].clone()], &whole[frames[1].clone()], &whole[frames[2].clone()]);
    let header = &whole[..frames[0].start];
    altered.push(("swapped".into(), [header, two, one, three].concat()));
    altered.push(("repeated".into(), [header, one, one, two, three].concat()));
    altered.push(("missing".into(), [header, one, three].concat()));
    let mut judge = Judge::new();
    for (what, message) in &altered {
        assert!(decrypt(message).await.error.is_some(), "{what}");
        judge.decrypt(message, &Key::Secret);
    }
    // A shorter final frame is bytes after its end, to us; to the official SDK it's one whose tag is wrong.
    let trailing = [&whole[..], b"and something more"].concat();
    assert!(matches!(decrypt(&trailing).await.refused(), Error::TrailingBytes));
    judge.decrypt(&trailing, &Key::Secret);
    let mut verdicts = judge.verdicts();
    match verdicts.pop() {
        Some(Verdict::Accepted(found, _)) => assert!(found == plaintext(2 * FRAME + 9)),
        _ => panic!("the official SDK has learned to refuse trailing bytes: say so in the format's document"),
    }
    for (verdict, (what, _)) in verdicts.into_iter().zip(altered) {
        assert!(matches!(verdict, Verdict::Refused(_)), "{what} is accepted by the official SDK");
    }
}

/// So that the exhaustive test of alterations, which works on it, stands for all official messages.
#[test]
fn known_answer_has_every_field() {
    let message = vector("secret_frames");
    for field in [Field::Context, Field::ProviderInfo, Field::Data, Field::FinalLength, Field::EndMark] {
        assert!(places(&message).iter().any(|place| place.field == field), "{field:?}");
    }
    assert_eq!(frames(&message).len(), 3);
}
