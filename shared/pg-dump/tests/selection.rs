//! A dump of a part is what pg_dump says of that part.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;
#[path = "schema/faithful.rs"]
#[allow(dead_code)]
mod faithful;
#[path = "selection/flags.rs"]
mod flags;

use std::time::Duration;

use dumped::{dump, pg_dump};
use faithful::roles;
use flags::{assert_as_pg_dump, assert_same, chosen_by_pg_dump, names, options, psql};
use pg_dump::{DumpOptions, Error, Warning};
use testing::postgres::{Database, MAJORS, USUAL};

const FAMILY: &str = include_str!("fixtures/family.sql");

/// The zoo of a major.
fn zoo(major: &str) -> String {
    let files = [
        (13, include_str!("fixtures/zoo.sql")),
        (14, include_str!("fixtures/zoo-14.sql")),
        (15, include_str!("fixtures/zoo-15.sql")),
        (16, include_str!("fixtures/zoo-16.sql")),
        (17, include_str!("fixtures/zoo-17.sql")),
        (18, include_str!("fixtures/zoo-18.sql")),
    ];
    let major: u32 = major.parse().unwrap();
    files.iter().filter(|(since, _)| *since <= major).map(|(_, sql)| *sql).collect()
}

async fn database(major: &str, sql: &str) -> Database {
    roles(major).await;
    let database = Database::create(major).await;
    database.run(sql).await;
    database
}

/// All on the oldest and the newest major; on those between them, each on one.
fn on<'a>(major: &str, all: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let between = MAJORS[1..MAJORS.len() - 1].iter().position(|between| *between == major);
    let chosen = move |place: &usize| between.is_none_or(|between| place % (MAJORS.len() - 2) == between);
    all.iter().enumerate().filter(move |(place, _)| chosen(place)).map(|(_, flags)| *flags)
}

#[tokio::test]
async fn parts_of_the_zoo_equal_pg_dumps_on_every_major() {
    for major in MAJORS {
        let zoo = database(major, &zoo(major)).await;
        for flags in on(
            major,
            &[
                "",
                "--schema-only",
                "--data-only",
                "--no-owner",
                "--no-privileges",
                "--schema-only --no-owner --no-privileges",
                "--data-only --no-owner --no-privileges",
                "--table app.*",
                "--table app.* --no-owner --schema-only",
                "--exclude-table app.*",
                "--exclude-table app.* --data-only",
                "--table public.* --exclude-table *.*a*",
            ],
        ) {
            assert_as_pg_dump(&zoo, flags).await;
        }
    }
}

#[tokio::test]
async fn parts_of_a_family_of_tables_equal_pg_dumps_on_every_major() {
    for major in MAJORS {
        let family = database(major, FAMILY).await;
        for flags in on(
            major,
            &[
                "",
                "--data-only",
                "--schema-only --no-owner",
                "--table sales.customer",
                "--table sales.customer --schema-only --no-privileges",
                "--table sales.customer --data-only",
                "--table sales.customer --exclude-table sales.customer_id_seq",
                "--table sales.borrowed --table sales.alone",
                "--table sales.customer_order",
                "--table sales.customer_order_2025",
                "--table sales.customer_order*",
                "--table sales.customer_order* --exclude-table sales.customer_order",
                "--table sales.names --table sales.names_of_names",
                "--table sales.names --table sales.customer",
                "--table sales.through_function --table sales.names",
                "--table sales.by_key",
                "--table sales.by_key --table sales.counts --schema-only",
                "--table sales.c* --data-only --no-owner",
                "--table sales.elsewhere",
                "--table child",
                "--table grandchild --table parent",
                "--table grandchild",
                "--table sales.h* --table sales.egg",
                "--exclude-table sales.customer",
                "--exclude-table sales.customer_order",
                "--exclude-table sales.* --no-owner --no-privileges",
                "--exclude-table parent --exclude-table nothing.at_all",
                "--exclude-table sales.aardvark --data-only",
                "--exclude-table sales.names --exclude-table sales.by_key",
                "--exclude-table sales.borrowed --exclude-table sales.customer_order_id_seq",
            ],
        ) {
            assert_as_pg_dump(&family, flags).await;
        }
    }
}

#[tokio::test]
async fn definitions_and_then_rows_make_the_whole_on_every_major() {
    for major in MAJORS {
        let family = database(major, FAMILY).await;
        let schema = dump(&family, options(&["--schema-only"])).await.unwrap();
        assert!(schema.summary.tables.is_empty() && schema.summary.warnings.is_empty());
        let data = dump(&family, options(&["--data-only"])).await.unwrap();
        // Either of the two may come first.
        let [Warning { code: "circular-foreign-keys", objects, .. }] = &data.summary.warnings[..] else {
            panic!("{:?}", data.summary.warnings)
        };
        assert!(objects[..] == ["sales.egg"] || objects[..] == ["sales.hen"], "{objects:?}");

        let copy = Database::create(major).await;
        psql(&copy, &schema);
        psql(&copy, &data);
        assert_same(&pg_dump(&copy, "UTF8", &[]), &pg_dump(&family, "UTF8", &[]), major);
    }
}

