//! Security labels, and subscriptions.

use super::faithful::{assert_faithful, assert_said_as_pg_dump, roles, schema_of};
use testing::postgres::{Database, MAJORS, USUAL};

#[tokio::test]
async fn security_labels_are_said_as_pg_dump_says_them() {
    for major in MAJORS {
        // Without a provider, nothing can set them again.
        let dump = assert_said_as_pg_dump(major, include_str!("../fixtures/labels.sql")).await;
        assert!(
            dump.contains("SECURITY LABEL FOR \"Other P\" ON COLUMN lab.t.\"B;\" IS 'a''label';\n"),
            "{major}: {dump}"
        );
        assert!(!dump.contains("hs_concat"), "an extension's member: {dump}");
    }
}

#[tokio::test]
async fn labels_of_several_providers_and_on_columns_of_types_are_all_told() {
    let database = Database::create(USUAL).await;
    let sql = "SET allow_system_table_mods = on; CREATE TYPE c AS (a int, b int); INSERT INTO pg_seclabel \
         SELECT 'c'::regclass, 'pg_class'::regclass, 2, p, p || '''s' FROM unnest(ARRAY['one', 'another']) p";
    database.run(sql).await;
    let both = "SECURITY LABEL FOR another ON COLUMN public.c.b IS 'another''s';\n\
         SECURITY LABEL FOR one ON COLUMN public.c.b IS 'one''s';\n";
    assert!(schema_of(&database).await.contains(both));
}

const SUBSCRIPTIONS: [(u32, &str); 5] = [
    (13, include_str!("../fixtures/subscriptions.sql")),
    (14, include_str!("../fixtures/subscriptions-14.sql")),
    (15, include_str!("../fixtures/subscriptions-15.sql")),
    (16, include_str!("../fixtures/subscriptions-16.sql")),
    (17, include_str!("../fixtures/subscriptions-17.sql")),
];

#[tokio::test]
async fn subscriptions_come_back_without_connecting() {
    for major in MAJORS {
        let number: u32 = major.parse().unwrap();
        let sql: String = SUBSCRIPTIONS.iter().filter(|(since, _)| *since <= number).map(|(_, sql)| *sql).collect();
        assert_faithful(major, &sql).await;
    }
}

#[tokio::test]
async fn a_subscription_whose_connection_is_hidden_from_us_is_named_once() {
    for major in MAJORS {
        roles(major).await;
        let database = Database::create(major).await;
        let name = &database.name;
        database.run(&format!("ALTER DATABASE {name} OWNER TO zoo_login")).await;
        let sql =
            "CREATE SUBSCRIPTION mine CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false, slot_name = NONE)";
        database.run(sql).await;
        let url = database.server.url_as("zoo_login", "zoo", name);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let error = pg_dump::schema_text(&client).await.unwrap_err().to_string();
        let named = "the dump would lose an object: subscription mine, whose connection we may not read.";
        assert!(error.starts_with(named), "{major}: {error}");
        let dump = schema_of(&database).await;
        assert!(dump.contains("CREATE SUBSCRIPTION mine CONNECTION 'dbname=none'"), "{major}");
    }
}
