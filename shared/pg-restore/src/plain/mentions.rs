//! What statements of a dump refer to without creating it, and what they are, as far as a restore asks.

use std::collections::BTreeSet;

use sql_text::{Lexer, TokenKind, setting};
use sql_volume::Requirements;

#[derive(Default)]
pub(super) struct Mentions {
    roles: BTreeSet<String>,
    extensions: BTreeSet<String>,
    tablespaces: BTreeSet<String>,
    encoding: Option<String>,
}

/// A word or a name outside of parentheses.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    /// Without quotes, in lower case.
    Plain(String),
    /// With quotes, which are taken off.
    Quoted(String),
    Other,
}

impl Word {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Plain(plain) if plain == word)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Plain(name) | Self::Quoted(name) => Some(name),
            Self::Other => None,
        }
    }
}

impl Mentions {
    pub(super) fn statement(&mut self, text: &[u8]) {
        if let Some((name, value)) = setting(text) {
            match name.as_str() {
                "client_encoding" if self.encoding.is_none() => self.encoding = Some(value),
                "default_tablespace" if !value.is_empty() && value != "pg_default" => {
                    self.tablespaces.insert(value);
                }
                _ => {}
            }
            return;
        }
        if !begins(text, &["alter", "grant", "revoke", "create"]) {
            return;
        }
        let words = words(text);
        match words.first() {
            Some(first) if first.is("alter") => {
                self.behind(&words, &["owner", "to"]);
                self.behind(&words, &["for", "role"]);
                if words.get(1).is_some_and(|word| word.is("default")) {
                    self.grantees(&words);
                }
            }
            Some(first) if first.is("grant") || first.is("revoke") => self.grantees(&words),
            Some(first) if first.is("create") && words.get(1).is_some_and(|word| word.is("extension")) => {
                let skipped = if words.get(2).is_some_and(|word| word.is("if")) { 5 } else { 2 };
                self.extensions.extend(words.get(skipped).and_then(Word::name).map(str::to_owned));
            }
            Some(first) if first.is("create") && words.get(1).is_some_and(|word| word.is("schema")) => {
                self.behind(&words, &["authorization"]);
            }
            _ => {}
        }
    }

    /// The name behind these words.
    fn behind(&mut self, words: &[Word], marks: &[&str]) {
        let at =
            words.windows(marks.len()).position(|window| window.iter().zip(marks).all(|(word, mark)| word.is(mark)));
        let name = at.and_then(|at| words.get(at + marks.len())).and_then(Word::name);
        self.roles.extend(name.filter(|name| !is_special(name)).map(str::to_owned));
    }

    /// Of `GRANT … TO a, b [WITH …]` and `REVOKE … FROM a`, the last TO or FROM: a name may be one of these words only with quotes.
    fn grantees(&mut self, words: &[Word]) {
        let Some(at) = words.iter().rposition(|word| word.is("to") || word.is("from")) else { return };
        let names =
            words[at + 1..].iter().take_while(|word| !["with", "granted", "cascade"].iter().any(|end| word.is(end)));
        let names = names.filter(|word| !word.is("public") && !word.is("group")).filter_map(Word::name);
        self.roles.extend(names.filter(|name| !is_special(name)).map(str::to_owned));
    }

    /// As the first `SET client_encoding` says.
    pub(super) fn encoding(&self) -> Option<&str> {
        self.encoding.as_deref()
    }

    pub(super) fn requires(self) -> Requirements {
        Requirements {
            roles: self.roles.into_iter().collect(),
            extensions: self.extensions.into_iter().collect(),
            tablespaces: self.tablespaces.into_iter().collect(),
        }
    }
}

/// Roles that are words of SQL.
fn is_special(name: &str) -> bool {
    ["current_role", "current_user", "session_user"].contains(&name)
}

fn begins(text: &[u8], with: &[&str]) -> bool {
    let end = text.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(text.len());
    with.iter().any(|word| text[..end].eq_ignore_ascii_case(word.as_bytes()))
}

