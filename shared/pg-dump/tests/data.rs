//! The rows of a dump are the rows of the database, for every shape of them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;

use dumped::{dump, dump_as_pg_dump_does, until_no_session_is_left};
use pg_dump::DumpOptions;
use sql_volume::SectionKind;
use testing::postgres::{Database, MAJORS, USUAL};

/// Slices and sections small enough that a test's tables have several.
fn small() -> DumpOptions {
    DumpOptions { slice_bytes: 256 << 10, section_bytes: 64 << 10, ..DumpOptions::default() }
}

const SHAPES: &str = r#"
    CREATE TABLE empty (a int);
    CREATE TABLE no_columns ();
    INSERT INTO no_columns SELECT FROM generate_series(1, 7);
    CREATE TABLE "Strange ""Name" ("select" text, "a b" int, dropped int, doubled int GENERATED ALWAYS AS ("a b" * 2) STORED);
    ALTER TABLE "Strange ""Name" DROP COLUMN dropped;
    INSERT INTO "Strange ""Name" VALUES (E'\\.', 1), (E'a\tb\nc\rd\be\fg\vh\\', 2), (NULL, NULL), ('', 3), ('\N', 4);
    CREATE TABLE only_generated (c int GENERATED ALWAYS AS (1 + 1) STORED);
    INSERT INTO only_generated VALUES (DEFAULT); INSERT INTO only_generated VALUES (DEFAULT);
    CREATE TABLE types (t timestamptz, d date, i interval, f float8, r real, n numeric, m money, b bytea, j jsonb, a text[], x uuid);
    INSERT INTO types SELECT now() + n * '1 hour'::interval, '2020-01-01'::date + n, n * '1.5 days'::interval, n / 3.0, n / 7.0, n / 9.0,
        n::money, decode(repeat(lpad(to_hex(n % 256), 2, '0'), 20), 'hex'), jsonb_build_object('n', n), ARRAY['x', NULL, n::text], NULL
        FROM generate_series(1, 20000) n;
    INSERT INTO types (t, d, f) VALUES ('infinity', '-infinity', 'NaN'), ('0001-01-01 00:00:00 BC', '4713-01-01 BC', '-Infinity');
    CREATE TABLE parent (id int, v text);
    CREATE TABLE child (extra int) INHERITS (parent);
    INSERT INTO parent SELECT n, 'p' FROM generate_series(1, 30000) n;
    INSERT INTO child SELECT n, 'c', n FROM generate_series(1, 30000) n;
    CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
    CREATE TABLE parts_2 PARTITION OF parts DEFAULT;
    INSERT INTO parts SELECT n, 'v' || n FROM generate_series(1, 200) n;
    CREATE TABLE holes (id int, v text);
    INSERT INTO holes SELECT n, repeat('h', 100) FROM generate_series(1, 20000) n;
    DELETE FROM holes WHERE id % 3 = 0 OR id BETWEEN 5000 AND 15000;
    UPDATE holes SET v = 'updated' WHERE id % 5 = 0;
    CREATE TABLE wide (id int, v text);
    ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
    INSERT INTO wide SELECT n, repeat(chr(97 + n), 100000) FROM generate_series(1, 20) n;
"#;

#[tokio::test]
async fn rows_of_every_shape_equal_pg_dumps_on_every_major() {
    for major in MAJORS {
        let database = Database::create(major).await;
        database.run(SHAPES).await;
        let dumped = dump_as_pg_dump_does(&database, "UTF8", small()).await;
        // Slices of a table: by pages from 14, none on 13.
        assert_eq!(
            dumped.rows_of("holes"),
            dumped.blocks()[&b"COPY public.holes (id, v) FROM stdin;"[..]].len() as u64
        );
        assert!(dumped.of_table("types").len() > 10, "{major}");
        assert_eq!(dumped.of_table("empty").len(), 1);
        assert_eq!(dumped.rows_of("no_columns"), 7);
        until_no_session_is_left(&database).await;
    }
}

#[tokio::test]
async fn two_connections_and_many_read_the_same_rows() {
    let database = Database::create(USUAL).await;
    database.run(SHAPES).await;
    for connections in [1, 2, 3, 8] {
        dump_as_pg_dump_does(&database, "UTF8", DumpOptions { connections, ..small() }).await;
    }
    dump_as_pg_dump_does(&database, "UTF8", DumpOptions::default()).await;
}

#[tokio::test]
async fn every_byte_value_and_row_length_around_a_section_survives() {
    let database = Database::create(USUAL).await;
    database
        .run(
            "CREATE TABLE bytes (id int, b bytea, t text);
             INSERT INTO bytes SELECT n, decode(repeat(lpad(to_hex(n), 2, '0'), 3), 'hex'), CASE WHEN n > 0 THEN chr(n) END
                FROM generate_series(0, 255) n;
             CREATE TABLE lengths (id int, t text);
             INSERT INTO lengths SELECT n, repeat('x', 65536 - 200 + n) FROM generate_series(1, 400) n;",
        )
        .await;
    dump_as_pg_dump_does(&database, "UTF8", small()).await;
}

