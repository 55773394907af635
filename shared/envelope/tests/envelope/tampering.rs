//! Every alteration of a message is refused, by the error that names it, and nothing unverified comes out before.

use envelope::{Error, ExpectedContext, HeaderDefect};

use crate::fixtures::{FRAME, Memory, decrypt, decrypt_stream, escrow_identity, message, plaintext, read_all};
use crate::known_answers::vector;
use crate::layout::{Field, Place, frames, places};

/// Which errors a flipped bit of a field may meet. Lengths move what follows, so they meet several.
fn fits(field: Field, error: &Error) -> bool {
    use HeaderDefect as Defect;
    match (field, error) {
        (Field::Version, Error::Header(Defect::NoMessage(_) | Defect::Version1)) => true,
        (Field::Suite, Error::Header(Defect::Suite(_))) => true,
        (Field::MessageId | Field::Commitment, Error::Commitment) => true,
        (Field::ContextLength, Error::Header(_)) => true,
        (Field::Context, Error::Header(Defect::Context) | Error::Unwrap { .. } | Error::HeaderNotAuthentic) => true,
        (Field::DataKeyCount, Error::Header(_)) => true,
        (Field::ProviderIdLength | Field::ProviderInfoLength | Field::DataKeyLength, error) => {
            matches!(error, Error::Header(_) | Error::NoMatchingKey { .. } | Error::Unwrap { .. })
        }
        (Field::ProviderId, Error::Header(Defect::DataKey) | Error::NoMatchingKey { .. }) => true,
        (Field::ProviderInfo, Error::NoMatchingKey { .. } | Error::Unwrap { .. }) => true,
        (Field::DataKey, Error::Unwrap { .. }) => true,
        (Field::Content, Error::Header(Defect::ContentType(_))) => true,
        (Field::FrameLength, Error::Header(Defect::FrameLength(_)) | Error::HeaderNotAuthentic) => true,
        (Field::HeaderTag, Error::HeaderNotAuthentic) => true,
        (Field::EndMark | Field::Sequence, Error::FrameOutOfOrder { .. }) => true,
        (Field::Iv, Error::FrameIv(_)) => true,
        (Field::FinalLength, error) => {
            matches!(error, Error::FinalFrameTooLong { .. } | Error::TruncatedFrame(_) | Error::TrailingBytes)
        }
        (Field::Data | Field::Tag, Error::FrameNotAuthentic(_)) => true,
        _ => false,
    }
}

fn flipped(message: &[u8], place: usize, bit: u32) -> Vec<u8> {
    let mut altered = message.to_vec();
    altered[place] ^= 1 << bit;
    altered
}

/// Of a frame that was altered, and of all after it, nothing comes out.
fn verified_before(place: &Place, frame_length: usize) -> usize {
    place.frame.saturating_sub(1) * frame_length
}