/// Words and names outside of parentheses; of names with a dot, the parts.
fn words(text: &[u8]) -> Vec<Word> {
    let mut lexer = Lexer::new(text);
    let (mut words, mut depth) = (Vec::new(), 0usize);
    while let Ok(Some(token)) = lexer.next_token() {
        let raw = &text[token.range];
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            TokenKind::Word => words.push(Word::Plain(String::from_utf8_lossy(raw).to_ascii_lowercase())),
            TokenKind::QuotedIdentifier => {
                let name = String::from_utf8_lossy(raw);
                let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
                words.push(inner.map_or(Word::Other, |inner| Word::Quoted(inner.replace("\"\"", "\""))));
            }
            TokenKind::Literal | TokenKind::DollarQuoted => words.push(Word::Other),
            _ => {}
        }
    }
    words
}

/// Schema and name of `COPY [schema.]table (…) FROM stdin;`, for counting.
pub(super) fn copied_table(command: &[u8]) -> (String, String) {
    let words = words(command);
    let names: Vec<_> = words.iter().skip(1).take_while(|word| !word.is("from")).filter_map(Word::name).collect();
    match names[..] {
        [schema, table, ..] => (schema.to_owned(), table.to_owned()),
        [table] => (String::new(), table.to_owned()),
        [] => (String::new(), String::from_utf8_lossy(command).into_owned()),
    }
}

/// Whether the statement holds rows, as `pg_dump --inserts` writes them, so that what a server says of it may, too.
pub(super) fn holds_rows(text: &[u8]) -> bool {
    begins(text, &["insert"]) || is_large_object(text)
}

/// `SELECT pg_catalog.lowrite(…)` and what is around it.
pub(super) fn is_large_object(text: &[u8]) -> bool {
    text.starts_with(b"SELECT pg_catalog.lo")
}

/// A timeout that pg_dump lifts, by a name that an older server may not know: the session has lifted all that its server has.
pub(super) fn is_timeout(text: &[u8]) -> bool {
    let timeouts = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"];
    setting(text).is_some_and(|(name, value)| value == "0" && timeouts.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn required(statements: &[&str]) -> Requirements {
        let mut mentions = Mentions::default();
        statements.iter().for_each(|statement| mentions.statement(statement.as_bytes()));
        mentions.requires()
    }

    #[test]
    fn roles_extensions_and_tablespaces_that_a_dump_needs_are_found() {
        let requires = required(&[
            "ALTER TABLE public.t OWNER TO app;",
            "ALTER FUNCTION public.f(owner text, \"to\" int) OWNER TO \"App \"\"2\"\"\";",
            "GRANT SELECT(a,b),UPDATE ON TABLE public.\"to\" TO reader, \"Writer\" WITH GRANT OPTION;",
            "GRANT USAGE ON SCHEMA public TO PUBLIC;",
            "REVOKE ALL ON TABLE public.t FROM old;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE owner_1 IN SCHEMA public GRANT SELECT ON TABLES  TO reader_2;",
            "CREATE SCHEMA s AUTHORIZATION boss;",
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;",
            "CREATE EXTENSION hstore;",
            "SET default_tablespace = fast;",
            "SET default_tablespace = '';",
            "CREATE TABLE x (a text DEFAULT 'OWNER TO nobody');",
            "ALTER SCHEMA public OWNER TO CURRENT_USER;",
        ]);
        let roles = ["App \"2\"", "Writer", "app", "boss", "old", "owner_1", "reader", "reader_2"];
        assert_eq!(requires.roles, roles);
        assert_eq!(requires.extensions, ["hstore", "uuid-ossp"]);
        assert_eq!(requires.tablespaces, ["fast"]);
    }

    #[test]
    fn tables_of_copy_are_named() {
        assert_eq!(copied_table(b"COPY public.t (a, b) FROM stdin;"), ("public".into(), "t".into()));
        assert_eq!(copied_table(b"COPY \"S.x\".\"from\" (a) FROM stdin;"), ("S.x".into(), "from".into()));
        assert_eq!(copied_table(b"COPY t FROM stdin;"), (String::new(), "t".into()));
    }

    #[test]
    fn timeouts_are_known_by_their_names() {
        assert!(is_timeout(b"SET transaction_timeout = 0;") && !is_timeout(b"SET row_security = off;"));
        assert!(!is_timeout(b"SET statement_timeout = 5;"));
    }
}
