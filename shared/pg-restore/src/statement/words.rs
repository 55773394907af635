//! A statement word by word, without comments.

use sql_text::{Lexer, TokenKind};

/// Schema (empty if none was said) and name, without quotes.
pub(crate) type Name = (String, String);

/// Reads a statement from its first word on. What can't be lexed reads as its end.
#[derive(Clone, Debug)]
pub(crate) struct Words<'a> {
    sql: &'a [u8],
    lexer: Lexer<'a>,
}

/// A word, or a piece of punctuation.
#[derive(Clone, Debug)]
pub(crate) struct Word<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a [u8],
    /// Where it is in the statement.
    pub(crate) range: std::ops::Range<usize>,
}

impl Word<'_> {
    /// Whether it is this key word.
    pub(crate) fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// As an identifier.
    pub(crate) fn name(&self) -> Option<String> {
        let text = String::from_utf8_lossy(self.text);
        match self.kind {
            TokenKind::Word => Some(text.to_ascii_lowercase()),
            TokenKind::QuotedIdentifier => {
                let inner = text.strip_prefix('"')?.strip_suffix('"')?;
                Some(inner.replace("\"\"", "\""))
            }
            _ => None,
        }
    }
}

impl<'a> Words<'a> {
    pub(crate) fn new(sql: &'a [u8]) -> Self {
        Self { sql, lexer: Lexer::new(sql) }
    }

    pub(crate) fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let token = self.lexer.next_token().ok()??;
            match token.kind {
                TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment => {}
                kind => return Some(Word { kind, text: &self.sql[token.range.clone()], range: token.range }),
            }
        }
    }

    /// Takes the next words if they are these.
    pub(crate) fn take(&mut self, words: &[&str]) -> bool {
        let mut ahead = self.clone();
        let all = words.iter().all(|word| ahead.next().is_some_and(|next| next.is(word)));
        if all {
            *self = ahead;
        }
        all
    }

    /// Takes the next word if it is one of these.
    pub(crate) fn take_any(&mut self, words: &[&str]) -> bool {
        words.iter().any(|word| self.take(&[word]))
    }

    /// Goes behind the next such word outside of parentheses.
    pub(crate) fn behind(&mut self, word: &str) -> bool {
        let mut depth = 0u32;
        while let Some(next) = self.next() {
            match next.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ if depth == 0 && next.is(word) => return true,
                _ => {}
            }
        }
        false
    }

    /// An identifier.
    pub(crate) fn name(&mut self) -> Option<String> {
        let mut ahead = self.clone();
        let name = ahead.next()?.name()?;
        *self = ahead;
        Some(name)
    }

    /// Identifiers with dots between them.
    pub(crate) fn dotted(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(name) = self.name() {
            names.push(name);
            let mut ahead = self.clone();
            match ahead.next() {
                Some(dot) if dot.text == b"." => *self = ahead,
                _ => break,
            }
        }
        names
    }

    /// A name, with its schema or without.
    pub(crate) fn qualified(&mut self) -> Option<Name> {
        qualified(self.dotted())
    }
}

/// The last of them is the name, the one before it the schema.
pub(crate) fn qualified(mut names: Vec<String>) -> Option<Name> {
    let name = names.pop()?;
    Some((names.pop().unwrap_or_default(), name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_read_as_postgresql_reads_them() {
        for (sql, schema, name) in [
            ("Public.Orders x", "public", "orders"),
            ("\"Sales Dept\".\"a\"\"b.c\"", "Sales Dept", "a\"b.c"),
            ("orders", "", "orders"),
            ("public . /* here */ \"T\"", "public", "T"),
        ] {
            assert_eq!(Words::new(sql.as_bytes()).qualified().unwrap(), (schema.to_owned(), name.to_owned()), "{sql}");
        }
        assert!(Words::new(b"(a)").qualified().is_none());
    }

    #[test]
    fn words_are_looked_for_outside_of_parentheses_and_quotes() {
        let mut words = Words::new(b"CREATE TRIGGER \"ON\" BEFORE UPDATE OF (on) ON public.t");
        assert!(words.behind("on"));
        assert_eq!(words.qualified().unwrap().1, "t");
        assert!(!words.behind("on"));
    }
}
