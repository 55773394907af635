use std::borrow::Cow;

use crate::boundary::Boundary;
use crate::lexer::{Construct, Lexer, TokenKind};

/// A fragment would run into what follows it in a dump.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// A literal, quoted identifier, dollar quote or comment is open at the end.
    #[error("it ends within a {0}")]
    Unterminated(Construct),
    /// A `--` comment has no line end, and would swallow what follows.
    #[error("it ends within a comment")]
    OpenComment,
    /// psql would take what follows for a command of its own.
    #[error("it has a backslash outside of literals at byte {0}")]
    Backslash(usize),
    /// It is more than a part of a statement.
    #[error("it ends a statement at byte {0}")]
    Semicolon(usize),
    /// A whole statement was expected.
    #[error("it is not one whole statement")]
    NotAStatement,
    /// Where a token ends depends on who reads it: a number runs into a word, or an `E'…'` goes on after a line end.
    #[error("it reads differently to different programs at byte {0}")]
    Ambiguous(usize),
    /// A name without a character: PostgreSQL prints a parameter so that has no name, and takes it back from nobody.
    #[error(
        "it has an empty name at byte {0}, which no server takes back. HINT: Give every parameter of the function a name."
    )]
    EmptyName(usize),
    /// Parentheses or `BEGIN ATOMIC … END` don't match.
    #[error("its parentheses or BEGIN and END do not match")]
    Unbalanced,
}

/// Checks a part of a statement that a server returned (an expression, a definition without its semicolon), before it goes into
/// a dump: lexed under `standard_conforming_strings`, it must end where it began, outside of everything, with no top-level
/// backslash and no semicolon that ends a statement.
///
/// # Errors
/// [`FragmentError`]. It doesn't hold the fragment.
pub fn check_fragment(sql: &str) -> Result<(), FragmentError> {
    match scan(sql, Boundary::default())? {
        Some(end) => Err(FragmentError::Semicolon(end - 1)),
        None => Ok(()),
    }
}

/// As [`check_fragment`], for what `pg_get_function_sqlbody` returns: semicolons within `BEGIN ATOMIC … END` are its own. A column
/// named `begin` in it, unquoted, is refused as unbalanced, because psql would take it for one more body.
///
/// # Errors
/// [`FragmentError`].
pub fn check_function_body(sql: &str) -> Result<(), FragmentError> {
    match scan(sql, Boundary::within_create_function())? {
        Some(end) => Err(FragmentError::Semicolon(end - 1)),
        None => Ok(()),
    }
}

/// As [`check_fragment`], for one whole statement with the semicolon that ends it, and nothing but white space behind.
///
/// # Errors
/// [`FragmentError`].
pub fn check_statement(sql: &str) -> Result<(), FragmentError> {
    match scan(sql, Boundary::default())? {
        Some(end) if sql[end..].trim_ascii().is_empty() => Ok(()),
        Some(end) => Err(FragmentError::Semicolon(end - 1)),
        None => Err(FragmentError::NotAStatement),
    }
}

/// The end of the first statement, or `None` if the text ends well before one does.
fn scan(sql: &str, mut boundary: Boundary) -> Result<Option<usize>, FragmentError> {
    let mut lexer = Lexer::new(sql.as_bytes());
    lexer.set_continued(false);
    let mut escapes_before = false;
    while let Some(token) = lexer.next_token().map_err(|open| FragmentError::Unterminated(open.construct))? {
        let text = &sql.as_bytes()[token.range.clone()];
        // To the server, the second of two literals may be a part of the first, in which backslashes escape; to psql it never is.
        match token.kind {
            TokenKind::Literal if escapes_before && text.starts_with(b"'") => {
                return Err(FragmentError::Ambiguous(token.range.start));
            }
            TokenKind::Literal => escapes_before = text.starts_with(b"e") || text.starts_with(b"E"),
            TokenKind::Space | TokenKind::LineComment => {}
            _ => escapes_before = false,
        }
        match token.kind {
            TokenKind::Junk => return Err(FragmentError::Ambiguous(token.range.start)),
            TokenKind::Word => boundary.word(text),
            TokenKind::Open => boundary.open(),
            TokenKind::Close if !boundary.close() => return Err(FragmentError::Unbalanced),
            TokenKind::QuotedIdentifier if text == b"\"\"" => return Err(FragmentError::EmptyName(token.range.start)),
            TokenKind::Backslash => return Err(FragmentError::Backslash(token.range.start)),
            TokenKind::LineComment if token.range.end == sql.len() => return Err(FragmentError::OpenComment),
            TokenKind::Semicolon if boundary.at_top_level() => return Ok(Some(token.range.end)),
            _ => {}
        }
    }
    if boundary.at_top_level() { Ok(None) } else { Err(FragmentError::Unbalanced) }
}

