//! What can't be dumped whole is an error that names it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;

use dumped::{connect, dump, rest, until_no_session_is_left};
use pg_client::{ConnectOptions, Password};
use pg_dump::{Dump, DumpOptions, Error};
use testing::postgres::{Database, MAJORS, USUAL};
use testing::unique;

/// A role of a test's own, dropped with its privileges.
struct Role {
    name: String,
    database: Database,
}

impl Role {
    async fn create(major: &str, sql: &str) -> Self {
        let (database, name) = (Database::create(major).await, unique("r_"));
        database.run(&format!("CREATE ROLE {name} LOGIN PASSWORD 'plain'; {}", sql.replace("ROLE_NAME", &name))).await;
        Self { name, database }
    }

    fn connect(&self) -> ConnectOptions {
        let mut options = connect(&self.database);
        options.user.clone_from(&self.name);
        options.password = Some(Password::new("plain".to_owned()));
        options
    }

    async fn refused(&self) -> Error {
        let error = match Dump::open(&self.connect(), DumpOptions::default()).await {
            Ok(dump) => rest(dump).await.err().unwrap(),
            Err(error) => error,
        };
        assert!(!error.to_string().contains("plain"));
        until_no_session_is_left(&self.database).await;
        error
    }

    async fn end(self) {
        self.database.run(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.name)).await;
    }
}

#[tokio::test]
async fn tables_and_schemas_that_may_not_be_read_are_all_named() {
    let role = Role::create(
        USUAL,
        "CREATE TABLE open (a int); GRANT SELECT ON open TO ROLE_NAME; CREATE TABLE secret (a int);
         CREATE TABLE insertable (a int); GRANT INSERT ON insertable TO ROLE_NAME;
         CREATE SCHEMA shut; CREATE TABLE shut.inside (a int); GRANT SELECT ON shut.inside TO ROLE_NAME",
    )
    .await;
    let error = role.refused().await;
    let Error::NotReadable { role: who, objects } = &error else { panic!("{error:?}") };
    assert_eq!(who, &role.name);
    assert_eq!(objects[..], ["public.secret", "public.insertable", "shut.inside"]);
    assert!(error.to_string().contains("public.secret") && error.to_string().contains("GRANT SELECT"), "{error}");
    role.end().await;
}

#[tokio::test]
async fn sequences_that_may_not_be_read_are_named() {
    let role =
        Role::create(USUAL, "CREATE SEQUENCE mine; GRANT SELECT ON mine TO ROLE_NAME; CREATE SEQUENCE secret").await;
    let error = role.refused().await;
    assert!(matches!(&error, Error::NotReadable { objects, .. } if objects[..] == ["public.secret"]), "{error:?}");
    role.end().await;
}

#[tokio::test]
async fn large_object_that_may_not_be_read_is_named() {
    let role = Role::create(USUAL, "SELECT lo_from_bytea(71001, 'x')").await;
    let error = role.refused().await;
    assert!(matches!(&error, Error::NotReadable { objects, .. } if objects[..] == ["large object 71001"]), "{error:?}");
    role.end().await;
}

#[tokio::test]
async fn rows_hidden_by_row_security_are_an_error_and_not_a_part_of_the_rows() {
    let role = Role::create(
        USUAL,
        "CREATE TABLE policed (a int); INSERT INTO policed VALUES (1), (2); ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
         CREATE POLICY part ON policed USING (a = 1); GRANT SELECT ON policed TO ROLE_NAME",
    )
    .await;
    let error = role.refused().await;
    assert!(matches!(&error, Error::RowSecurity { tables, .. } if tables[..] == ["public.policed"]), "{error:?}");
    // A superuser sees all rows.
    assert_eq!(dump(&role.database, DumpOptions::default()).await.unwrap().rows_of("policed"), 2);
    role.end().await;
}

#[tokio::test]
async fn role_without_superuser_dumps_what_it_may_read() {
    for major in MAJORS {
        let role = Role::create(
            major,
            "CREATE TABLE t (id serial, v text); INSERT INTO t (v) SELECT md5(n::text) FROM generate_series(1, 5000) n;
             GRANT SELECT ON t, t_id_seq TO ROLE_NAME;
             CREATE SCHEMA own AUTHORIZATION ROLE_NAME; CREATE TABLE own.mine (a int); INSERT INTO own.mine VALUES (1);
             ALTER TABLE own.mine OWNER TO ROLE_NAME;
             SELECT lo_from_bytea(71002, 'x'); GRANT SELECT ON LARGE OBJECT 71002 TO ROLE_NAME",
        )
        .await;
        let options = DumpOptions { slice_bytes: 64 << 10, ..DumpOptions::default() };
        let dumped = rest(Dump::open(&role.connect(), options).await.unwrap()).await.unwrap();
        assert_eq!((dumped.rows_of("t"), dumped.rows_of("mine")), (5000, 1), "{major}");
        role.end().await;
    }
}

