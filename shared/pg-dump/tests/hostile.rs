//! Names, texts and rows that are made to break a dump, dumped whole and restored by psql.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "data/dumped.rs"]
mod dumped;
#[path = "hostile/extremes.rs"]
mod extremes;
#[path = "hostile/reader.rs"]
mod reader;
#[path = "hostile/whole.rs"]
mod whole;

use dumped::{connect, dump};
use pg_client::Password;
use pg_dump::DumpOptions;
use testing::postgres::{Database, MAJORS};
use testing::unique;
use whole::assert_whole;

/// Every object has a name of its own, which begins with its number, is 63 bytes long at most, and holds all of this.
fn named(sql: &str) -> String {
    let mut named = sql.to_owned();
    for number in (0..40).rev() {
        let name = format!("{number}\"\"b'c\n;--\\d $$ :x :'x' /* \u{1F418} \r\\! false\nDROP SCHEMA x;");
        named = named.replace(&format!("«{number}»"), &format!("\"{name}\""));
    }
    named.replace("«text»", "'it''s\n\\! false\n;-- $$ \\. :x \u{1F418} /*'")
}

const NAMED: &str = "
    CREATE SCHEMA «0»;
    CREATE TYPE «0».«1» AS ENUM («text», 'b');
    CREATE TYPE «0».«2» AS («3» int, «4» text);
    CREATE DOMAIN «0».«5» AS text DEFAULT «text» CONSTRAINT «6» CHECK (VALUE <> '');
    CREATE SEQUENCE «0».«7» START 5; SELECT nextval(oid::regclass) FROM pg_class WHERE relkind = 'S';
    CREATE FUNCTION «0».«8»(«9» int, «10» text DEFAULT «text») RETURNS int LANGUAGE sql AS 'SELECT 1 /* ;\n\\! false\n$$ */';
    CREATE FUNCTION «0».«11»() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE COLLATION «0».«12» (LOCALE = 'C');
    CREATE TABLE «0».«13» («14» int CONSTRAINT «15» PRIMARY KEY, «16» text COLLATE «0».«12» DEFAULT «text», «17» «0».«1»,
        «18» «0».«2», «19» int GENERATED ALWAYS AS («14» * 2) STORED, «20» «0».«5», CONSTRAINT «21» CHECK («14» > 0));
    INSERT INTO «0».«13» («14», «16», «17», «18») SELECT n, «text» || chr(9) || E'\\\\.', «text», (n, «text»)::«0».«2» FROM generate_series(1, 50) n;
    INSERT INTO «0».«13» («14», «16») VALUES (51, E'\\\\.'), (52, E'\\n\\\\.\\n'), (53, NULL), (54, ''), (55, E'\\\\N');
    CREATE TABLE «0».«22» («14» int CONSTRAINT «23» REFERENCES «0».«13», «16» text) PARTITION BY LIST («16»);
    CREATE TABLE «0».«24» PARTITION OF «0».«22» FOR VALUES IN («text»);
    INSERT INTO «0».«22» VALUES (1, «text»);
    CREATE INDEX «25» ON «0».«13» («16», lower(«16»)) WHERE «16» <> «text»;
    CREATE STATISTICS «0».«26» ON «14», «16» FROM «0».«13»;
    CREATE VIEW «0».«27» AS SELECT «14» AS «28», «16» || «text» AS «29» FROM «0».«13»;
    CREATE MATERIALIZED VIEW «0».«30» AS SELECT * FROM «0».«27»;
    CREATE TRIGGER «31» BEFORE INSERT ON «0».«13» FOR EACH ROW EXECUTE FUNCTION «0».«11»(«text»);
    CREATE RULE «32» AS ON DELETE TO «0».«27» DO INSTEAD NOTHING;
    CREATE POLICY «33» ON «0».«13» USING («16» <> «text»);
    CREATE PUBLICATION «34» FOR TABLE «0».«13»;
    CREATE FOREIGN DATA WRAPPER «35» OPTIONS («36» «text»);
    CREATE SERVER «37» FOREIGN DATA WRAPPER «35» OPTIONS («36» «text»);
    CREATE USER MAPPING FOR PUBLIC SERVER «37» OPTIONS («36» «text»);
    CREATE FOREIGN TABLE «0».«38» («14» int OPTIONS («36» «text»)) SERVER «37» OPTIONS («36» «text»);
    CREATE OPERATOR «0».=== (LEFTARG = int, RIGHTARG = text, FUNCTION = «0».«8»);
    CREATE TEXT SEARCH CONFIGURATION «0».«39» (COPY = simple);
    SELECT lo_from_bytea(90001, decode('00ff5c2e0a', 'hex'));
    COMMENT ON LARGE OBJECT 90001 IS «text»; COMMENT ON SCHEMA «0» IS «text»; COMMENT ON COLUMN «0».«13».«14» IS «text»;
    COMMENT ON CONSTRAINT «21» ON «0».«13» IS «text»; COMMENT ON FUNCTION «0».«8»(int, text) IS «text»;
    COMMENT ON TRIGGER «31» ON «0».«13» IS «text»; COMMENT ON POLICY «33» ON «0».«13» IS «text»;
    COMMENT ON TYPE «0».«1» IS «text»; COMMENT ON INDEX «0».«25» IS «text»; COMMENT ON SERVER «37» IS «text»;
    CREATE EVENT TRIGGER «1» ON ddl_command_end WHEN TAG IN ('DROP CAST') EXECUTE FUNCTION «0».«40»();
    GRANT SELECT ON «0».«13» TO ROLE_NAME WITH GRANT OPTION; GRANT UPDATE («16») ON «0».«13» TO ROLE_NAME;
    GRANT USAGE ON SEQUENCE «0».«7» TO ROLE_NAME; GRANT EXECUTE ON FUNCTION «0».«8»(int, text) TO ROLE_NAME;
    ALTER DEFAULT PRIVILEGES FOR ROLE ROLE_NAME IN SCHEMA «0» GRANT SELECT ON TABLES TO ROLE_NAME;
    ALTER TABLE «0».«22» OWNER TO ROLE_NAME; ALTER POLICY «33» ON «0».«13» TO ROLE_NAME;";