#[tokio::test]
async fn rows_alone_come_after_the_rows_that_they_refer_to() {
    let family = database(USUAL, FAMILY).await;
    let data = dump(&family, options(&["--data-only"])).await.unwrap();
    let place = |table: &str| data.of_table(table)[0].seq;
    for (table, refers_to) in [
        ("aardvark", "zebra"),
        ("customer_order_2025", "customer"),
        ("customer_order_2026_rest", "aardvark"),
        ("item", "customer_order_2025"),
    ] {
        assert!(place(refers_to) < place(table), "{table}");
    }
}

/// Patterns that read otherwise than they look.
const PATTERNS: [&str; 34] = [
    "Upper",
    "\"Upper\"",
    "upper",
    "\"Up*\"",
    "\"Up\"*",
    "with.dot",
    "\"with.dot\"",
    "*.\"with.dot\"",
    "\"Odd.Schema\".*",
    "\"Odd.Schema\".\"with \"\"quote\"",
    "\"Odd.Schema.with\"",
    "dol$lar",
    "\"dol$lar\"",
    "dol$",
    "star*",
    "\"star*\"",
    "ques?tion",
    "\"ques?tion\"",
    "br[ack]et",
    "\"br[ack]et\"",
    "br[a-k]*",
    "arr[]",
    "\"arr[]\"",
    "back\\\\slash",
    "\"back\\slash\"",
    "ünï",
    "\"Ünï\"",
    "?nï",
    "(child|parent)",
    "\"pipe|(d)\"",
    "pipe|(d)",
    "new?line",
    "sales.customer_(id|none)_seq",
    "CHILD",
];

#[tokio::test]
async fn patterns_choose_what_pg_dump_chooses() {
    let family = database(USUAL, FAMILY).await;
    for pattern in PATTERNS {
        let ours = dump(&family, options(&["--schema-only", "--no-privileges", "--table", pattern])).await;
        match (ours, chosen_by_pg_dump(&family, pattern)) {
            (Ok(ours), Some(theirs)) => assert_eq!(names(&ours.file()), theirs, "{pattern}"),
            (Err(Error::NoMatch { patterns }), None) => assert_eq!(patterns, [pattern]),
            (Ok(ours), None) => panic!("{pattern}: only we found {:?}", names(&ours.file())),
            (Err(error), theirs) => panic!("{pattern}: {error:?}, and pg_dump chose {theirs:?}"),
        }
    }
}

#[tokio::test]
async fn pattern_without_a_match_is_an_error_by_name() {
    let family = database(USUAL, FAMILY).await;
    // Not in the search path; the system's; folded; an extension's nothing.
    let flags = ["--table", "sales.zebra", "--table", "zebra", "--table", "pg_class", "--table", "UPPER"];
    let error = dump(&family, options(&flags)).await.err().unwrap();
    assert!(
        matches!(&error, Error::NoMatch { patterns } if patterns[..] == ["zebra", "pg_class", "UPPER"]),
        "{error:?}"
    );
    assert!(error.to_string().contains("\"zebra\", \"pg_class\", \"UPPER\""), "{error}");

    family.run(&format!("ALTER DATABASE {} SET search_path = sales", family.name)).await;
    let found = dump(&family, options(&["--table", "zebra"])).await.unwrap();
    assert_eq!(found.rows_of("zebra"), 2);
    let ours = format!("{}.sales.zebra", family.name);
    assert_eq!(dump(&family, options(&["--table", &ours])).await.unwrap().rows_of("zebra"), 2);
    let error = dump(&family, options(&["--table", "elsewhere.sales.zebra"])).await.err().unwrap();
    assert!(error.to_string().contains("elsewhere.sales.zebra"), "{error}");
    let error = dump(&family, options(&["--table", "(z"])).await.err().unwrap();
    assert!(error.to_string().contains("(z"), "{error}");
}

#[tokio::test]
async fn only_what_is_dumped_is_locked() {
    let family = database(USUAL, FAMILY).await;
    let other = family.connect().await;
    other.batch_execute("BEGIN; TRUNCATE sales.item").await.unwrap();
    let impatient =
        |flags: &[&str]| DumpOptions { lock_timeout: Duration::from_millis(200), lock_attempts: 1, ..options(flags) };
    let chosen = dump(&family, impatient(&["--table", "sales.customer_order_2025"])).await.unwrap();
    assert!(chosen.rows_of("customer_order_2025") > 0);
    dump(&family, impatient(&["--exclude-table", "sales.item"])).await.unwrap();
    let error = dump(&family, impatient(&["--schema-only"])).await.err().unwrap();
    assert!(matches!(&error, Error::LockTimeout { .. }), "{error:?}");
}

#[tokio::test]
async fn sequence_that_cannot_be_had_without_its_table_is_an_error_by_name() {
    let family = database(USUAL, FAMILY).await;
    let alone = ["--table", "sales.customer_number_seq"];
    let error = dump(&family, options(&alone)).await.err().unwrap();
    assert!(error.to_string().contains("sequence sales.customer_number_seq"), "{error}");
    let partial = DumpOptions { allow_partial: true, ..options(&alone) };
    let warnings = dump(&family, partial).await.unwrap().summary.warnings;
    assert!(
        matches!(&warnings[..], [Warning { code: "not-dumped", objects, .. }] if objects.len() == 1),
        "{warnings:?}"
    );
}
