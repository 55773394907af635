//! What harder schemas than the zoo have shown.

use testing::postgres::{Database, MAJORS};

use crate::faithful::{assert_faithful, assert_said_as_pg_dump, schema_of};

#[tokio::test]
async fn what_harder_schemas_have_shown_comes_back_equal() {
    let common = include_str!("../fixtures/found.sql");
    for major in MAJORS {
        let of_major = match major {
            "13" => {
                "CREATE OPERATOR #%# (LEFTARG = int8, PROCEDURE = numeric_fac); -- The last major with postfix operators."
            }
            "18" => include_str!("../fixtures/found-18.sql"),
            _ => "",
        };
        assert_faithful(major, &format!("{common}\n{of_major}")).await;
    }
}

/// Whatever lacks a program of its own (PL/Perl and the like) is passed over.
const ALL_EXTENSIONS: &str = "DO $$ DECLARE extension name; BEGIN \
    FOR extension IN SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY name LOOP \
        BEGIN EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I CASCADE', extension); EXCEPTION WHEN OTHERS THEN NULL; END; \
    END LOOP; END $$";

#[tokio::test]
async fn every_extension_that_the_server_has_comes_back_equal() {
    for major in MAJORS {
        assert_faithful(major, ALL_EXTENSIONS).await;
    }
}

#[tokio::test]
async fn a_comment_that_outlived_its_subscription_is_none() {
    for major in MAJORS {
        let database = Database::create(major).await;
        let name = &database.name;
        let options = "CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE)";
        database.run(&format!("CREATE SUBSCRIPTION {name} {options}; COMMENT ON SUBSCRIPTION {name} IS 'left'")).await;
        database.run(&format!("DROP SUBSCRIPTION {name}")).await;
        assert!(!schema_of(&database).await.contains("left"), "{major}");
    }
}

/// Extensions write them there; no statement can.
#[tokio::test]
async fn what_no_statement_sets_of_a_views_columns_is_left_out() {
    for major in MAJORS {
        let sql = "CREATE VIEW looked AS SELECT 1 AS id; \
            UPDATE pg_attribute SET attoptions = '{n_distinct=7}', attstattarget = 7 WHERE attrelid = 'looked'::regclass";
        assert!(!assert_said_as_pg_dump(major, sql).await.contains("ALTER COLUMN"), "{major}");
    }
}

/// As servers of later minor versions than those of these tests write it there.
#[tokio::test]
async fn a_server_s_own_counter_is_no_option_of_a_column() {
    for major in MAJORS {
        let database = Database::create(major).await;
        let set = |options: &str, column: &str| {
            format!(
                "UPDATE pg_attribute SET attoptions = '{{{options}}}' WHERE attrelid = 'counted'::regclass AND attname = '{column}'"
            )
        };
        let table = "CREATE TABLE counted (alone int, first int, last int)";
        let (alone, first, last) =
            ("pg_attver=345940280", "pg_attver=3,n_distinct=5", "n_distinct_inherited=-1,pg_attver=4");
        let sql = [table, &set(alone, "alone"), &set(first, "first"), &set(last, "last")].join("; ");
        database.run(&sql).await;
        let schema = schema_of(&database).await;
        let said: Vec<&str> = schema.lines().filter(|line| line.contains("ALTER COLUMN")).collect();
        assert_eq!(
            said,
            [
                "ALTER TABLE ONLY public.counted ALTER COLUMN first SET (n_distinct=5);",
                "ALTER TABLE ONLY public.counted ALTER COLUMN last SET (n_distinct_inherited=-1);",
            ],
            "{major}"
        );
    }
}
