use crate::lexer::{Lexer, TokenKind};

/// How many tokens of a statement are kept: enough for every SET that matters.
const KEPT: usize = 6;

/// What a statement does, as far as splitting asks, from its tokens outside of parentheses.
#[derive(Debug, Default)]
pub(super) struct Command<'a> {
    first: Vec<&'a [u8]>,
    last_is_from: bool,
    from_stdin: bool,
}

impl<'a> Command<'a> {
    /// Takes the next token that is neither space nor comment nor within parentheses.
    pub(super) fn token(&mut self, text: &'a [u8]) {
        if self.first.len() < KEPT {
            self.first.push(text);
        }
        self.from_stdin |= self.last_is_from && text.eq_ignore_ascii_case(b"stdin");
        self.last_is_from = text.eq_ignore_ascii_case(b"from");
    }

    /// `COPY … FROM stdin …`
    pub(super) fn copies_from_stdin(&self) -> bool {
        self.from_stdin && self.first.first().is_some_and(|word| word.eq_ignore_ascii_case(b"copy"))
    }

    /// What the statement sets `standard_conforming_strings` to.
    pub(super) fn standard_strings(&self) -> Option<bool> {
        let value = self.set("standard_conforming_strings")?;
        let off = ["off", "false", "no", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
        Some(!off)
    }

    /// The client-only encoding that the statement sets, if it does (`pg_wchar.h`: those after PG_ENCODING_BE_LAST).
    pub(super) fn unsafe_encoding(&self) -> Option<String> {
        let value = self.set("client_encoding")?;
        // PostgreSQL compares names of encodings by letters and digits only.
        let plain: String = value.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        let unsafe_names = [
            "sjis",
            "shiftjis",
            "mskanji",
            "win932",
            "windows932",
            "shiftjis2004",
            "big5",
            "win950",
            "windows950",
            "gbk",
            "win936",
            "windows936",
            "uhc",
            "win949",
            "windows949",
            "gb18030",
            "johab",
        ];
        unsafe_names.contains(&plain.as_str()).then_some(value)
    }

    /// The value of `SET [SESSION | LOCAL] name {= | TO} value`.
    fn set(&self, name: &str) -> Option<String> {
        self.setting().and_then(|(found, value)| (found == name).then_some(value))
    }

    fn setting(&self) -> Option<(String, String)> {
        let mut tokens = self.first.iter().copied();
        if !tokens.next()?.eq_ignore_ascii_case(b"set") {
            return None;
        }
        let mut name = tokens.next()?;
        if name.eq_ignore_ascii_case(b"session") || name.eq_ignore_ascii_case(b"local") {
            name = tokens.next()?;
        }
        let assign = tokens.next()?;
        if assign != b"=" && !assign.eq_ignore_ascii_case(b"to") {
            return None;
        }
        let value = String::from_utf8_lossy(tokens.next()?);
        Some((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_matches(['\'', '"']).to_owned()))
    }
}

/// Name (in lower case) and value (without quotes) of a statement `SET [SESSION | LOCAL] name {= | TO} value;`.
pub fn setting(statement: &[u8]) -> Option<(String, String)> {
    let mut lexer = Lexer::new(statement);
    let mut command = Command::default();
    while let Ok(Some(token)) = lexer.next_token() {
        match token.kind {
            TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment => {}
            _ => command.token(&statement[token.range]),
        }
        if command.first.len() == KEPT {
            break;
        }
    }
    command.setting()
}
