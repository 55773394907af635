//! Whole objects.

use bytes::Bytes;
use testing::faults::replica::Version;

use super::{Forgery, sha256, short};

/// Two objects of the target, or one of it and one of any backup, in each other's place.
pub(super) fn swap(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.encrypted_key();
    let other = if forgery.random.once_in(2) { forgery.encrypted_key() } else { forgery.other_key() };
    let (bytes, from) = (forgery.bytes(&key)?, forgery.bytes(&other)?);
    forgery.set(&key, from)?;
    forgery.set(&other, bytes)?;
    Some(format!("{} and {} exchanged", short(&key), short(&other)))
}

/// Another object in the place of one.
pub(super) fn replace(forgery: &mut Forgery<'_>) -> Option<String> {
    let (key, other) = (forgery.encrypted_key(), forgery.other_key());
    let from = forgery.bytes(&other)?;
    forgery.set(&key, from)?;
    Some(format!("{} in the place of {}", short(&other), short(&key)))
}

/// Objects of another backup of the kind under the target's names: its volumes, or its manifest too, or all with a summary that calls itself the target's.
pub(super) fn replay(forgery: &mut Forgery<'_>) -> Option<String> {
    let (target, originals) = (forgery.target, forgery.originals);
    let other = forgery.random.pick(&originals.backups);
    if other.id == target.id || other.kind != target.kind {
        return None;
    }
    let how_much = forgery.random.below(4);
    if how_much == 0 {
        let place = forgery.random.below(target.volumes().len().min(other.volumes().len()));
        let from = forgery.bytes(&other.volumes()[place])?;
        forgery.set(&target.volumes()[place], from)?;
        return Some(format!("{} replayed in {}", short(&other.volumes()[place]), target.id));
    }
    for (key, from) in target.volumes().iter().zip(other.volumes()) {
        let from = forgery.bytes(from)?;
        forgery.set(key, from);
    }
    let mut words = "volumes";
    if how_much > 1 {
        let from = forgery.bytes(other.manifest())?;
        forgery.set(target.manifest(), from)?;
        words = "volumes and manifest";
    }
    if how_much > 2 {
        let from = forgery.bytes(other.summary())?;
        let text = String::from_utf8(from.to_vec()).ok()?.replace(&other.id, &target.id);
        let text = text.replace(&format!("\"{}\"", other.environment), &format!("\"{}\"", target.environment));
        forgery.set(target.summary(), text)?;
        words = "all objects";
    }
    Some(format!("{words} of {} replayed as {}", short(other.manifest()), target.id))
}

/// A backup that nobody made, of the objects of one that somebody did, as if it were newer.
pub(super) fn replay_under_a_new_id(forgery: &mut Forgery<'_>) -> Option<String> {
    if forgery.made_up.is_some() {
        return None;
    }
    let (target, originals) = (forgery.target, forgery.originals);
    let other = forgery.random.pick(&originals.backups);
    if other.kind != target.kind {
        return None;
    }
    // Of the target's second, by an attempt that comes behind every other.
    let id = format!("{}ffff{:012x}", &target.id[..target.id.len() - 16], forgery.random.below(1 << 40));
    for (from, to) in other.keys.iter().map(|from| {
        let name = from.rsplit_once('/').map_or("", |(_, name)| name);
        (from, format!("{}/{name}", target.folder().replace(&target.id, &id)))
    }) {
        let mut bytes = forgery.bytes(from)?;
        if from == other.summary() {
            let text = String::from_utf8(bytes.to_vec()).ok()?.replace(&other.id, &id);
            bytes = text.replace(&format!("\"{}\"", other.environment), &format!("\"{}\"", target.environment)).into();
        }
        let place = forgery.place_of(target.summary())?;
        let Version { modified, id: version, .. } = forgery.objects[place].clone();
        forgery.objects.push(Version { key: to, id: version, modified, bytes: Some(bytes) });
    }
    forgery.made_up = Some(id);
    Some(format!("{} replayed under a new id, as of {}", short(other.manifest()), target.id))
}

pub(super) fn remove(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let place = forgery.place_of(&key)?;
    forgery.objects.remove(place);
    Some(format!("{} removed", short(&key)))
}

/// Something that no summary names, in the target's folder; as a volume that its summary names, or not.
pub(super) fn add(forgery: &mut Forgery<'_>) -> Option<String> {
    let (target, other) = (forgery.target, forgery.other_key());
    let bytes = forgery.bytes(&other)?;
    let last = target.volumes().last()?;
    let number = format!("volume-{:04}", target.volumes().len());
    let key = last.replace(&number, &format!("volume-{:04}", target.volumes().len() + 1));
    let (name, length) = (key.rsplit_once('/')?.1.to_owned(), bytes.len());
    let place = forgery.place_of(target.summary())?;
    if forgery.place_of(&key).is_some() {
        return None;
    }
    let Version { modified, id, .. } = forgery.objects[place].clone();
    forgery.objects.push(Version { key, id, modified, bytes: Some(bytes) });
    let mut named = "";
    if forgery.random.once_in(2) {
        let mut summary = forgery.summary_json()?;
        summary["volumes"].as_array_mut()?.push(serde_json::json!({"name": name, "bytes": length}));
        forgery.set(target.summary(), summary.to_string())?;
        named = ", and named";
    }
    Some(format!("{} added as {name} of {}{named}", short(&other), target.id))
}

/// A newer version or a delete marker above an object: the oldest counts, so that it changes nothing.
pub(super) fn write_over(forgery: &mut Forgery<'_>) -> Option<String> {
    let key = forgery.any_key();
    let place = forgery.objects.iter().position(|object| object.key == key)?;
    let bytes = match forgery.random.below(3) {
        0 => None,
        1 => Some(Bytes::from(forgery.random.bytes(100))),
        _ => {
            let other = forgery.other_key();
            Some(forgery.bytes(&other)?)
        }
    };
    let words = match &bytes {
        None => format!("a delete marker over {}", short(&key)),
        Some(bytes) => format!("a newer version of {}, SHA-256 {}", short(&key), &sha256(bytes)[..8]),
    };
    let modified = forgery.objects[place].modified.clone();
    let id = format!("newer-{}", forgery.random.below(1 << 30));
    forgery.objects.insert(place, Version { key, id, modified, bytes });
    Some(words)
}