#[tokio::test]
async fn names_and_texts_that_imitate_sql_come_back_in_every_kind_of_object() {
    for major in MAJORS {
        let (database, target) = (Database::create(major).await, Database::create(major).await);
        let role = format!("\"{}'\"\"\n;--\\! \u{1F418} $$ :x\"", unique("r_"));
        database.run(&format!("CREATE ROLE {role}")).await;
        let trigger =
            "CREATE FUNCTION «0».«40»() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER";
        let sql = NAMED
            .replace("CREATE EVENT TRIGGER", trigger)
            .replace("«40»", "\"40 \"\"b;--\"")
            .replace("ROLE_NAME", &role);
        database.run(&named(&sql)).await;
        let dumped = assert_whole(&database, &target, &connect(&database), "UTF8").await;
        let rows = dumped.sections.iter().filter_map(|section| section.rows.as_ref());
        assert_eq!(rows.map(|rows| rows.count).sum::<u64>(), 56, "{major}");
        for one in [&database, &target] {
            one.run(&format!("ALTER TABLE IF EXISTS {} OWNER TO postgres; DROP OWNED BY {role}", named("«0».«22»")))
                .await;
        }
        database.run(&format!("DROP ROLE {role}")).await;
    }
}

#[tokio::test]
async fn databases_of_other_encodings_come_back_with_names_texts_and_rows() {
    let cases = [
        ("WIN1252", "Stra\u{df}e \u{20ac}", "'\u{20ac} \u{fc}ber \u{178}'", "chr(129) || chr(255)"),
        ("LATIN1", "\u{e9}t\u{e9}", "'\u{e0}\u{e8}'", "chr(160)"),
        ("EUC_JP", "\u{8868}\u{80fd}", "'\u{65e5}\u{672c}\u{8a9e} \u{30bd}\u{8868}'", "'x'"),
        ("SQL_ASCII", "d\u{e9}j\u{e0}", "'\u{e0} la carte'", "E'\\xff\\xfe\\x81\\x5c\\x0a'"),
    ];
    for major in ["13", "18"] {
        for (encoding, name, text, bytes) in cases {
            let options = format!("TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'");
            let (database, target) =
                (Database::create_with(major, &options).await, Database::create_with(major, &options).await);
            database
                .run(&format!(
                    "CREATE SCHEMA \"{name}\"; CREATE TYPE \"{name}\".\"{name}\" AS ENUM ({text}, 'b');
                     CREATE TABLE \"{name}\".t (id int, \"{name}\" text DEFAULT {text}, e \"{name}\".\"{name}\" DEFAULT {text},
                         CONSTRAINT \"{name}\" CHECK (\"{name}\" <> 'x' || {text}));
                     COMMENT ON TABLE \"{name}\".t IS {text}; CREATE VIEW \"{name}\".v AS SELECT {text} AS \"{name}\";
                     CREATE FUNCTION \"{name}\".f() RETURNS text LANGUAGE sql AS $f$SELECT {text}$f$;
                     CREATE SEQUENCE \"{name}\".\"s {name}\";
                     INSERT INTO \"{name}\".t VALUES (1, {text}, {text}), (2, {bytes}, NULL), (3, E'\\\\.', 'b')"
                ))
                .await;
            assert_whole(&database, &target, &connect(&database), encoding).await;
        }
    }
}

