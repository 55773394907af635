//! A role that may read all data and owns nothing, as managed servers give it to backups.

use pg_client::{ConnectOptions, Password};
use pg_dump::{Dump, DumpOptions, Error};
use testing::postgres::Database;
use testing::unique;

use crate::dumped::{connect, rest, until_no_session_is_left};
use crate::whole::assert_whole;

const OTHERS: &str = r#"
    CREATE SCHEMA shop AUTHORIZATION OWNER; CREATE SCHEMA "Closed" AUTHORIZATION OWNER; SET SESSION AUTHORIZATION OWNER;
    CREATE TYPE shop.state AS ENUM ('new', 'sold'); CREATE DOMAIN shop.price AS numeric CHECK (VALUE >= 0);
    CREATE TABLE shop.items (id bigserial PRIMARY KEY, i int GENERATED ALWAYS AS IDENTITY, s shop.state, p shop.price, v text);
    INSERT INTO shop.items (s, p, v) SELECT 'new', n, repeat(E'\\.\t', n % 9) FROM generate_series(1, 5000) n;
    CREATE TABLE "Closed".parts (k int, v text) PARTITION BY RANGE (k);
    CREATE TABLE "Closed".part PARTITION OF "Closed".parts DEFAULT; INSERT INTO "Closed".parts VALUES (1, 'a'), (2, NULL);
    CREATE SEQUENCE "Closed".numbers START 7; SELECT nextval('"Closed".numbers'); SELECT nextval('"Closed".numbers');
    CREATE FUNCTION "Closed".f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION "Closed".f() FROM PUBLIC;
    CREATE VIEW shop.sold AS SELECT * FROM shop.items WHERE s = 'sold'; CREATE MATERIALIZED VIEW shop.kept AS SELECT count(*) FROM shop.items;
    CREATE INDEX ON shop.items (v) WHERE id > 9; COMMENT ON TABLE shop.items IS 'theirs'; REVOKE ALL ON shop.items FROM PUBLIC;
    RESET SESSION AUTHORIZATION;"#;

/// Two roles of a test's own: who owns everything, and who reads it.
struct Roles {
    owner: String,
    reader: String,
    database: Database,
}

impl Roles {
    async fn create(major: &str) -> Self {
        let (database, owner, reader) = (Database::create(major).await, unique("o_"), unique("r_"));
        let sql = OTHERS.replace("OWNER", &owner);
        database
            .run(&format!(
                "CREATE ROLE {owner}; CREATE ROLE {reader} LOGIN PASSWORD 'plain' IN ROLE pg_read_all_data; {sql}"
            ))
            .await;
        Self { owner, reader, database }
    }

    fn connect(&self) -> ConnectOptions {
        let mut options = connect(&self.database);
        options.user.clone_from(&self.reader);
        options.password = Some(Password::new("plain".to_owned()));
        options
    }

    async fn refused(&self) -> Error {
        let error = match Dump::open(&self.connect(), DumpOptions::default()).await {
            Ok(dump) => rest(dump).await.err().unwrap(),
            Err(error) => error,
        };
        until_no_session_is_left(&self.database).await;
        error
    }

    async fn end(self, target: &Database) {
        target.run(&format!("DROP OWNED BY {} CASCADE", self.owner)).await;
        self.database
            .run(&format!("DROP OWNED BY {0}, {1} CASCADE; DROP ROLE {0}, {1}", self.owner, self.reader))
            .await;
    }
}

#[tokio::test]
async fn reader_of_all_data_dumps_what_others_own_and_names_what_needs_more() {
    for major in ["14", "15", "16", "17", "18"] {
        let (roles, target) = (Roles::create(major).await, Database::create(major).await);
        let database = &roles.database;
        let dumped = assert_whole(database, &target, &roles.connect(), "UTF8").await;
        assert_eq!((dumped.rows_of("items"), dumped.rows_of("part")), (5000, 2), "{major}");

        // Large objects are beyond the role, and so are rows behind policies: both are said at once.
        database.run("SELECT lo_from_bytea(90003, 'theirs')").await;
        let error = roles.refused().await;
        assert!(
            matches!(&error, Error::NotReadable { objects, .. } if objects[..] == ["large object 90003"]),
            "{error:?}"
        );
        database
            .run(
                "CREATE TABLE \"Closed\".policed (a int); INSERT INTO \"Closed\".policed VALUES (1), (2);
                 ALTER TABLE \"Closed\".policed ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON \"Closed\".policed USING (a = 1)",
            )
            .await;
        let error = roles.refused().await;
        let Error::NotReadWhole { role, objects, tables } = &error else { panic!("{major}: {error:?}") };
        assert_eq!(role, &roles.reader);
        assert_eq!(
            (&objects[..], &tables[..]),
            (&["large object 90003".to_owned()][..], &["\"Closed\".policed".to_owned()][..])
        );

        // What is granted is read.
        let reader = &roles.reader;
        database.run(&format!("ALTER ROLE {reader} BYPASSRLS; GRANT SELECT ON LARGE OBJECT 90003 TO {reader}")).await;
        let again = Database::create(major).await;
        let dumped = assert_whole(database, &again, &roles.connect(), "UTF8").await;
        assert_eq!(dumped.rows_of("policed"), 2, "{major}");
        again.run(&format!("DROP OWNED BY {}, {reader} CASCADE", roles.owner)).await;
        roles.end(&target).await;
    }
}

#[tokio::test]
async fn what_the_server_hides_from_a_reader_of_all_data_is_named() {
    let roles = Roles::create("18").await;
    roles
        .database
        .run(
            "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER hidden FOREIGN DATA WRAPPER w;
             CREATE USER MAPPING FOR postgres SERVER hidden OPTIONS (password 'theirs')",
        )
        .await;
    let error = roles.refused().await.to_string();
    assert!(error.contains("hidden") && !error.contains("theirs"), "{error}");
    let nothing = Database::create("18").await;
    roles.end(&nothing).await;
}
