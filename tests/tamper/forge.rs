//! What somebody could do to stored backups who may do anything to them but has none of their keys.

mod objects;
mod ranges;
mod summary;

use bytes::Bytes;
use serde_json::Value;
use testing::faults::replica::Version;

use crate::originals::{Original, Originals, TARGETS};
use crate::random::Random;

/// One mutation, or two of them.
pub(crate) struct Forgery<'a> {
    originals: &'a Originals,
    pub(crate) random: Random,
    /// The backup that is meant to be taken for sound.
    pub(crate) target: &'a Original,
    /// All objects of the bucket, as they are now.
    pub(crate) objects: Vec<Version>,
    /// What was done, for people.
    pub(crate) words: Vec<String>,
    /// A backup that was made up, to be asked for.
    pub(crate) made_up: Option<String>,
}

type Mutate = fn(&mut Forgery<'_>) -> Option<String>;

/// Each by a name for the tally.
pub(crate) const MUTATIONS: [(&str, Mutate); 20] = [
    ("bit flipped", ranges::flip),
    ("bit flipped", ranges::flip),
    ("range overwritten", ranges::overwrite),
    ("cut", ranges::cut),
    ("cut", ranges::cut),
    ("extended", ranges::extend),
    ("spliced", ranges::splice),
    ("spliced", ranges::splice),
    ("ranges exchanged", ranges::exchange),
    ("header of another", ranges::behead),
    ("object of another", objects::swap),
    ("object of another", objects::replace),
    ("replayed", objects::replay),
    ("replayed", objects::replay_under_a_new_id),
    ("removed or added", objects::remove),
    ("removed or added", objects::add),
    ("written over", objects::write_over),
    ("summary forged", summary::forge_field),
    ("summary forged", summary::forge_field),
    ("summary written otherwise", summary::rewrite),
];

impl<'a> Forgery<'a> {
    /// The mutation of that number, and its name.
    pub(crate) fn make(originals: &'a Originals, seed: u64, number: u64) -> (&'static str, Self) {
        let mut random = Random::of(seed, number);
        let target = random.below(TARGETS);
        let mut forgery = Forgery {
            originals,
            target: &originals.backups[target],
            objects: originals.stored.clone(),
            words: Vec::new(),
            made_up: None,
            random,
        };
        let name = forgery.mutate();
        if forgery.random.once_in(8) {
            forgery.mutate();
        }
        // Whoever can do this can let the summary fit it.
        if !name.starts_with("summary") && forgery.random.below(5) < 3 && forgery.mend() {
            forgery.words.push("summary mended".to_owned());
        }
        (name, forgery)
    }

    fn mutate(&mut self) -> &'static str {
        loop {
            let (name, mutate) = *self.random.pick(&MUTATIONS);
            if let Some(words) = mutate(self) {
                self.words.push(words);
                return name;
            }
        }
    }

    fn place_of(&self, key: &str) -> Option<usize> {
        // Of several versions the oldest counts, and stands last.
        self.objects.iter().rposition(|object| object.key == key && object.bytes.is_some())
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<Bytes> {
        self.objects[self.place_of(key)?].bytes.clone()
    }

    /// `None` if there is no such object any more, or if it has these bytes already.
    fn set(&mut self, key: &str, bytes: impl Into<Bytes>) -> Option<()> {
        let (place, bytes) = (self.place_of(key)?, bytes.into());
        if self.objects[place].bytes.as_ref() == Some(&bytes) {
            return None;
        }
        self.objects[place].bytes = Some(bytes);
        Some(())
    }

    /// A volume mostly, or the manifest; sometimes the summary.
    fn any_key(&mut self) -> String {
        let target = self.target;
        match self.random.below(10) {
            0 => target.summary().clone(),
            1 | 2 => target.manifest().clone(),
            _ => self.random.pick(target.volumes()).clone(),
        }
    }

    fn encrypted_key(&mut self) -> String {
        let keys = &self.target.keys[..self.target.keys.len() - 1];
        self.random.pick(keys).clone()
    }

    /// An encrypted object of any backup.
    fn other_key(&mut self) -> String {
        let backup = self.random.pick(&self.originals.backups);
        self.random.pick(&backup.keys[..backup.keys.len() - 1]).clone()
    }

    /// Somewhere in an object of so many bytes: anywhere, or where a header, a frame or a section ends, or about its own end.
    fn offset(&mut self, key: &str, length: usize) -> usize {
        let ends = self.originals.ends.get(key);
        let at = match (self.random.below(4), ends) {
            (0, _) => self.random.below(length),
            (1, Some(ends)) => (*self.random.pick(ends) + self.random.below(5)).saturating_sub(2),
            (2, _) => self.random.below(length.min(900)),
            _ => length - self.random.below(length.min(80)),
        };
        at.min(length.saturating_sub(1))
    }

    fn summary_json(&self) -> Option<Value> {
        serde_json::from_slice(&self.bytes(self.target.summary())?).ok()
    }

    /// Lets the target's summary tell the sizes that its volumes have now, and the SHA-256 that its manifest has. Whether that changed anything.
    fn mend(&mut self) -> bool {
        let Some(mut summary) = self.summary_json() else { return false };
        let folder = self.target.folder();
        let mut sum = 0;
        for volume in summary["volumes"].as_array_mut().into_iter().flatten() {
            let key = format!("{folder}/{}", volume["name"].as_str().unwrap_or_default());
            let Some(bytes) = self.place_of(&key).and_then(|place| self.objects[place].bytes.as_ref()) else {
                continue;
            };
            volume["bytes"] = bytes.len().into();
            sum += bytes.len();
        }
        summary["bytes"] = sum.into();
        if let Some(manifest) = self.bytes(self.target.manifest()) {
            summary["manifest_sha256"] = sha256(&manifest).into();
        }
        let key = self.target.summary().clone();
        self.summary_json() != Some(summary.clone()) && self.set(&key, summary.to_string()).is_some()
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The end of a key that tells where it is.
pub(crate) fn short(key: &str) -> String {
    let parts: Vec<&str> = key.split('/').collect();
    let [environment, kind, .., id, object] = &parts[..] else { return key.to_owned() };
    format!("{environment}/{kind}/{id}/{object}")
}
