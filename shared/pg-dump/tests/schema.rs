//! The schema of a dump is what a stock pg_dump says, and comes back equal.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "schema/circles.rs"]
mod circles;
#[path = "schema/exclusion.rs"]
mod exclusion;
#[path = "schema/faithful.rs"]
mod faithful;
#[path = "schema/found.rs"]
mod found;
#[path = "schema/labels.rs"]
mod labels;
#[path = "schema/members.rs"]
mod members;
#[path = "schema/operators.rs"]
mod operators;

use faithful::{assert_faithful, roles, schema_of};
use testing::postgres::{Database, MAJORS, USUAL};

const ZOO: &[(u32, &str)] = &[
    (13, include_str!("fixtures/zoo.sql")),
    (13, include_str!("fixtures/zoo-operators.sql")),
    (14, include_str!("fixtures/zoo-14.sql")),
    (14, include_str!("fixtures/zoo-operators-14.sql")),
    (15, include_str!("fixtures/zoo-15.sql")),
    (16, include_str!("fixtures/zoo-16.sql")),
    (16, include_str!("fixtures/zoo-operators-16.sql")),
    (17, include_str!("fixtures/zoo-17.sql")),
    (17, include_str!("fixtures/zoo-operators-17.sql")),
    (18, include_str!("fixtures/zoo-18.sql")),
    (13, include_str!("fixtures/zoo-tables.sql")),
    (13, include_str!("fixtures/zoo-partitions.sql")),
    (13, include_str!("fixtures/zoo-on-tables.sql")),
    (14, include_str!("fixtures/zoo-tables-14.sql")),
    (15, include_str!("fixtures/zoo-tables-15.sql")),
    (16, include_str!("fixtures/zoo-tables-16.sql")),
    (17, include_str!("fixtures/zoo-tables-17.sql")),
    (18, include_str!("fixtures/zoo-tables-18.sql")),
];

/// The zoo of a major.
fn zoo(major: &str) -> String {
    let major: u32 = major.parse().unwrap();
    ZOO.iter().filter(|(since, _)| *since <= major).map(|(_, sql)| *sql).collect()
}

#[tokio::test]
async fn the_zoo_of_every_major_comes_back_equal() {
    for major in MAJORS {
        assert_faithful(major, &zoo(major)).await;
    }
}

#[tokio::test]
async fn the_zoo_of_the_oldest_major_has_hundreds_of_objects() {
    roles("13").await;
    let database = Database::create("13").await;
    database.run(&zoo("13")).await;
    let sql = "SELECT count(DISTINCT (classid, objid)) FROM pg_depend d WHERE objid >= 16384 AND deptype IN ('n', 'a') \
         AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e')";
    let count: i64 = database.connect().await.query_one(sql, &[]).await.unwrap().get(0);
    assert!(count >= 250, "{count}");
    let entries = schema_of(&database).await.matches("\n-- Name: ").count();
    assert!(entries >= 250, "{entries}");
}

#[tokio::test]
async fn schemas_of_django_rails_and_sqlalchemy_come_back_equal() {
    for major in MAJORS {
        assert_faithful(major, include_str!("fixtures/django.sql")).await;
        assert_faithful(major, include_str!("fixtures/rails.sql")).await;
        assert_faithful(major, include_str!("fixtures/sqlalchemy.sql")).await;
    }
}

#[tokio::test]
async fn an_empty_database_is_dumped() {
    for major in MAJORS {
        assert_faithful(major, "").await;
    }
}

/// What this version does not dump, and how the refusal names it.
const BEYOND: &[(&str, &str)] =
    &[("SET allow_system_table_mods = on; CREATE TABLE pg_catalog.hidden (a int)", "table hidden")];

#[tokio::test]
async fn what_is_beyond_reach_is_refused_by_name() {
    roles(USUAL).await;
    for (sql, name) in BEYOND {
        let database = Database::create(USUAL).await;
        database.run(sql).await;
        let error = pg_dump::schema_text(&database.connect().await).await.expect_err(sql).to_string();
        assert!(error.contains(name), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_body_with_a_parameter_that_has_no_name_is_refused_as_no_server_takes_it_back() {
    for major in ["14", "18"] {
        let database = Database::create(major).await;
        database.run("CREATE FUNCTION nameless(int, OUT a int) BEGIN ATOMIC SELECT $1 + 1; END").await;
        let error = pg_dump::schema_text(&database.connect().await).await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("nameless") && source.contains("empty name"), "{major}: {error}: {source}");
    }
}

#[tokio::test]
async fn everything_that_is_beyond_reach_is_named_at_once() {
    let database = Database::create(USUAL).await;
    let hidden = "SET allow_system_table_mods = on; CREATE VIEW pg_catalog.one AS SELECT 1; CREATE VIEW pg_catalog.two AS SELECT 2";
    database.run(hidden).await;
    let error = pg_dump::schema_text(&database.connect().await).await.unwrap_err().to_string();
    assert!(error.starts_with("the dump would lose 2 objects: "), "{error}");
    assert!(error.contains("view one") && error.contains("view two"), "{error}");
}

#[tokio::test]
async fn temporary_objects_of_other_sessions_are_no_part_of_a_dump() {
    let database = Database::create(USUAL).await;
    let other = database.connect().await;
    let sql = "CREATE TEMPORARY TABLE t (id serial PRIMARY KEY, a text DEFAULT 'x' CHECK (a <> ''), b int REFERENCES t); \
         CREATE INDEX ON t (a); CREATE TEMPORARY VIEW v AS SELECT a FROM t; CREATE TYPE pg_temp.e AS ENUM ('a'); \
         CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f()";
    other.batch_execute(sql).await.unwrap();
    let empty = Database::create(USUAL).await;
    assert_eq!(schema_of(&database).await, schema_of(&empty).await);
}

#[tokio::test]
async fn an_index_that_is_not_valid_is_left_out() {
    let database = Database::create(USUAL).await;
    database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)").await;
    let client = database.connect().await;
    client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)").await.unwrap_err();
    assert!(!schema_of(&database).await.contains("broken"));
}

