#![allow(clippy::panic, clippy::unwrap_used)]
use super::*;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

const SEED: [u8; 8] = *b"a seed 8";
const BEGIN: &str =
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict aZ9\n\n-- Dumped from database version 9.6.24\n\n";
const MIDDLE: &str = "SET client_encoding = 'UTF8';\n\n-- Name: t; Type: TABLE\nCREATE TABLE t (\n\ta text\n);\n\n\
    COPY t (a) FROM stdin;\n1\n\\.x\n\\\\.\n\n-- no comment\n\\.\n\n\nCOPY e FROM stdin;\n\\.\nSELECT 'x;\n\\! y';\n";
const END: &str = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict aZ9\n\n";

/// Returns so many bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl AsyncRead for Slow<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let count = self.1.min(self.0.len()).min(buf.remaining());
        let (now, rest) = self.0.split_at(count);
        buf.put_slice(now);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

async fn read(text: &str) -> Result<(Vec<String>, u128), PlainError> {
    let mut reader = PlainReader::new(Slow(text.as_bytes(), 7), DigestSeed::new(SEED));
    let mut pieces = Vec::new();
    while let Some(piece) = reader.next().await? {
        pieces.push(match piece {
            Piece::Statement { text, .. } => String::from_utf8(text).unwrap(),
            Piece::Rows { command, rows } => String::from_utf8([&command[..], b"|", &rows].concat()).unwrap(),
        });
    }
    assert_eq!(reader.bytes(), text.len() as u64);
    assert_eq!(reader.version(), ("9.6.24", 90_624));
    Ok((pieces, reader.digest()))
}

#[tokio::test]
async fn statements_and_rows_come_as_psql_cuts_them() {
    let (pieces, _) = read(&format!("{BEGIN}{MIDDLE}{END}")).await.unwrap();
    assert_eq!(
        pieces,
        [
            "SET client_encoding = 'UTF8';",
            "CREATE TABLE t (\n\ta text\n);",
            "COPY t (a) FROM stdin;|1\n\\.x\n\\\\.\n\n-- no comment\n",
            "COPY e FROM stdin;|",
            "SELECT 'x;\n\\! y';",
        ]
    );
}

#[tokio::test]
async fn dump_that_is_cut_anywhere_is_refused() {
    let whole = format!("{BEGIN}{MIDDLE}{END}");
    for length in 0..whole.trim_end().len() {
        match read(&whole[..length]).await {
            Err(PlainError::Incomplete | PlainError::NoDump | PlainError::Split { .. }) => {}
            other => panic!("{length}: {other:?}"),
        }
    }
    read(whole.trim_end()).await.unwrap();
    let without = whole.replace("\\restrict aZ9\n", "").replace("\\unrestrict aZ9\n", "");
    for length in 0..without.trim_end().len() - "\n--".len() {
        assert!(read(&without[..length]).await.is_err(), "{length}");
    }
}

#[tokio::test]
async fn commands_of_psql_are_refused_wherever_psql_would_obey() {
    for (hostile, command) in [
        ("\\! touch /tmp/x\n", "!"),
        ("\\copy t from '/etc/passwd'\n", "copy"),
        ("\\i /etc/passwd\n", "i"),
        ("  \\i /etc/passwd\n", "i"),
        ("\\connect other\n", "connect"),
        ("\\restrict a b\n", "restrict"),
        ("\\restrict `id`\n", "restrict"),
        ("\\unrestrict\n", "unrestrict"),
        ("SELECT 1; \\! id\n", "!"),
        ("SELECT 1 \\g | sh\n", "g"),
        ("SELECT 1 \\; \\! id\n;\n", ";"),
        ("COPY t FROM stdin;\n\\.\n\\! id\n", "!"),
        ("/* c */ \\! id\n", "!"),
        ("\\\n", ""),
    ] {
        let text = format!("{BEGIN}{hostile}{END}");
        match read(&text).await {
            Err(PlainError::Metacommand { command: found, line }) => {
                let at =
                    text.find(hostile).unwrap() + hostile.rfind('\\').unwrap().min(hostile.find(" \\;").unwrap_or(99));
                assert_eq!((found.as_str(), line), (command, text[..at].matches('\n').count() as u64 + 1), "{hostile}");
            }
            other => panic!("{hostile}: {other:?}"),
        }
    }
    for (begin, end) in [("\\restrict b\n", END), ("", "\\unrestrict b\n"), ("\\unrestrict aZ9\n", END)] {
        let error = read(&format!("{BEGIN}{begin}SELECT 1;\n{end}")).await.unwrap_err();
        assert!(matches!(error, PlainError::Restrict { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_looks_like_the_end_within_rows_or_literals_is_none() {
    let end = "\n--\n-- PostgreSQL database dump complete\n--\n";
    for cut in [format!("COPY t FROM stdin;{end}"), format!("SELECT '{end}"), format!("SELECT $$;{end}")] {
        assert!(read(&format!("{BEGIN}{cut}")).await.is_err());
    }
    let early = format!("{BEGIN}{end}SELECT 1;\n\\unrestrict aZ9\n");
    assert!(matches!(read(&early).await, Err(PlainError::Incomplete)));
}

#[tokio::test]
async fn other_files_are_no_dumps() {
    for text in ["", "--\n", "SELECT 1;\n", "PGDMP\u{1}\u{e}", "--\n-- PostgreSQL database cluster dump\n--\n"] {
        assert!(matches!(read(text).await, Err(PlainError::NoDump)), "{text}");
    }
}

#[tokio::test]
async fn another_text_has_another_digest() {
    let whole = format!("{BEGIN}{MIDDLE}{END}");
    let (_, digest) = read(&whole).await.unwrap();
    for (from, to) in [("1\n", "2\n"), ("COPY e", "COPY f"), ("\n\n\n", "\n--\n")] {
        assert_ne!(read(&whole.replacen(from, to, 1)).await.unwrap().1, digest);
    }
}

#[tokio::test]
async fn rows_longer_than_a_piece_stay_whole() {
    let row = "x".repeat(ROWS + 1000);
    let text = format!("{BEGIN}COPY t FROM stdin;\nfirst\n{row}\nlast\n\\.\n{END}");
    let mut reader = PlainReader::new(text.as_bytes(), DigestSeed::new(SEED));
    let mut rows = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        let Piece::Rows { rows: some, .. } = piece else { panic!("{piece:?}") };
        assert!(some.ends_with(b"\n"));
        rows.extend_from_slice(&some);
    }
    assert!(rows == format!("first\n{row}\nlast\n").as_bytes());
}

#[test]
fn versions_are_numbered_as_the_server_numbers_them() {
    let all = ["15.8", "9.6.24", "18beta1", "17.10 (Debian)", "13", "x"].map(number);
    assert_eq!(all, [Some(150_008), Some(90_624), Some(180_000), Some(170_010), Some(130_000), None]);
}