#[tokio::test]
async fn every_flipped_bit_is_refused_by_its_own_error() {
    for name in ["secret_frames", "secret_whole_frames", "secret_empty"] {
        let message = vector(name);
        let plaintext = decrypt(&message).await.plaintext;
        for field in places(&message) {
            for place in field.range.clone() {
                for bit in 0..8 {
                    let altered = flipped(&message, place, bit);
                    let outcome = decrypt(&altered).await;
                    let error = outcome.refused();
                    assert!(fits(field.field, error), "{name}: bit {bit} of byte {place}, {field:?}: {error:?}");
                    assert_eq!(outcome.plaintext, plaintext[..verified_before(&field, 128)], "{name}: {place}");
                    assert!(
                        read_all(&altered).await.is_err(),
                        "{name}: bit {bit} of byte {place} at random, {field:?}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn every_flipped_byte_of_a_message_for_rsa_is_refused() {
    let message = vector("rsa_frames");
    for field in places(&message) {
        for place in field.range.clone() {
            let altered = flipped(&message, place, (place % 8) as u32);
            let outcome = decrypt_stream(&altered[..], &escrow_identity(), ExpectedContext::Any).await;
            let error = outcome.refused();
            assert!(fits(field.field, error), "byte {place}, {field:?}: {error:?}");
            assert_eq!(outcome.plaintext, plaintext(verified_before(&field, 128)));
        }
    }
}

#[tokio::test]
async fn every_truncation_is_refused_by_its_own_error() {
    let message = vector("secret_frames");
    let frames = frames(&message);
    for length in 0..message.len() {
        let outcome = decrypt(&message[..length]).await;
        let whole = frames.iter().filter(|frame| frame.end <= length).count();
        let named = match outcome.refused() {
            Error::Header(HeaderDefect::Truncated) => length < frames[0].start,
            Error::NoFinalFrame(count) => length == frames[whole].start && *count as usize == whole,
            Error::TruncatedFrame(frame) => length > frames[whole].start && *frame as usize == whole + 1,
            _ => false,
        };
        assert!(named, "{length} bytes: {:?}", outcome.error);
        assert_eq!(outcome.plaintext, plaintext(whole * 128), "{length} bytes");
        let error = read_all(&message[..length]).await.unwrap_err();
        assert!(
            matches!(error, Error::Header(HeaderDefect::Truncated) | Error::Size(_) | Error::TruncatedFrame(3)),
            "{length} bytes: {error:?}"
        );
    }
}

#[tokio::test]
async fn truncation_at_every_frame_boundary_of_our_messages_is_refused() {
    let message = message(&plaintext(3 * FRAME + 9)).await;
    for (count, frame) in frames(&message).iter().enumerate() {
        let outcome = decrypt(&message[..frame.start]).await;
        assert!(matches!(outcome.refused(), Error::NoFinalFrame(found) if *found as usize == count));
        assert!(outcome.plaintext == plaintext(count * FRAME));
        for length in [frame.start + 1, frame.start + 30, frame.end - 1] {
            let outcome = decrypt(&message[..length]).await;
            assert!(matches!(outcome.refused(), Error::TruncatedFrame(found) if *found as usize == count + 1));
            assert!(outcome.plaintext == plaintext(count * FRAME));
        }
        assert!(matches!(read_all(&message[..frame.start]).await, Err(Error::Size(_))));
    }
}

#[tokio::test]
async fn trailing_bytes_are_refused_before_the_last_frame_comes_out() {
    for size in [0, 5, FRAME - 1, FRAME, FRAME + 5] {
        let whole = message(&plaintext(size)).await;
        for count in [1, 8, 15, 16, 17, 40, 100_000, FRAME + 32, FRAME + 40] {
            let mut altered = whole.clone();
            altered.resize(whole.len() + count, 0);
            let outcome = decrypt(&altered).await;
            assert!(matches!(outcome.refused(), Error::TrailingBytes), "{size} and {count}: {:?}", outcome.error);
            assert!(outcome.plaintext == plaintext(size / FRAME * FRAME));
            assert!(read_all(&altered).await.is_err(), "{size} and {count} at random");
        }
    }
}

#[tokio::test]
async fn appended_messages_and_frames_are_refused() {
    let whole = vector("secret_frames");
    let frames = frames(&whole);
    for appended in [&whole[..], &whole[frames[0].clone()], &whole[frames[2].clone()]] {
        let altered = [&whole[..], appended].concat();
        let outcome = decrypt(&altered).await;
        assert!(matches!(outcome.refused(), Error::TrailingBytes), "{:?}", outcome.error);
        assert_eq!(outcome.plaintext, plaintext(256));
        assert!(read_all(&altered).await.is_err());
    }
}

/// Frames of a message in another order than they were written in; `expected` and `found` are sequence numbers.
#[tokio::test]
async fn swapped_repeated_and_missing_frames_are_refused() {
    let whole = message(&plaintext(3 * FRAME + 9)).await;
    let frames = frames(&whole);
    for (order, expected, found) in [
        (&[1, 0, 2, 3][..], 1, 2),
        (&[0, 2, 1, 3], 2, 3),
        (&[0, 0, 1, 2, 3], 2, 1),
        (&[0, 1, 1, 2, 3], 3, 2),
        (&[1, 2, 3], 1, 2),
        (&[0, 2, 3], 2, 3),
        (&[0, 1, 3], 3, 4),
        (&[3], 1, 4),
    ] {
        let mut altered = whole[..frames[0].start].to_vec();
        for frame in order {
            altered.extend_from_slice(&whole[frames[*frame].clone()]);
        }
        let outcome = decrypt(&altered).await;
        let named = matches!(outcome.refused(), Error::FrameOutOfOrder { expected: e, found: f } if (*e, *f) == (expected, found));
        assert!(named, "{order:?}: {:?}", outcome.error);
        assert!(outcome.plaintext == plaintext((expected as usize - 1) * FRAME));
        assert!(read_all(&altered).await.is_err(), "{order:?} at random");
    }
}

/// Renumbering doesn't help: the number is authenticated.
#[tokio::test]
async fn renumbered_frames_are_refused() {
    let whole = message(&plaintext(2 * FRAME + 9)).await;
    let frames = frames(&whole);
    let mut altered = whole.clone();
    altered.copy_within(frames[1].clone(), frames[0].start);
    altered.copy_within(frames[0].start + FRAME + 32..frames[0].start + FRAME + 48, frames[0].start);
    let numbered = whole[frames[0].start..frames[0].start + 16].to_vec();
    altered[frames[0].start..frames[0].start + 16].copy_from_slice(&numbered);
    let outcome = decrypt(&altered).await;
    assert!(matches!(outcome.refused(), Error::FrameNotAuthentic(1)), "{:?}", outcome.error);
    assert!(outcome.plaintext.is_empty());
    assert!(matches!(read_all(&altered).await, Err(Error::FrameNotAuthentic(1))));
}

#[tokio::test]
async fn frames_of_another_message_are_refused() {
    let (whole, other) = (message(&plaintext(2 * FRAME)).await, message(&plaintext(2 * FRAME)).await);
    for (index, frame) in frames(&whole).into_iter().enumerate() {
        let mut altered = whole.clone();
        altered[frame.clone()].copy_from_slice(&other[frame]);
        let outcome = decrypt(&altered).await;
        assert!(matches!(outcome.refused(), Error::FrameNotAuthentic(found) if *found as usize == index + 1));
        assert!(outcome.plaintext == plaintext(index * FRAME));
        assert!(read_all(&altered).await.is_err());
    }
}

/// A final frame that is turned into a regular one, or the reverse, would let someone cut or extend a message.
#[tokio::test]
async fn frames_of_the_other_kind_are_refused() {
    let whole = vector("secret_whole_frames");
    let frames = frames(&whole);
    let second = &whole[frames[1].clone()];
    let mut cut = whole[..frames[1].start].to_vec();
    cut.extend([0xff; 4]);
    cut.extend(&second[..16]);
    cut.extend(128u32.to_be_bytes());
    cut.extend(&second[16..]);
    let outcome = decrypt(&cut).await;
    assert!(matches!(outcome.refused(), Error::FrameNotAuthentic(2)), "{:?}", outcome.error);
    assert!(matches!(read_all(&cut).await, Err(Error::FrameNotAuthentic(2))));
}

/// A frame that is altered doesn't spoil the others for a random reader, and never comes out.
#[tokio::test]
async fn random_reader_refuses_just_the_altered_frame() {
    let whole = message(&plaintext(4 * FRAME + 9)).await;
    let frames = frames(&whole);
    let altered = flipped(&whole, frames[2].start + 1000, 3);
    let opened = Memory::new(altered).open(ExpectedContext::Any).await.unwrap();
    let all = plaintext(4 * FRAME + 9);
    for (range, readable) in [
        (0..2 * FRAME, true),
        (2 * FRAME - 1..2 * FRAME + 1, false),
        (2 * FRAME + 5..2 * FRAME + 6, false),
        (3 * FRAME..4 * FRAME + 9, true),
        (0..4 * FRAME + 9, false),
    ] {
        match opened.read(range.start as u64..range.end as u64).await {
            Ok(plaintext) => assert!(readable && plaintext == all[range.clone()], "{range:?}"),
            Err(error) => assert!(!readable && matches!(error, Error::FrameNotAuthentic(3)), "{range:?}: {error}"),
        }
    }
}
