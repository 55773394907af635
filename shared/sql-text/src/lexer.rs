use std::fmt;
use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// Cuts SQL into tokens by PostgreSQL's lexical rules (`scan.l` of the server, `psqlscan.l` of psql). The tokens cover every
/// byte of the input.
#[derive(Clone, Debug)]
pub struct Lexer<'a> {
    input: &'a [u8],
    position: usize,
    standard_strings: bool,
    continued: bool,
}

/// A piece of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it is.
    pub range: Range<usize>,
}

/// The kinds of tokens that matter for where statements end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Spaces and line ends.
    Space,
    /// `-- …`, without its line end.
    LineComment,
    /// `/* … */`, nested ones included.
    BlockComment,
    /// A keyword or an identifier without quotes.
    Word,
    /// `"…"` or `U&"…"`.
    QuotedIdentifier,
    /// `'…'` of any kind, its continuations after a line end included.
    Literal,
    /// `$tag$…$tag$`.
    DollarQuoted,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `;`
    Semicolon,
    /// A backslash outside of literals, which is psql's.
    Backslash,
    /// A `:` that is neither `::` nor `:=`.
    Colon,
    /// A number or a parameter that runs into a word, as `1e` or `$1a$b$`. No server from 15 on takes it, and what it is cut into
    /// depends on the version.
    Junk,
    /// Operators, numbers, parameters, other punctuation.
    Other,
}

/// What is not closed at the end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Construct {
    /// `'…`
    Literal,
    /// `"…`
    QuotedIdentifier,
    /// `$tag$…`
    DollarQuoted,
    /// `/*…`
    BlockComment,
}

impl fmt::Display for Construct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Literal => "string literal",
            Self::QuotedIdentifier => "quoted identifier",
            Self::DollarQuoted => "dollar-quoted string",
            Self::BlockComment => "comment",
        })
    }
}