#[tokio::test]
async fn names_that_are_no_utf_8_are_an_error_that_says_where() {
    let options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    for (sql, where_) in [
        ("EXECUTE E'CREATE TABLE \"t\\xe9\" (a int)'", "tables"),
        ("CREATE TABLE t (a int); EXECUTE E'COMMENT ON TABLE t IS ''\\xe9'''", "comments"),
        ("CREATE TABLE t (a int); EXECUTE E'ALTER TABLE t ALTER a SET DEFAULT length(''\\xe9'')'", "defaults"),
        ("EXECUTE E'CREATE TYPE e AS ENUM (''\\xe9'')'", "types"),
    ] {
        let database = Database::create_with("18", options).await;
        database.run(&format!("DO $do$ BEGIN {sql}; END $do$")).await;
        let error = dump(&database, DumpOptions::default()).await.err().unwrap();
        let text = error.to_string();
        assert!(text.contains(where_) && text.contains("UTF-8") && text.contains("HINT"), "{where_}: {text} {error:?}");
        assert!(
            std::error::Error::source(&error).is_some_and(|source| format!("{source:?}").contains("0xe9")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn owner_without_superuser_dumps_all_that_is_his_with_rows_sequences_and_large_objects() {
    for major in MAJORS {
        let (database, target) = (Database::create(major).await, Database::create(major).await);
        let role = unique("r_");
        database
            .run(&format!(
                "CREATE ROLE {role} LOGIN PASSWORD 'plain'; ALTER DATABASE {0} OWNER TO {role};
                 CREATE SCHEMA own AUTHORIZATION {role}; SET SESSION AUTHORIZATION {role};
                 CREATE TABLE own.t (id serial PRIMARY KEY, i int GENERATED ALWAYS AS IDENTITY, v text, b bytea);
                 INSERT INTO own.t (v, b) SELECT repeat(E'\\\\.', n), decode(md5(n::text), 'hex') FROM generate_series(1, 3000) n;
                 CREATE TABLE own.policed (a int); INSERT INTO own.policed VALUES (1), (2);
                 ALTER TABLE own.policed ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON own.policed USING (a = 1);
                 CREATE MATERIALIZED VIEW own.m AS SELECT count(*) FROM own.t;
                 SELECT lo_from_bytea(90002, 'mine'); GRANT SELECT ON own.t TO PUBLIC",
                database.name
            ))
            .await;
        let mut options = connect(&database);
        options.user.clone_from(&role);
        options.password = Some(Password::new("plain".to_owned()));
        let dumped = assert_whole(&database, &target, &options, "UTF8").await;
        assert_eq!((dumped.rows_of("t"), dumped.rows_of("policed")), (3000, 2), "{major}");
        for one in [&target, &database] {
            one.run(&format!("ALTER DATABASE {} OWNER TO postgres; DROP OWNED BY {role} CASCADE", one.name)).await;
        }
        database.run(&format!("DROP ROLE {role}")).await;
    }
}
