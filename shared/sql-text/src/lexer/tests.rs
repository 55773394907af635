#![allow(clippy::unwrap_used)]
use super::*;
use TokenKind::*;

fn tokens(sql: &str) -> Vec<(TokenKind, &str)> {
    lex(Lexer::new(sql.as_bytes()), sql)
}

fn lex<'a>(mut lexer: Lexer<'_>, sql: &'a str) -> Vec<(TokenKind, &'a str)> {
    let mut all = Vec::new();
    while let Some(token) = lexer.next_token().unwrap() {
        if token.kind != Space {
            all.push((token.kind, &sql[token.range]));
        }
    }
    all
}

fn open(sql: &str) -> Construct {
    let mut lexer = Lexer::new(sql.as_bytes());
    loop {
        match lexer.next_token() {
            Ok(token) => assert!(token.is_some(), "nothing is open in {sql}"),
            Err(error) => return error.construct,
        }
    }
}

#[test]
fn literals_of_every_kind_are_one_token() {
    for sql in [
        "'a'",
        "''",
        "'it''s'",
        "'a\\'",
        "e'\\''",
        "E'a\\\\'",
        "E'''\\''",
        "b'01'",
        "X'ff'",
        "U&'d\\0061'",
        "u&'\\'",
        "'a'\n'b'",
        "'a' -- why\n -- not\n\t'b'",
        "E'a'\n'\\''",
    ] {
        assert_eq!(tokens(sql), [(Literal, sql)]);
    }
}

#[test]
fn literals_side_by_side_on_one_line_are_two() {
    assert_eq!(tokens("'a' 'b'"), [(Literal, "'a'"), (Literal, "'b'")]);
    assert_eq!(tokens("'a' /*\n*/ 'b'").len(), 3);
}

#[test]
fn national_literal_is_a_word_and_a_literal() {
    assert_eq!(tokens("n'a\\'"), [(Word, "n"), (Literal, "'a\\'")]);
}

#[test]
fn backslash_escapes_in_plain_literals_only_without_standard_strings() {
    let sql = "'\\';' b'\\'";
    let mut lexer = Lexer::new(sql.as_bytes());
    lexer.set_standard_strings(false);
    assert_eq!(lex(lexer, sql), [(Literal, "'\\';'"), (Literal, "b'\\'")]);
}

#[test]
fn prefix_letters_count_only_at_the_start_of_a_word() {
    assert_eq!(tokens("ae'\\'"), [(Word, "ae"), (Literal, "'\\'")]);
    assert_eq!(tokens("au&\"x\""), [(Word, "au"), (Other, "&"), (QuotedIdentifier, "\"x\"")]);
}

#[test]
fn quoted_identifiers_hold_anything() {
    for sql in ["\"a;b\"", "\"a\"\"b\"", "U&\"d\\0061\"", "\"--\"", "\"'\"", "\"\\\""] {
        assert_eq!(tokens(sql), [(QuotedIdentifier, sql)]);
    }
}

#[test]
fn dollar_quotes_end_only_at_their_own_tag() {
    for sql in ["$$$$", "$$;$$", "$a$ $b$ $$ $a$", "$a$ $$a$", "$é_1$ $é$ $é_1$", "$_$\\$_$"] {
        assert_eq!(tokens(sql), [(DollarQuoted, sql)]);
    }
}

#[test]
fn dollars_in_words_and_parameters_open_nothing() {
    assert_eq!(tokens("a$b$c"), [(Word, "a$b$c")]);
    assert_eq!(tokens("$1 + $22"), [(Other, "$1"), (Other, "+"), (Other, "$22")]);
    assert_eq!(tokens("$ x"), [(Other, "$"), (Word, "x")]);
    assert_eq!(tokens("1$$;$$"), [(Other, "1"), (DollarQuoted, "$$;$$")]);
}

#[test]
fn numbers_that_run_into_words_are_junk() {
    for sql in ["1", "1.5", ".5", "1.", "1e5", "1.5E-10", ".5e+1", "$1"] {
        assert_eq!(tokens(sql), [(Other, sql)]);
    }
    for sql in ["1a", "1e", "1e5x", "1e5$a$", ".5e1$", "1.a$b$", ".5é", "$1a$", "$1a$b$c", "0x1F", "1_000"] {
        assert_eq!(tokens(sql), [(Junk, sql)]);
    }
    assert_eq!(tokens("1e'\\'"), [(Junk, "1e"), (Literal, "'\\'")]);
    assert_eq!(tokens("1e+x"), [(Junk, "1e+"), (Word, "x")]);
    assert_eq!(tokens("1e--x"), [(Junk, "1e-"), (Other, "-"), (Word, "x")]);
    assert_eq!(tokens("1..2"), [(Other, "1"), (Other, "."), (Other, ".2")]);
}

#[test]
fn comments_nest_and_end_operators() {
    assert_eq!(tokens("/* /* ; */ ' */x"), [(BlockComment, "/* /* ; */ ' */"), (Word, "x")]);
    assert_eq!(tokens("*/*/ */"), [(Other, "*"), (BlockComment, "/*/ */")]);
    assert_eq!(tokens("+-- ;\r\nx"), [(Other, "+"), (LineComment, "-- ;"), (Word, "x")]);
    assert_eq!(tokens("--"), [(LineComment, "--")]);
}

#[test]
fn colons_are_told_apart() {
    assert_eq!(
        tokens("a::b := [1:2]").into_iter().filter(|(kind, _)| *kind == Colon).collect::<Vec<_>>(),
        [(Colon, ":")]
    );
}

#[test]
fn bytes_of_other_encodings_are_words() {
    // EUC_JP and WIN1252 text, not UTF-8.
    let mut lexer = Lexer::new(b"\xa5\xc6\xa1\xbc$\xe9;");
    assert_eq!(lexer.next_token().unwrap().unwrap(), Token { kind: Word, range: 0..6 });
    assert_eq!(lexer.next_token().unwrap().unwrap().kind, Semicolon);
}

#[test]
fn what_is_open_at_the_end_is_named() {
    for (sql, construct) in [
        ("'a", Construct::Literal),
        ("'a''", Construct::Literal),
        ("E'\\'", Construct::Literal),
        ("E'\\", Construct::Literal),
        ("'a'\n'b", Construct::Literal),
        ("\"a\"\"", Construct::QuotedIdentifier),
        ("$a$ $b$", Construct::DollarQuoted),
        ("/* /* */", Construct::BlockComment),
        ("/*/", Construct::BlockComment),
    ] {
        assert_eq!(open(sql), construct, "{sql}");
    }
}