#[tokio::test]
async fn row_that_is_too_long_is_named_by_table_and_ctid() {
    let database = Database::create(USUAL).await;
    database
        .run(
            "CREATE TABLE rows (id int, v text);
             INSERT INTO rows SELECT n, repeat('x', 1000) FROM generate_series(1, 3000) n;
             UPDATE rows SET v = repeat('y', 1000) WHERE id % 7 = 0;
             INSERT INTO rows SELECT 3001, string_agg(md5(n::text), '') FROM generate_series(1, 8000) n;
             INSERT INTO rows SELECT n, repeat('z', 1000) FROM generate_series(3002, 6000) n",
        )
        .await;
    let client = database.connect().await;
    let ctid: String = client.query_one("SELECT ctid::text FROM rows WHERE id = 3001", &[]).await.unwrap().get(0);
    for (connections, slice_bytes) in [(2, 1 << 30), (2, 128 << 10), (4, 128 << 10)] {
        let options = DumpOptions { max_row: 200_000, connections, slice_bytes, ..DumpOptions::default() };
        let error = dump(&database, options.clone()).await.err().unwrap();
        let Error::RowTooLong { table, ctid: found, limit, .. } = &error else { panic!("{error:?}") };
        assert_eq!((table.as_str(), found.as_ref(), *limit), ("public.rows", Some(&ctid), 200_000));
        assert!(error.to_string().contains(&format!("ctid {ctid}")), "{error}");
        until_no_session_is_left(&database).await;
        let longer = DumpOptions { max_row: 260_000, ..options };
        assert_eq!(dump(&database, longer).await.unwrap().rows_of("rows"), 6000);
    }
}

#[tokio::test]
async fn empty_database_is_dumped() {
    for major in MAJORS {
        let database = Database::create(major).await;
        let dumped = dump(&database, DumpOptions::default()).await.unwrap();
        assert!(dumped.file().ends_with(b"--\n-- PostgreSQL database dump complete\n--\n\n"));
        assert!(dumped.summary.tables.is_empty());
    }
}

/// Something of everything that may not be read.
const CLOSED: &str = "
    CREATE TABLE open (id serial PRIMARY KEY, v text); INSERT INTO open (v) VALUES ('seen'); GRANT SELECT ON open, open_id_seq TO ROLE_NAME;
    CREATE TABLE secret (a int); INSERT INTO secret VALUES (1); COMMENT ON TABLE secret IS 'kept'; CREATE INDEX of_secret ON secret (a);
    CREATE TABLE policed (a int); INSERT INTO policed VALUES (1); ALTER TABLE policed ENABLE ROW LEVEL SECURITY;
    GRANT SELECT ON policed TO ROLE_NAME; CREATE SEQUENCE counter START 7;
    SELECT lo_from_bytea(71003, 'x'); COMMENT ON LARGE OBJECT 71003 IS 'not read'; SELECT lo_from_bytea(71004, 'y');
    GRANT SELECT ON LARGE OBJECT 71004 TO ROLE_NAME;";

#[tokio::test]
async fn all_that_may_not_be_read_is_named_at_once() {
    for major in MAJORS {
        let role = Role::create(major, CLOSED).await;
        let error = role.refused().await;
        let Error::NotReadWhole { objects, tables, .. } = &error else { panic!("{major}: {error:?}") };
        assert_eq!(objects[..], ["public.secret", "public.counter", "large object 71003"], "{major}");
        assert_eq!(tables[..], ["public.policed"], "{major}");
        let said = error.to_string();
        assert!(objects.iter().chain(tables).all(|name| said.contains(name)), "{said}");
        role.end().await;
    }
}

#[tokio::test]
async fn partial_dump_holds_all_else_and_names_what_it_lacks() {
    for major in MAJORS {
        let role = Role::create(major, CLOSED).await;
        role.database
            .run(&format!(
                "CREATE FOREIGN DATA WRAPPER nowhere; CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
                 CREATE USER MAPPING FOR postgres SERVER nowhere OPTIONS (\"user\" 'u');
                 GRANT USAGE ON FOREIGN SERVER nowhere TO {}",
                role.name
            ))
            .await;
        let options = DumpOptions { allow_partial: true, ..DumpOptions::default() };
        let dumped = rest(Dump::open(&role.connect(), options).await.unwrap()).await.unwrap();
        let named = |code: &str| -> Vec<String> {
            let warnings = dumped.summary.warnings.iter().filter(|warning| warning.code == code);
            warnings.flat_map(|warning| warning.objects.clone()).collect()
        };
        assert_eq!(named("rows-not-dumped"), ["public.policed", "public.secret", "public.counter"], "{major}");
        let lost = named("not-dumped");
        let expected = ["large object 71003", "user mapping for postgres on server nowhere"];
        assert!(expected.iter().all(|name| lost.iter().any(|lost| lost.contains(name))), "{major}: {lost:?}");

        let text = String::from_utf8(dumped.file()).unwrap();
        for kept in [
            "CREATE TABLE public.secret",
            "CREATE INDEX of_secret",
            "'kept'",
            "CREATE SEQUENCE public.counter",
            "71004",
        ] {
            assert!(text.contains(kept), "{major}: {kept}");
        }
        assert!(!text.contains("71003"), "{major}: an empty large object would look like the whole one");
        assert_eq!((dumped.rows_of("open"), dumped.of_table("secret").len()), (1, 0), "{major}");
        let copy = Database::create(major).await;
        copy.run(&text.replace("COPY public.open (id, v) FROM stdin;\n1\tseen\n\\.\n", "")).await;
        drop(copy);
        role.end().await;
    }
}

#[tokio::test]
async fn what_is_not_asked_for_need_not_be_readable() {
    let role = Role::create(USUAL, CLOSED).await;
    let options = DumpOptions { tables: vec!["open".parse().unwrap()], ..DumpOptions::default() };
    let dumped = rest(Dump::open(&role.connect(), options).await.unwrap()).await.unwrap();
    assert_eq!((dumped.rows_of("open"), dumped.summary.warnings.len()), (1, 0));
    role.end().await;
}
