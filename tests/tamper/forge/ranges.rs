//! Bytes of one object.

use super::{Forgery, short};

pub(super) fn flip(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let mut bytes = forgery.bytes(&key)?.to_vec();
    let (at, bit) = (forgery.offset(&key, bytes.len()), forgery.random.below(8));
    *bytes.get_mut(at)? ^= 1 << bit;
    forgery.set(&key, bytes)?;
    Some(format!("bit {bit} of byte {at} of {} flipped", short(&key)))
}

pub(super) fn overwrite(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let mut bytes = forgery.bytes(&key)?.to_vec();
    let at = forgery.offset(&key, bytes.len());
    let most = [1, 16, 32, 1000, 70_000][forgery.random.below(5)];
    let count = (1 + forgery.random.below(most)).min(bytes.len() - at);
    let with = match forgery.random.below(3) {
        0 => vec![0; count],
        1 => vec![0xff; count],
        _ => forgery.random.bytes(count),
    };
    bytes[at..at + count].copy_from_slice(&with);
    forgery.set(&key, bytes)?;
    Some(format!("{count} bytes from {at} of {} overwritten", short(&key)))
}

pub(super) fn cut(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let mut bytes = forgery.bytes(&key)?.to_vec();
    let at = forgery.offset(&key, bytes.len());
    let words = match forgery.random.below(4) {
        0 => {
            bytes.drain(..at);
            format!("{} begins at byte {at}", short(&key))
        }
        1 => {
            let most = [1, 32, 5000, 262_176][forgery.random.below(4)];
            let end = (at + 1 + forgery.random.below(most)).min(bytes.len());
            bytes.drain(at..end);
            format!("bytes {at} to {end} of {} cut out", short(&key))
        }
        _ => {
            bytes.truncate(at);
            format!("{} ends at byte {at}", short(&key))
        }
    };
    forgery.set(&key, bytes)?;
    Some(words)
}

pub(super) fn extend(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let mut bytes = forgery.bytes(&key)?.to_vec();
    let at = [bytes.len(), bytes.len(), 0, forgery.offset(&key, bytes.len())][forgery.random.below(4)];
    let (what, more) = match forgery.random.below(4) {
        0 => ("a byte".to_owned(), forgery.random.bytes(1)),
        1 => {
            let count = 1 + forgery.random.below(3000);
            (format!("{count} bytes"), forgery.random.bytes(count))
        }
        2 => ("the whole of it".to_owned(), bytes.clone()),
        _ => {
            let other = forgery.other_key();
            (short(&other), forgery.bytes(&other)?.to_vec())
        }
    };
    bytes.splice(at..at, more);
    forgery.set(&key, bytes)?;
    Some(format!("{what} put in at byte {at} of {}", short(&key)))
}

pub(super) fn splice(forgery: &mut Forgery<'_>) -> Option<String> {
    let (key, other) = (forgery.encrypted_key(), forgery.other_key());
    let (mut bytes, from) = (forgery.bytes(&key)?.to_vec(), forgery.bytes(&other)?);
    let at = forgery.offset(&key, bytes.len());
    // From the same place, or from another.
    let begin = if forgery.random.once_in(2) { at } else { forgery.offset(&other, from.len()) };
    if begin >= from.len() {
        return None;
    }
    let most = [32, 5000, 262_176, usize::MAX >> 1][forgery.random.below(4)];
    let count = (1 + forgery.random.below(most)).min(from.len() - begin).min(bytes.len() - at);
    bytes[at..at + count].copy_from_slice(&from[begin..begin + count]);
    forgery.set(&key, bytes)?;
    Some(format!("{count} bytes from {begin} of {} put over byte {at} of {}", short(&other), short(&key)))
}

/// Whole frames, if there are two, or any ranges of the same length.
pub(super) fn exchange(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.encrypted_key();
    let mut bytes = forgery.bytes(&key)?.to_vec();
    let (one, other) = (forgery.offset(&key, bytes.len()), forgery.offset(&key, bytes.len()));
    let (one, other) = (one.min(other), one.max(other));
    let count = (other - one).min(bytes.len() - other);
    if count == 0 {
        return None;
    }
    let (before, behind) = bytes.split_at_mut(other);
    before[one..one + count].swap_with_slice(&mut behind[..count]);
    forgery.set(&key, bytes)?;
    Some(format!("{count} bytes from {one} and from {other} of {} exchanged", short(&key)))
}

/// Another message's header before the frames of this one.
pub(super) fn behead(forgery: &mut Forgery<'_>) -> Option<String> {
    let (key, other) = (forgery.encrypted_key(), forgery.other_key());
    let end = |key: &str| forgery.originals.ends.get(key).and_then(|ends| ends.first().copied());
    let (end, header) = (end(&key)?, end(&other)?);
    let (bytes, from) = (forgery.bytes(&key)?, forgery.bytes(&other)?);
    let forged = [from.get(..header)?, bytes.get(end..)?].concat();
    forgery.set(&key, forged)?;
    Some(format!("header of {} before the frames of {}", short(&other), short(&key)))
}