/// The input ends within a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text ends within a {construct} that begins at byte {offset}")]
pub struct Unterminated {
    /// What is open.
    pub construct: Construct,
    /// Where it begins.
    pub offset: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer of `input`, which begins outside of any token.
    pub fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0, standard_strings: true, continued: true }
    }

    /// Sets `standard_conforming_strings`: if off, a backslash escapes in plain literals too.
    pub fn set_standard_strings(&mut self, on: bool) {
        self.standard_strings = on;
    }

    /// Sets whether a literal goes on after a line end, as the server has it. To psql, which lexes line by line, what follows is
    /// a literal of its own.
    pub(crate) fn set_continued(&mut self, on: bool) {
        self.continued = on;
    }

    /// Where the next token begins.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Goes on from `position`, which must be between tokens: after COPY's data, which is not SQL.
    pub(crate) fn jump(&mut self, position: usize) {
        self.position = position.min(self.input.len());
    }

    /// The next token; `None` at the end.
    ///
    /// # Errors
    /// [`Unterminated`]; the lexer then stays before the token.
    pub fn next_token(&mut self) -> Result<Option<Token>, Unterminated> {
        let start = self.position;
        let Some(&first) = self.input.get(start) else { return Ok(None) };
        let (kind, end) = match first {
            _ if is_space(first) => (TokenKind::Space, self.run(start, is_space)),
            b'-' if self.at(start + 1) == Some(b'-') => {
                (TokenKind::LineComment, self.find2(start, b'\n', b'\r').unwrap_or(self.input.len()))
            }
            b'/' if self.at(start + 1) == Some(b'*') => (TokenKind::BlockComment, self.block_comment(start)?),
            b'\'' => (TokenKind::Literal, self.literal(start, start, !self.standard_strings)?),
            b'"' => (TokenKind::QuotedIdentifier, self.quoted_identifier(start, start)?),
            b'$' => self.dollar(start)?,
            b'e' | b'E' if self.at(start + 1) == Some(b'\'') => {
                (TokenKind::Literal, self.literal(start, start + 1, true)?)
            }
            b'b' | b'B' | b'x' | b'X' if self.at(start + 1) == Some(b'\'') => {
                (TokenKind::Literal, self.literal(start, start + 1, false)?)
            }
            b'u' | b'U' if self.input[start + 1..].starts_with(b"&'") => {
                (TokenKind::Literal, self.literal(start, start + 2, false)?)
            }
            b'u' | b'U' if self.input[start + 1..].starts_with(b"&\"") => {
                (TokenKind::QuotedIdentifier, self.quoted_identifier(start, start + 2)?)
            }
            _ if is_word_start(first) => (TokenKind::Word, self.run(start, is_word)),
            b'(' => (TokenKind::Open, start + 1),
            b')' => (TokenKind::Close, start + 1),
            b';' => (TokenKind::Semicolon, start + 1),
            b'\\' => (TokenKind::Backslash, start + 1),
            b':' if matches!(self.at(start + 1), Some(b':' | b'=')) => (TokenKind::Other, start + 2),
            b':' => (TokenKind::Colon, start + 1),
            b'.' if self.at(start + 1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(start),
            _ if first.is_ascii_digit() => self.number(start),
            // An operator byte for byte: so "--" and "/*" end it, as in PostgreSQL.
            _ => (TokenKind::Other, start + 1),
        };
        self.position = end;
        Ok(Some(Token { kind, range: start..end }))
    }

    fn at(&self, position: usize) -> Option<u8> {
        self.input.get(position).copied()
    }

    fn run(&self, start: usize, belongs: impl Fn(u8) -> bool) -> usize {
        let length = self.input[start..].iter().position(|byte| !belongs(*byte));
        length.map_or(self.input.len(), |length| start + length)
    }

    fn find(&self, from: usize, byte: u8) -> Option<usize> {
        memchr(byte, self.input.get(from..)?).map(|found| from + found)
    }

    fn find2(&self, from: usize, one: u8, other: u8) -> Option<usize> {
        memchr2(one, other, self.input.get(from..)?).map(|found| from + found)
    }

    fn block_comment(&self, start: usize) -> Result<usize, Unterminated> {
        let (mut position, mut depth) = (start + 2, 1usize);
        while depth > 0 {
            let Some(found) = self.find2(position, b'*', b'/') else {
                return Err(Unterminated { construct: Construct::BlockComment, offset: start });
            };
            position = match (self.input[found], self.at(found + 1)) {
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    found + 2
                }
                (b'/', Some(b'*')) => {
                    depth += 1;
                    found + 2
                }
                _ => found + 1,
            };
        }
        Ok(position)
    }

    /// The end of the literal whose first quote is at `quote`.
    fn literal(&self, start: usize, mut quote: usize, escapes: bool) -> Result<usize, Unterminated> {
        let open = Unterminated { construct: Construct::Literal, offset: start };
        loop {
            let mut position = quote + 1;
            let end = loop {
                let found = if escapes { self.find2(position, b'\'', b'\\') } else { self.find(position, b'\'') };
                let found = found.ok_or(open)?;
                // Two quotes, and a backslash with what it escapes, are content.
                if self.input[found] == b'\'' && self.at(found + 1) != Some(b'\'') {
                    break found + 1;
                }
                position = found + 2;
            };
            match self.continuation(end) {
                Some(next) if self.continued => quote = next,
                _ => return Ok(end),
            }
        }
    }

    /// A literal goes on, in the mode of its first part, if a quote follows after white space that has a line end (the rule
    /// `quotecontinue` of `scan.l`).
    fn continuation(&self, end: usize) -> Option<usize> {
        let (mut position, mut line_end) = (end, false);
        loop {
            match self.at(position)? {
                b'\'' if line_end => return Some(position),
                byte if is_space(byte) => {
                    line_end |= matches!(byte, b'\n' | b'\r');
                    position += 1;
                }
                b'-' if self.at(position + 1) == Some(b'-') => position = self.find2(position, b'\n', b'\r')?,
                _ => return None,
            }
        }
    }

    fn quoted_identifier(&self, start: usize, quote: usize) -> Result<usize, Unterminated> {
        let mut position = quote + 1;
        loop {
            let found = self
                .find(position, b'"')
                .ok_or(Unterminated { construct: Construct::QuotedIdentifier, offset: start })?;
            if self.at(found + 1) != Some(b'"') {
                return Ok(found + 1);
            }
            position = found + 2;
        }
    }

    /// A number, from its first digit or point.
    fn number(&self, start: usize) -> (TokenKind, usize) {
        let digits = |from| self.run(from, |byte| byte.is_ascii_digit());
        let mut end = digits(start);
        // Two points are PL/pgSQL's range.
        if self.at(end) == Some(b'.') && (end == start || self.at(end + 1) != Some(b'.')) {
            end = digits(end + 1);
        }
        if matches!(self.at(end), Some(b'e' | b'E')) {
            let signed = end + 1 + usize::from(matches!(self.at(end + 1), Some(b'+' | b'-')));
            if self.at(signed).is_some_and(|byte| byte.is_ascii_digit()) {
                // An exponent without a sign is a word too, and words hold dollars: `1e1$a$` opens nothing in psql 16 and later.
                if self.run(end, is_word) > digits(signed) {
                    return self.junk(end);
                }
                end = digits(signed);
            } else if signed > end + 1 {
                // The sign goes with it: what looks like the comment of `1e--` is none.
                return (TokenKind::Junk, signed);
            }
        }
        self.junk(end)
    }

    /// What a number or a parameter is that ends at `end`, and where it does: psql 16 and later take a word behind it with it.
    fn junk(&self, end: usize) -> (TokenKind, usize) {
        if self.at(end).is_some_and(is_word_start) {
            return (TokenKind::Junk, self.run(end, is_word));
        }
        (TokenKind::Other, end)
    }

    /// A dollar-quoted string, a parameter, or a lone dollar.
    fn dollar(&self, start: usize) -> Result<(TokenKind, usize), Unterminated> {
        let first = self.at(start + 1);
        if first.is_some_and(|byte| byte.is_ascii_digit()) {
            return Ok(self.junk(self.run(start + 1, |byte| byte.is_ascii_digit())));
        }
        let tag_end = self.run(start + 1, |byte| is_word_start(byte) || byte.is_ascii_digit());
        if self.at(tag_end) != Some(b'$') {
            return Ok((TokenKind::Other, start + 1));
        }
        let delimiter = &self.input[start..=tag_end];
        let body = tag_end + 1;
        let length = memmem::find(&self.input[body..], delimiter)
            .ok_or(Unterminated { construct: Construct::DollarQuoted, offset: start })?;
        Ok((TokenKind::DollarQuoted, body + length + delimiter.len()))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests;
