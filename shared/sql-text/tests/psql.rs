//! What our lexer lets into a dump is for psql what it is for us: asked of psql itself.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "psql/scan.rs"]
#[allow(unreachable_pub)]
mod scan;

use std::fmt::Write as _;
use std::process::Command;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use scan::{Scan, scan};
use sql_text::{check_fragment, check_function_body, neutralise_colons};
use testing::postgres::{USUAL, server};
use testing::stack::stack;

/// Everything that opens or closes something, or changes what does. No letter makes a command of psql that does harm.
const PIECES: [&str; 49] = [
    "'", "''", "\"", "\"\"", "\\", "$", "$$", "$a$", "$1", "1", ".", "e", "E'", "U&'", "u&\"", "x'", "n'", "--", "/*",
    "*/", "(", ")", ";", ":", ":a", ":'a'", ":\"a\"", ":{?a}", "::", ":=", "\n", "\r", " ", "a", "é", "begin ", "end ",
    "case ", "+", "-", "/", "*", "#", "\t", "'a\\'", "E'a'\n", "'\\''", "1e", "0",
];

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 1..9).prop_map(|pieces| pieces.concat())
}

/// What psql prints, reading `file` from its standard input's place.
fn psql(file: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.sql");
    std::fs::write(&path, file).unwrap();
    let output = Command::new(stack().psql.as_ref().unwrap())
        .args(["-X", "-q", "-d", &server(USUAL).url("postgres"), "-f"])
        .arg(&path)
        .env("PGCLIENTENCODING", "UTF8")
        .env("EDITOR", "true")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(line) = said.split(':').nth(2).and_then(|number| number.parse::<usize>().ok()) {
        let around: Vec<&str> = file.split('\n').skip(line.saturating_sub(5)).take(6).collect();
        assert_eq!(said, "", "{around:?}");
    }
    assert_eq!(said, "");
    String::from_utf8(output.stdout).unwrap()
}

/// psql leaves out lines that are empty.
fn lines(text: &str) -> String {
    text.split('\n').filter(|line| !line.is_empty()).fold(String::new(), |all, line| all + line + "\n")
}

/// psql reads each text behind `before`, and is then where it was: it has run nothing, and its buffer holds the text as it is.
fn psql_only_keeps(before: &str, texts: &[String]) {
    let (mut file, mut expected) = ("\\set a INJECTED\n".to_owned(), String::new());
    for (number, text) in texts.iter().enumerate() {
        writeln!(file, "{before}{text}\n\\p\n\\echo {number}\n\\r").unwrap();
        writeln!(expected, "{}{number}", lines(&format!("{before}{text}"))).unwrap();
    }
    let printed = psql(&file);
    let (ours, theirs) = (expected.split('\n'), printed.split('\n').filter(|line| !line.is_empty()));
    let mut before = "";
    for (ours, theirs) in ours.zip(theirs) {
        assert_eq!(ours, theirs, "after {before:?}");
        before = ours;
    }
    assert_eq!(lines(&printed), expected);
}

#[test]
fn psql_is_back_where_it_was_after_whatever_passes_our_checks() {
    let mut runner = TestRunner::new(Config::default());
    let (mut fragments, mut bodies) = (Vec::new(), Vec::new());
    for _ in 0..60_000 {
        let text = text().new_tree(&mut runner).unwrap().current();
        if check_fragment(&text).is_ok() {
            let text = neutralise_colons(&text).into_owned();
            assert_eq!(scan("SELECT ", text.as_bytes()), Scan::default(), "{text:?}");
            fragments.push(text);
        }
        let body = format!("begin atomic {text}");
        for body in [&text, &body] {
            if check_function_body(body).is_ok() {
                bodies.push(neutralise_colons(body).into_owned());
            }
        }
    }
    assert!(fragments.len() > 5000 && bodies.len() > 5000, "{} {}", fragments.len(), bodies.len());
    psql_only_keeps("SELECT ", &fragments);
    psql_only_keeps("CREATE FUNCTION ", &bodies);
}

#[test]
fn the_model_of_psql_that_fuzzing_uses_says_what_psql_does() {
    let mut runner = TestRunner::new(Config::default());
    let mut texts = Vec::new();
    for _ in 0..40_000 {
        let text = text().new_tree(&mut runner).unwrap().current();
        // Its own commands, and statements that it runs, would be more than a look. Within a line that a carriage return breaks,
        // psql goes on with a literal as the server does; the model doesn't.
        if !text.contains('\r') && scan("SELECT ", text.as_bytes()) == Scan::default() {
            texts.push(text);
        }
    }
    assert!(texts.len() > 5000, "{}", texts.len());
    psql_only_keeps("SELECT ", &texts);
}