#[tokio::test]
async fn table_of_1600_columns_equals_pg_dumps() {
    let database = Database::create(USUAL).await;
    let columns: Vec<String> = (1..=1600).map(|n| format!("c{n} bool")).collect();
    let values = vec!["true"; 1600].join(", ");
    database
        .run(&format!(
            "CREATE TABLE broad ({}); INSERT INTO broad VALUES ({values}), (DEFAULT{})",
            columns.join(", "),
            ", DEFAULT".repeat(1599)
        ))
        .await;
    dump_as_pg_dump_does(&database, "UTF8", DumpOptions::default()).await;
}

#[tokio::test]
async fn values_of_8_mib_on_all_connections_equal_pg_dumps() {
    let database = Database::create(USUAL).await;
    for table in ["a", "b", "c"] {
        database
            .run(&format!(
                "CREATE TABLE {table} (id int, b bytea);
                 ALTER TABLE {table} ALTER b SET STORAGE EXTERNAL;
                 INSERT INTO {table} SELECT n, (SELECT string_agg(sha512((n || '{table}' || m)::bytea), '') FROM generate_series(1, 131072) m)
                    FROM generate_series(1, 4) n"
            ))
            .await;
    }
    let dumped = dump_as_pg_dump_does(&database, "UTF8", DumpOptions::default()).await;
    assert!(dumped.sections.iter().all(|section| section.sql.len() < 8 + (16 << 20) + (8 << 20)));
    assert_eq!(dumped.of_table("a").len(), 4);
}

#[tokio::test]
async fn databases_of_other_encodings_keep_their_bytes() {
    for (encoding, name, text) in [
        ("WIN1252", "Stra\u{df}e", "'\u{20ac} \u{fc}ber \u{178}', chr(129)"),
        ("EUC_JP", "\u{8868}", "'\u{65e5}\u{672c}\u{8a9e} \u{30c6}\u{30b9}\u{30c8}', 'x'"),
        ("SQL_ASCII", "table", "E'\\xff\\xfe\\x81', E'\\\\'"),
        ("LATIN1", "\u{e9}t\u{e9}", "'\u{e0}\u{e8}', 'x'"),
    ] {
        let database = Database::create_with(
            USUAL,
            &format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"),
        )
        .await;
        database
            .run(&format!("CREATE TABLE \"{name}\" (a text, b text); INSERT INTO \"{name}\" VALUES ({text})"))
            .await;
        dump_as_pg_dump_does(&database, encoding, DumpOptions::default()).await;
    }
}

#[tokio::test]
async fn sequences_have_the_values_that_pg_dump_sets() {
    for major in MAJORS {
        let database = Database::create(major).await;
        database
            .run(
                "CREATE SEQUENCE untouched; CREATE SEQUENCE down INCREMENT -5 MINVALUE -1000 START -7;
                 SELECT nextval('down'), nextval('down');
                 CREATE TABLE t (id bigserial, i int GENERATED ALWAYS AS IDENTITY);
                 INSERT INTO t DEFAULT VALUES; INSERT INTO t DEFAULT VALUES;
                 CREATE SCHEMA \"Other\"; CREATE SEQUENCE \"Other\".\"S'q\" START 9",
            )
            .await;
        let dumped = dump(&database, DumpOptions::default()).await.unwrap();
        let setvals = |file: &[u8]| {
            let text = String::from_utf8_lossy(file).into_owned();
            let mut lines: Vec<String> = text
                .lines()
                .filter(|line| line.contains("setval") || line.contains("SEQUENCE SET"))
                .map(str::to_owned)
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(setvals(&dumped.file()), setvals(&dumped::pg_dump(&database, "UTF8", &["--data-only"])));
    }
}

#[tokio::test]
async fn large_objects_come_back_byte_for_byte() {
    let database = Database::create(USUAL).await;
    database
        .run(
            "SELECT lo_create(70001);
             SELECT lo_from_bytea(70002, decode(repeat('00ff5c27', 300000), 'hex'));
             SELECT lo_from_bytea(70003, 'x'); SELECT lo_put(70003, 3000000, 'end');
             SELECT lo_from_bytea(70004, decode(repeat('ab', 262144), 'hex'));",
        )
        .await;
    let dumped = dump(&database, small()).await.unwrap();
    let pieces: Vec<_> = dumped.sections.iter().filter(|section| section.kind == SectionKind::LargeObjects).collect();
    assert!(pieces.len() > 3);
    let target = Database::create(USUAL).await;
    for oid in 70001..=70004 {
        target.run(&format!("SELECT lo_create({oid})")).await;
    }
    // Any order.
    for section in pieces.iter().rev() {
        target.run(std::str::from_utf8(&section.sql).unwrap()).await;
    }
    let sql = "SELECT oid, md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1";
    let (ours, theirs) = (target.connect().await, database.connect().await);
    let read = |rows: Vec<tokio_postgres::Row>| -> Vec<(u32, String)> {
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    assert_eq!(read(ours.query(sql, &[]).await.unwrap()), read(theirs.query(sql, &[]).await.unwrap()));
}
