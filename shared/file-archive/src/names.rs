//! Keys → names that any unzip can write to any disk: the key itself if it is a safe path, a number if not.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use unicode_normalization::UnicodeNormalization;

/// What Offsite puts into a ZIP itself, and where files are whose keys are no paths.
pub(crate) const RESERVED: &str = ".offsite";
/// The first entry. What can't be read whole leaves a gap, and 7-Zip lists what lies before the first entry of the directory.
pub(crate) const README: &str = ".offsite/README.txt";
/// The last entry: one line per file.
pub(crate) const MANIFEST: &str = ".offsite/manifest.ndjson";
const NUMBERED: &str = ".offsite/keys/";
/// The longest name of a file or folder that common file systems take, in bytes.
const COMPONENT_MAX: usize = 255;
/// Folders within folders. Deeper ones would cost memory, a hash for each, and no disk has them.
const DEPTH_MAX: usize = 64;

/// The names of one volume. Numbers go on over all volumes, so that all of them can be unpacked into one folder.
pub(crate) struct Names {
    hasher: RandomState,
    files: HashSet<u64>,
    folders: HashSet<u64>,
    numbered: u32,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), files: HashSet::new(), folders: HashSet::new(), numbered: 0 }
    }

    /// A new volume begins.
    pub(crate) fn next_volume(&mut self) {
        self.files = HashSet::new();
        self.folders = HashSet::new();
    }

    /// Memory that the names take, roughly.
    pub(crate) fn memory(&self) -> usize {
        (self.files.capacity() + self.folders.capacity()) * 9
    }

    /// The name of a file of so many bytes, if it can't be the key itself.
    pub(crate) fn other(&mut self, key: &str, bytes: u64) -> Option<String> {
        if self.take(key, bytes) {
            return None;
        }
        self.numbered += 1;
        Some(format!("{NUMBERED}{:07}", self.numbered))
    }

    /// Takes the key as a name, unless it is unsafe or another file would be overwritten or stand in the way.
    fn take(&mut self, key: &str, bytes: u64) -> bool {
        if !is_path(key) || (key.ends_with('/') && bytes > 0) {
            return false;
        }
        let folder = key.ends_with('/');
        let folded = fold(key.trim_end_matches('/'));
        let name = self.hash(&folded);
        let above: Vec<u64> = folded.match_indices('/').map(|(end, _)| self.hash(&folded[..end])).collect();
        let blocked = above.iter().any(|folder| self.files.contains(folder));
        // A file needs a name that nothing has; a folder may exist already, because of what is in it.
        if blocked || self.files.contains(&name) || (!folder && self.folders.contains(&name)) {
            return false;
        }
        self.folders.extend(above);
        if folder {
            // Twins of a folder's own entry are two entries for one name.
            let entry = self.hash(&format!("{folded}/"));
            self.folders.insert(name);
            return self.files.insert(entry);
        }
        self.files.insert(name)
    }

    fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }
}

/// Alike for names that some file system takes for the same: by case, or by how accents are composed.
fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    name.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// A relative path that stays where it is unpacked, and outside what is Offsite's own. A `/` at its end means a folder.
pub(crate) fn is_path(name: &str) -> bool {
    let path = name.strip_suffix('/').unwrap_or(name);
    let mut depth = 0;
    let safe = |component: &str| {
        depth += 1;
        !matches!(component, "" | "." | "..") && component.len() <= COMPONENT_MAX && depth <= DEPTH_MAX
    };
    let letter = |first: char| first.is_ascii_alphabetic();
    let drive = path.strip_prefix(letter).is_some_and(|rest| rest.starts_with(':'));
    let reserved = path.split('/').next().is_some_and(|first| fold(first) == RESERVED);
    !drive && !reserved && !path.contains(|c: char| c == '\\' || c.is_control()) && path.split('/').all(safe)
}

/// A name as [`Names::other`] gives it.
pub(crate) fn is_numbered(name: &str) -> bool {
    name.strip_prefix(NUMBERED).is_some_and(|number| number.len() >= 7 && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(keys: &[&str]) -> Vec<String> {
        let mut names = Names::new();
        keys.iter().map(|key| names.other(key, 1).unwrap_or_else(|| (*key).to_owned())).collect()
    }

    #[test]
    fn key_that_is_a_safe_path_is_its_own_name() {
        let keys =
            ["a", "a b/c.txt", "...", "..a/b..", "späte/Äpfel.jpg", "日本/語", ".offsite2/x", "x/.offsite/y", "ab:c/d"];
        assert_eq!(named(&keys), keys);
    }

    #[test]
    fn key_that_could_leave_the_folder_or_is_no_path_gets_a_number() {
        let long = "x".repeat(256);
        let deep = "d/".repeat(64) + "file";
        for key in [
            "../x",
            "/abs",
            "a//b",
            "a\\b",
            "a/../b",
            "a/./b",
            ".",
            "..",
            "",
            "/",
            "a/",
            "C:/x",
            "c:x",
            "nul\0",
            "line\nfeed",
            "\u{7f}",
            "\u{85}",
            ".offsite/manifest.ndjson",
            ".OffSite/x",
            ".offsite",
            &long,
            &deep,
        ] {
            assert_eq!(named(&[key]), [".offsite/keys/0000001"], "{key:?}");
            assert!(is_numbered(&named(&[key])[0]));
        }
    }

    #[test]
    fn key_whose_name_some_disk_takes_for_another_gets_a_number() {
        for twins in [
            ["A.txt", "a.txt"],
            ["ü", "u\u{308}"],
            ["\u{dc}", "u\u{308}"],
            ["a", "a/b"],
            ["a/b", "a"],
            ["A", "a/b"],
            ["a/b/c", "A/B"],
        ] {
            assert_eq!(named(&twins), [twins[0], ".offsite/keys/0000001"], "{twins:?}");
        }
        assert_eq!(named(&["a/x", "A/y", "a/z/1"]), ["a/x", "A/y", "a/z/1"]);
    }

    #[test]
    fn folder_marker_is_a_folder_only_if_it_is_empty_and_no_file_has_its_name() {
        let mut names = Names::new();
        assert_eq!(names.other("a/", 0), None);
        assert_eq!(names.other("a/b", 1), None);
        assert_eq!(names.other("c/d", 1), None);
        assert_eq!(names.other("c/", 0), None);
        assert_eq!(names.other("C/", 0).as_deref(), Some(".offsite/keys/0000001"));
        assert_eq!(names.other("a", 1).as_deref(), Some(".offsite/keys/0000002"));
        assert_eq!(names.other("e/", 5).as_deref(), Some(".offsite/keys/0000003"));
        assert_eq!(names.other("f", 1), None);
        assert_eq!(names.other("f/", 0).as_deref(), Some(".offsite/keys/0000004"));
        names.next_volume();
        assert_eq!(names.other("a", 1), None);
        assert_eq!(names.other("/", 0).as_deref(), Some(".offsite/keys/0000005"));
    }
}
