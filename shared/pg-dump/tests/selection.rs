//! A dump of a part is what pg_dump says of that part.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;
#[path = "schema/faithful.rs"]
#[allow(dead_code)]
mod faithful;
#[path = "selection/flags.rs"]
mod flags;

use faithful::roles;
use flags::assert_as_pg_dump;
use testing::postgres::{Database, MAJORS};

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
