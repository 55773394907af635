//! Which files: by key, prefix or pattern.

use std::collections::BTreeSet;
use std::ops::Bound::Included;
use std::str::FromStr;
use std::sync::Arc;

/// Which files of a backup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// Every file.
    #[default]
    All,
    /// Keys that begin so.
    Prefix(String),
    /// This key.
    Key(String),
    /// These keys, of which there may be many.
    Keys(Arc<BTreeSet<String>>),
    /// Keys that the pattern describes from beginning to end.
    Pattern(Pattern),
    /// What any of these selects.
    AnyOf(Vec<Selection>),
}

impl Selection {
    /// What any of these selects; all files if there is none.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn of(keys: Vec<String>, prefixes: Vec<String>, patterns: &[String]) -> Result<Self, PatternError> {
        let patterns: Vec<Pattern> = patterns.iter().map(|pattern| pattern.parse()).collect::<Result<_, _>>()?;
        let exactly = keys.into_iter().map(Self::Key).chain(prefixes.into_iter().map(Self::Prefix));
        let any: Vec<_> = exactly.chain(patterns.into_iter().map(Self::Pattern)).collect();
        Ok(if any.is_empty() { Self::All } else { Self::AnyOf(any) })
    }

    /// Whether it selects a file.
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
            Self::Key(exactly) => key == exactly,
            Self::Keys(these) => these.contains(key),
            Self::Pattern(pattern) => pattern.matches(key),
            Self::AnyOf(selections) => selections.iter().any(|selection| selection.matches(key)),
        }
    }

    /// Whether it may select a key from `first` to `last`, in the order of keys' bytes.
    pub fn reaches(&self, first: &str, last: &str) -> bool {
        match self {
            Self::All | Self::Pattern(_) => true,
            Self::Prefix(prefix) => {
                last >= prefix.as_str() && (first <= prefix.as_str() || first.starts_with(prefix.as_str()))
            }
            Self::Keys(these) => {
                first <= last && these.range::<str, _>((Included(first), Included(last))).next().is_some()
            }
            Self::Key(exactly) => first <= exactly.as_str() && exactly.as_str() <= last,
            Self::AnyOf(selections) => selections.iter().any(|selection| selection.reaches(first, last)),
        }
    }
}

/// `*` stands for any characters but `/`, `**` for any characters, `?` for one character but `/`; `\` takes the meaning from
/// what follows it. It describes whole keys: `*.jpg` finds none in a folder, `**.jpg` finds all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Exactly(char),
    One,
    Within,
    Any,
}

/// A pattern that ends with `\`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(r"{0:?} is no pattern: nothing follows its last \. HINT: Write \\ for a backslash.")]
pub struct PatternError(String);

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let token = match c {
                '?' => Token::One,
                '*' if tokens.last() == Some(&Token::Within) => {
                    tokens.pop();
                    Token::Any
                }
                // A third one means nothing more.
                '*' if tokens.last() == Some(&Token::Any) => continue,
                '*' => Token::Within,
                '\\' => Token::Exactly(chars.next().ok_or_else(|| PatternError(text.to_owned()))?),
                _ => Token::Exactly(c),
            };
            tokens.push(token);
        }
        Ok(Self(tokens))
    }
}

impl Pattern {
    /// Whether it describes all of `key`. Takes time in proportion to both lengths, whatever the pattern.
    pub fn matches(&self, key: &str) -> bool {
        // The places in the pattern that the characters so far can lead to.
        let mut places = vec![false; self.0.len() + 1];
        places[0] = true;
        self.skip(&mut places);
        for c in key.chars() {
            let mut next = vec![false; places.len()];
            for (at, token) in self.0.iter().enumerate().filter(|(at, _)| places[*at]) {
                match token {
                    Token::Exactly(exactly) => next[at + 1] |= *exactly == c,
                    Token::One => next[at + 1] |= c != '/',
                    Token::Within => next[at] |= c != '/',
                    Token::Any => next[at] = true,
                }
            }
            self.skip(&mut next);
            places = next;
        }
        places[self.0.len()]
    }

    /// Stars stand for nothing, too.
    fn skip(&self, places: &mut [bool]) {
        for (at, token) in self.0.iter().enumerate() {
            if matches!(token, Token::Within | Token::Any) {
                places[at + 1] |= places[at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(pattern: &str, keys: &[&'a str]) -> Vec<&'a str> {
        let pattern: Pattern = pattern.parse().unwrap_or_else(|error| unreachable!("{error}"));
        keys.iter().copied().filter(|key| pattern.matches(key)).collect()
    }

    #[test]
    fn one_star_stays_in_its_folder_and_two_do_not() {
        let keys = ["a.jpg", "b/a.jpg", "b/c/a.jpg", "a.jpg.txt", ".jpg", "b/ü.jpg"];
        assert_eq!(found("*.jpg", &keys), ["a.jpg", ".jpg"]);
        assert_eq!(found("**.jpg", &keys), ["a.jpg", "b/a.jpg", "b/c/a.jpg", ".jpg", "b/ü.jpg"]);
        assert_eq!(found("b/*", &keys), ["b/a.jpg", "b/ü.jpg"]);
        assert_eq!(found("b/**", &keys), ["b/a.jpg", "b/c/a.jpg", "b/ü.jpg"]);
        assert_eq!(found("**/a.jpg", &keys), ["b/a.jpg", "b/c/a.jpg"]);
        assert_eq!(found("?.jpg", &keys), ["a.jpg"]);
        assert_eq!(found("b/?.jpg", &keys), ["b/a.jpg", "b/ü.jpg"]);
        assert_eq!(found("b?a.jpg", &keys), [""; 0]);
        assert_eq!(found("", &keys), [""; 0]);
        assert_eq!(found("***", &keys), keys);
    }

    #[test]
    fn backslash_takes_the_meaning_from_a_star() {
        assert_eq!(found(r"a\*\\b", &["a*\\b", "axx\\b"]), ["a*\\b"]);
        assert!(r"a\".parse::<Pattern>().is_err());
    }

    #[test]
    fn only_volumes_whose_keys_lie_around_a_selection_are_reached() {
        let prefix = |text: &str| Selection::Prefix(text.to_owned());
        let key = |text: &str| Selection::Key(text.to_owned());
        assert!(
            prefix("b/").reaches("a", "b/1") && prefix("b/").reaches("b/1", "b/2") && prefix("b/").reaches("b/9", "c")
        );
        assert!(!prefix("b/").reaches("a", "b") && !prefix("b/").reaches("b0", "c"));
        assert!(key("b").reaches("a", "b") && key("b").reaches("b", "b") && !key("b").reaches("b/", "c"));
        assert!(Selection::AnyOf(vec![key("a"), prefix("z")]).reaches("y", "zz"));
        assert!(!Selection::AnyOf(Vec::new()).reaches("a", "b"));
        assert!(Selection::All.reaches("a", "a"));
    }

    #[test]
    fn pattern_of_many_stars_ends_soon() {
        let pattern = "**a".repeat(200) + "b";
        assert_eq!(found(&pattern, &[&"a".repeat(1024)]), [""; 0]);
    }
}
