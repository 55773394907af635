//! Quoting of identifiers and literals as PostgreSQL does.

use std::borrow::Cow;

mod keywords;

/// An identifier as SQL text: quoted unless it is a plain lower-case word that no server from 13 to 18 reserves.
pub fn identifier(name: &str) -> Cow<'_, str> {
    let bytes = name.as_bytes();
    let plain = bytes.first().is_some_and(|b| b.is_ascii_lowercase() || *b == b'_')
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
        // Looking a name up takes longest, and no key word has a digit.
        && (bytes.iter().any(u8::is_ascii_digit) || keywords::NOT_PLAIN.binary_search(&name).is_err());
    if plain { Cow::Borrowed(name) } else { Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))) }
}

/// `schema.name`, each quoted where it must be.
pub fn qualified(schema: &str, name: &str) -> String {
    [&*identifier(schema), ".", &*identifier(name)].concat()
}

/// Identifiers, quoted where they must be, with `, ` between them.
pub fn identifiers<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&identifier(name.as_ref()));
    }
    list
}

/// A string literal under `standard_conforming_strings = on`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A dollar-quoted string, with a tag that its text does not contain. Tags grow by pg_dump's own suffix, so that both say the same.
///
/// The tag is looked for without its closing `$`, since a text that ends in `$tag` must not be quoted with `$tag$`.
pub fn dollar_quoted(text: &str) -> String {
    let mut tag = String::from("$");
    let mut suffix = "_XXXXXXX".chars().cycle();
    while text.contains(tag.as_str()) {
        tag.extend(suffix.next());
    }
    format!("{tag}${text}{tag}$")
}

/// A name as it may stand in a `--` comment: line ends would let what follows them be run as SQL (CVE-2025-8715).
pub fn comment(name: &str) -> Cow<'_, str> {
    if name.contains(['\n', '\r']) { Cow::Owned(name.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_words_are_sorted_and_without_digits() {
        assert!(keywords::NOT_PLAIN.is_sorted());
        assert!(!keywords::NOT_PLAIN.iter().any(|word| word.contains(|c: char| c.is_ascii_digit())));
    }

    #[test]
    fn identifiers_are_quoted_only_where_they_must_be() {
        for plain in ["a", "_x9", "name", "url", "role", "zone"] {
            assert_eq!(identifier(plain), plain);
        }
        for (name, quoted) in [
            ("", "\"\""),
            ("1a", "\"1a\""),
            ("Name", "\"Name\""),
            ("user", "\"user\""),
            ("character", "\"character\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a$", "\"a$\""),
            ("é", "\"é\""),
        ] {
            assert_eq!(identifier(name), quoted);
        }
        assert_eq!(qualified("public", "Order"), "public.\"Order\"");
        assert_eq!(identifiers(["a", "b c"]), "a, \"b c\"");
    }

    #[test]
    fn literals_double_quotes_and_keep_backslashes() {
        assert_eq!(literal("it's \\ here"), "'it''s \\ here'");
    }

    #[test]
    fn a_dollar_quote_does_not_occur_in_its_text() {
        for (text, quoted) in
            [("x", "$$x$$"), ("a $1", "$_$a $1$_$"), ("$_$", "$_X$$_$$_X$"), ("ends in $", "$_$ends in $$_$")]
        {
            assert_eq!(dollar_quoted(text), quoted);
        }
    }

    #[test]
    fn names_in_comments_stay_on_their_line() {
        assert_eq!(comment("a\nDROP TABLE b;\r--"), "a DROP TABLE b; --");
        assert_eq!(comment("plain"), "plain");
    }
}