#[tokio::test]
async fn hostile_names_stay_names() {
    let name = |i: u32| {
        let hostile = "a\"b'c\n;--\\d $$ :x /* \u{1F418} \r\n\\! false\nDROP SCHEMA public;";
        format!("{i}{hostile}").replace('"', "\"\"")
    };
    let long = "é".repeat(31);
    let sql = format!(
        "CREATE SCHEMA \"{0}\"; CREATE TYPE \"{0}\".\"{1}\" AS ENUM ('{11}'); CREATE TYPE \"{0}\".\"{10}\" AS (\"{1}\" int); \
         CREATE DOMAIN \"{0}\".\"{3}\" AS text CONSTRAINT \"{4}\" CHECK (VALUE <> ''); \
         CREATE TABLE \"{0}\".\"{1}t\" (\"{5}\" int PRIMARY KEY, \"{6}\" \"{0}\".\"{1}\" DEFAULT '{11}', \"{9}\" serial, \
             CONSTRAINT \"{7}\" CHECK (\"{5}\" > 0)); \
         CREATE FUNCTION \"{0}\".\"{8}\"(\"{5}\" \"{0}\".\"{3}\") RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
         CREATE FUNCTION \"{0}\".\"{8}\"() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER \"{4}\" BEFORE INSERT ON \"{0}\".\"{1}t\" FOR EACH ROW EXECUTE FUNCTION \"{0}\".\"{8}\"('{11}'); \
         CREATE INDEX \"{3}\" ON \"{0}\".\"{1}t\" (\"{6}\"); CREATE VIEW \"{0}\".\"{8}\" AS SELECT * FROM \"{0}\".\"{1}t\"; \
         CREATE POLICY \"{2}\" ON \"{0}\".\"{1}t\" USING (\"{5}\" > 1); COMMENT ON TABLE \"{0}\".\"{1}t\" IS '{11}'; \
         CREATE STATISTICS \"{0}\".\"{4}\" ON \"{5}\", \"{6}\" FROM \"{0}\".\"{1}t\"; CREATE PUBLICATION \"{1}\"; \
         COMMENT ON COLUMN \"{0}\".\"{1}t\".\"{5}\" IS '{11}'; GRANT SELECT (\"{5}\") ON \"{0}\".\"{1}t\" TO zoo_reader; \
         CREATE TABLE \"{long}\" (\"{long}\" int REFERENCES \"{0}\".\"{1}t\")",
        name(0),
        name(1),
        name(2),
        name(3),
        name(4),
        name(5),
        name(6),
        name(7),
        name(8),
        name(9),
        name(10),
        name(11).replace('\'', "''"),
    );
    assert_faithful(USUAL, &sql).await;
}

#[tokio::test]
async fn psqls_variables_are_not_found_in_a_dump() {
    let sql = "CREATE TABLE t (a int[], \"DBNAME\" int); \
         CREATE VIEW v AS SELECT a[1:\"DBNAME\"] AS b, a[\"DBNAME\":\"DBNAME\"] AS c FROM t";
    assert_faithful(USUAL, sql).await;
}

#[tokio::test]
async fn an_owner_without_superuser_dumps_what_is_his() {
    for major in MAJORS {
        roles(major).await;
        let database = Database::create(major).await;
        let name = &database.name;
        let sql = format!(
            "ALTER DATABASE {name} OWNER TO zoo_login; CREATE SCHEMA a AUTHORIZATION zoo_login; SET SESSION AUTHORIZATION zoo_login; \
             CREATE TABLE a.t (id serial PRIMARY KEY, b text DEFAULT 'x'); CREATE VIEW a.v AS SELECT * FROM a.t; \
             CREATE FUNCTION a.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_create(9000001)"
        );
        database.run(&sql).await;
        let as_superuser = schema_of(&database).await;
        let (client, connection) =
            tokio_postgres::connect(&database.server.url_as("zoo_login", "zoo", name), tokio_postgres::NoTls)
                .await
                .unwrap();
        tokio::spawn(connection);
        assert_eq!(pg_dump::schema_text(&client).await.unwrap(), as_superuser, "{major}");
    }
}
