//! Sets of files that were cut in parts: `…--part-N.zip.encrypted`.

const MARK: &str = "--part-";

/// A name as the older job of files gave it to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartName {
    /// What all parts of a set have before the number, its mark included: a prefix to list by.
    pub stem: String,
    /// The number.
    pub number: u32,
    /// What follows the number, such as `.zip.encrypted`.
    pub end: String,
}

impl PartName {
    /// Reads a file's name or key; `None` if it is no part's.
    pub fn of(name: &str) -> Option<Self> {
        let (stem, rest) = name.rsplit_once(MARK)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, end) = rest.split_at(digits);
        let canonical = number == "0" || !number.starts_with('0');
        let folder = rest.contains('/') || !canonical;
        let number = number.parse().ok().filter(|_| !folder)?;
        Some(Self { stem: format!("{stem}{MARK}"), number, end: end.to_owned() })
    }
}

/// Parts of a set can't be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// A number in the middle, or the first one.
    #[error("part {number} of {stem}* is missing HINT: Put all parts into one folder, or restore another backup.")]
    Missing {
        /// What all parts' names begin with.
        stem: String,
        /// The lowest number that is missing.
        number: u32,
    },
    /// Two files for one number.
    #[error("{one} and {other} are the same part HINT: Move one of them away.")]
    Twice {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
}

/// All parts of the set that `name` is of, among `names`, in the order of their numbers; `name` alone if it is no part. A first or a
/// middle part that is missing is an error; whether later ones are missing, nothing tells.
///
/// # Errors
/// [`PartsError`].
pub fn in_order(name: &str, names: impl IntoIterator<Item = String>) -> Result<Vec<String>, PartsError> {
    let Some(PartName { stem, .. }) = PartName::of(name) else { return Ok(vec![name.to_owned()]) };
    let numbered = names.into_iter().filter_map(|name| PartName::of(&name).map(|part| (part, name)));
    let mut parts: Vec<_> = numbered.filter(|(part, _)| part.stem == stem).collect();
    parts.sort_by_key(|(part, _)| part.number);
    let mut expected = parts.first().map_or(1, |(first, _)| first.number.min(1));
    let mut last: Option<&str> = None;
    for (part, name) in &parts {
        match last {
            Some(last) if part.number + 1 == expected => {
                return Err(PartsError::Twice { one: last.to_owned(), other: name.clone() });
            }
            _ if part.number != expected => return Err(PartsError::Missing { stem, number: expected }),
            _ => {}
        }
        expected = part.number.saturating_add(1);
        last = Some(name);
    }
    Ok(parts.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(numbers: &[u32]) -> Vec<String> {
        numbers.iter().map(|number| format!("s/files/2022-07-22--00-00-07--part-{number}.zip.encrypted")).collect()
    }

    #[test]
    fn parts_come_in_the_order_of_their_numbers_without_other_files() {
        let mut all = names(&[10, 1, 2, 3, 9, 8, 7, 6, 5, 4]);
        all.push("s/files/2022-07-23--00-00-07--part-1.zip.encrypted".into());
        all.push("s/files/2022-07-22--00-00-07.zip.encrypted".into());
        let ordered = names(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(in_order(&ordered[4], all).unwrap(), ordered);
        assert_eq!(in_order(&names(&[0])[0], names(&[1, 0])).unwrap(), names(&[0, 1]));
        assert_eq!(in_order("x.zip", names(&[1])).unwrap(), ["x.zip"]);
    }

    #[test]
    fn part_that_is_missing_or_there_twice_is_named() {
        for (numbers, missing) in [(&[2, 3][..], 1), (&[1, 2, 4], 3), (&[0, 2], 1), (&[5], 1)] {
            let error = in_order(&names(numbers)[0], names(numbers)).unwrap_err();
            assert!(matches!(error, PartsError::Missing { number, .. } if number == missing), "{error}");
        }
        let mut twice = names(&[1, 2]);
        twice.push(twice[1].replace(".encrypted", ".encrypted.1"));
        assert!(matches!(in_order(&twice[0], twice.clone()), Err(PartsError::Twice { .. })));
    }

    #[test]
    fn only_numbers_behind_the_mark_make_a_part() {
        for name in [
            "a--part-.zip",
            "a--part-x.zip",
            "a--part-01.zip",
            "a--part-1/b.zip",
            "a-part-1.zip",
            "a--part-99999999999",
        ] {
            assert_eq!(PartName::of(name), None, "{name}");
        }
        let part = PartName::of("a--part-b--part-12.zip.encrypted").unwrap();
        assert_eq!((part.stem.as_str(), part.number, part.end.as_str()), ("a--part-b--part-", 12, ".zip.encrypted"));
    }
}
