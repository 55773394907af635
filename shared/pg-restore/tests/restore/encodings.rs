//! Databases in other encodings than UTF-8, with names and rows beyond ASCII.

use testing::postgres::Database;

use crate::backup::{Backup, simple};
use crate::database::{Place, pg_dump};
use crate::failures::{backup, dump};
use crate::login::{By, by_anyone};

/// What was not compared is returned.
async fn comes_back(by: By, encoding: &str, schema: &str) -> Vec<String> {
    let source = Database::create_with(
        by.major,
        &format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"),
    )
    .await;
    source.run(schema).await;
    let place = Place::by(by).await;
    let report = place.restore(Backup::of(&source).await.into()).await.unwrap();
    assert!(report.rows_equal && report.rows > 0 && report.differences.is_empty(), "{report:?}");
    let owners = report.needs_superuser.len();
    assert_eq!(report.equal, report.not_compared.is_empty() && owners == 0, "{report:?}");
    assert_eq!(owners > 0, place.master.is_some(), "{report:?}");
    assert_eq!(place.dumped(), pg_dump(&source.server, &source.name), "{encoding}");
    report.not_compared
}

by_anyone! {
async fn names_and_rows_come_back_in_single_byte_encodings(by: By) {
    for encoding in ["LATIN1", "WIN1252"] {
        let left = comes_back(
            by,
            encoding,
            "CREATE TABLE public.\"Bücher\" (\"Straße\" text DEFAULT 'ä;', n int CHECK (n > 0)); \
             INSERT INTO public.\"Bücher\" VALUES ('é\t\\', 1), (NULL, 2); COMMENT ON TABLE public.\"Bücher\" IS 'été'; \
             CREATE TABLE public.plain (a text); INSERT INTO public.plain VALUES ('ÿ'); \
             CREATE VIEW public.\"Größe\" AS SELECT 'ß'::text AS \"Maß\"; CREATE INDEX \"ü\" ON public.\"Bücher\" (\"Straße\")",
        )
        .await;
        assert_eq!(left, [""; 0]);
    }
}
}

by_anyone! {
async fn rows_come_back_in_multibyte_encodings(by: By) {
    for encoding in ["EUC_JP", "EUC_KR", "EUC_CN"] {
        let left = comes_back(
            by,
            encoding,
            "CREATE TABLE public.t (a text DEFAULT '日本;'); INSERT INTO public.t VALUES ('日本'), ('本'); \
             COMMENT ON TABLE public.t IS '日本'; CREATE VIEW public.v AS SELECT '本'::text AS a",
        )
        .await;
        assert_eq!(left, [""; 0]);
    }
}
}

by_anyone! {
async fn bytes_of_no_encoding_come_back(by: By) {
    // Definitions are told in UTF-8 only: no backup of ours has others.
    let left = comes_back(
        by,
        "SQL_ASCII",
        "CREATE TABLE public.t (a text DEFAULT E'\\xff;'); INSERT INTO public.t VALUES (E'\\xe9\\xff'), ('é'); \
         COMMENT ON TABLE public.t IS E'\\xfe'",
    )
    .await;
    assert!(left.len() == 1 && left[0].starts_with("definitions: read comments"), "{left:?}");
}
}

by_anyone! {
async fn bytes_that_are_not_what_the_text_calls_them_are_refused(by: By) {
    let place = Place::by(by).await;
    for (table, rows, expected) in [
        ("CREATE TABLE public.t (a int, b text DEFAULT '?');", "", "restore TABLE public.t"),
        ("CREATE TABLE public.t (a int, b text);", "1\t?\n", "restore TABLE DATA public.t"),
    ] {
        let text = dump(table, rows, "SELECT 1;").into_bytes();
        let text: Vec<u8> = text.iter().map(|byte| if *byte == b'?' { 0xe9 } else { *byte }).collect();
        let refusal = place.refusal(Backup::of_dump(simple(), &text).into()).await;
        assert!(refusal.starts_with(expected) && refusal.contains("22021"), "{refusal}");
    }
    let sjis = dump("CREATE TABLE public.t (a int, b text);", "", "SELECT 1;").replace("'UTF8'", "'SJIS'");
    let mut spoilt = backup(&dump("CREATE TABLE public.t (a int, b text);", "", "SELECT 1;"));
    let section = sql_volume::Section {
        kind: sql_volume::SectionKind::Preamble,
        seq: 0,
        after: None,
        sql: sjis[..sjis.find("--").unwrap()].into(),
        rows: None,
    };
    spoilt.sections[0] = sql_volume::compress(&section, 1, spoilt.seed).unwrap();
    let refusal = place.refusal(spoilt.into()).await;
    assert!(refusal.contains("sets client_encoding to SJIS"), "{refusal}");
}
}
