//! Extensions' members, the schema `public`, and tables that need each other.

use super::faithful::{assert_faithful, assert_said_as_pg_dump, schema_of};
use testing::postgres::{Database, MAJORS};

#[tokio::test]
async fn privileges_on_members_of_every_kind_and_what_users_make_of_them_are_told() {
    for major in MAJORS {
        assert_faithful(major, include_str!("../fixtures/initial-privileges.sql")).await;
        // What was added to an extension by hand is not made again.
        let dump = assert_said_as_pg_dump(major, include_str!("../fixtures/members.sql")).await;
        for granted in ["TYPE", "SEQUENCE", "TABLE", "SCHEMA", "FOREIGN DATA WRAPPER", "FOREIGN SERVER"] {
            assert!(dump.contains(&format!(" ON {granted} ")), "{major}: {granted}: {dump}");
        }
    }
}

#[tokio::test]
async fn a_schema_public_that_was_closed_stays_closed() {
    for major in MAJORS {
        assert_faithful(major, include_str!("../fixtures/closed.sql")).await;
        let database = Database::create(major).await;
        database.run("REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
        let closes = schema_of(&database).await.contains("\nREVOKE CREATE ON SCHEMA public FROM PUBLIC;\n");
        assert_eq!(closes, ["13", "14"].contains(&major), "{major}");
    }
}

#[tokio::test]
async fn tables_that_inherit_and_need_each_other_come_back() {
    for major in MAJORS {
        assert_faithful(major, include_str!("../fixtures/inherited.sql")).await;
    }
}

#[tokio::test]
async fn a_partitioned_table_is_said_without_unlogged() {
    let sql = "CREATE UNLOGGED TABLE p (a int) PARTITION BY LIST (a); CREATE UNLOGGED TABLE p1 PARTITION OF p FOR VALUES IN (1)";
    for major in &MAJORS[..5] {
        let dump = assert_said_as_pg_dump(major, sql).await;
        assert!(
            dump.contains("CREATE TABLE public.p (") && dump.contains("CREATE UNLOGGED TABLE public.p1 ("),
            "{dump}"
        );
    }
}