/// Puts a space behind every `:` after which psql would look for a variable (`:name`, `:'name'`, `:"name"`, `:{?name}`), as in the
/// array slice `a[x:"DBNAME"]`. The meaning stays. Call it with whole tokens; an open literal's text stays as it is.
pub fn neutralise_colons(sql: &str) -> Cow<'_, str> {
    let bytes = sql.as_bytes();
    // Most statements have none, and lexing takes longer than looking.
    if memchr::memchr(b':', bytes).is_none() {
        return Cow::Borrowed(sql);
    }
    let mut lexer = Lexer::new(bytes);
    let (mut out, mut copied) = (String::new(), 0);
    while let Ok(Some(token)) = lexer.next_token() {
        let end = token.range.end;
        let looked_for = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"_'\"{".contains(byte);
        if token.kind == TokenKind::Colon && bytes.get(end).is_some_and(looked_for) {
            out.push_str(&sql[copied..end]);
            out.push(' ');
            copied = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(sql);
    }
    out.push_str(&sql[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn harmless_fragments_pass() {
        for sql in [
            "",
            "now()",
            "'a;\\'::text",
            "E'\\\\'",
            "(a -- why\n + 1)",
            "$$ ; \\ $$",
            "\"a;b\\\"",
            "\"\"\"\"",
            "'a'\n'b'",
            "E'a' || 'b'",
            "/* ; \\ */ 1",
            "(INSERT INTO a VALUES (1); DELETE FROM b)",
        ] {
            assert_eq!(check_fragment(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn fragments_that_would_run_on_are_refused() {
        use FragmentError::*;
        for (sql, error) in [
            ("'", Unterminated(Construct::Literal)),
            ("E'\\'", Unterminated(Construct::Literal)),
            ("\"", Unterminated(Construct::QuotedIdentifier)),
            ("$a$", Unterminated(Construct::DollarQuoted)),
            ("1 /*", Unterminated(Construct::BlockComment)),
            ("1 -- x", OpenComment),
            ("1;", Semicolon(1)),
            ("1\n\\! rm", Backslash(2)),
            ("(1", Unbalanced),
            ("1)(", Unbalanced),
            ("BEGIN ATOMIC\n SELECT 1;\nEND", Semicolon(22)),
            ("E'a'\n'b'", Ambiguous(5)),
            ("E'a' -- why\n'b'", Ambiguous(12)),
            ("1e'\\''", Ambiguous(0)),
            ("$1a$b$", Ambiguous(0)),
            ("(g.\"\" + 1)", EmptyName(3)),
        ] {
            assert_eq!(check_fragment(sql), Err(error), "{sql}");
        }
    }

    #[test]
    fn function_body_may_hold_semicolons_and_cases() {
        let body = "BEGIN ATOMIC\n SELECT CASE WHEN true THEN (CASE 1 WHEN 2 THEN 3 END) END;\n SELECT 2;\nEND";
        assert_eq!(check_function_body(body), Ok(()));
        assert_eq!(check_function_body("RETURN 1"), Ok(()));
        assert_eq!(check_function_body("BEGIN ATOMIC SELECT t.begin FROM t; END"), Err(FragmentError::Unbalanced));
        assert!(check_function_body("BEGIN ATOMIC SELECT 1; END; DROP TABLE x").is_err());
    }

    #[test]
    fn statement_is_one_and_whole() {
        assert_eq!(check_statement("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2;);\n"), Ok(()));
        assert_eq!(check_statement("SELECT 1"), Err(FragmentError::NotAStatement));
        assert_eq!(check_statement("SELECT 1; SELECT 2;"), Err(FragmentError::Semicolon(8)));
        let function = "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;";
        assert_eq!(check_statement(function), Ok(()));
    }

    #[test]
    fn colons_that_psql_would_interpret_get_a_space() {
        for (sql, safe) in [
            ("a[x:\"DBNAME\"]", "a[x: \"DBNAME\"]"),
            ("a[1:2][:b]", "a[1: 2][: b]"),
            ("a:'x'", "a: 'x'"),
            ("a:{?x}", "a: {?x}"),
        ] {
            assert_eq!(neutralise_colons(sql), safe);
        }
        for sql in ["'a:b'::text", "f(a := 1)", "$$:x$$", "a[ : ]"] {
            assert!(matches!(neutralise_colons(sql), Cow::Borrowed(_)), "{sql}");
        }
    }
}
