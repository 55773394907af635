//! What comes back is what was backed up, and a difference is seen.

use testing::postgres::{Database, MAJORS};
use testing::unique;

use crate::backup::{Backup, properties};
use crate::database::{Place, assert_whole, pg_dump_as, proving};
use crate::failures::{backup, dump};
use crate::login::{Login, by_anyone};

const NO_KEY: &str = "SELECT 1;";

by_anyone! {
async fn rows_that_change_on_the_way_are_seen(by: By) {
    let create = "CREATE TABLE public.t (a int, b text);\n\
         CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.b := 'y'; RETURN NEW; END $$;\n\
         CREATE TRIGGER f BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();";
    let place = Place::by(by).await;
    let refusal = place.refusal(backup(&dump(create, "1\tx\n2\ty\n", NO_KEY)).into()).await;
    assert_eq!(
        refusal,
        "what was restored differs from what was backed up: table public.t: 2 rows, of which some differ"
    );

    let mut options = proving();
    options.compare = false;
    let restored = place.restore_with(backup(&dump(create, "1\tx\n2\ty\n", NO_KEY)).into(), options).await;
    let report = restored.unwrap();
    assert!(!report.equal && report.compared == Default::default());
    assert!(report.warnings.contains(&"what was restored was not compared with the backup".to_owned()));
}
}

by_anyone! {
async fn rows_that_post_data_removes_or_adds_are_seen(by: By) {
    for (after, found) in [("DELETE FROM public.t;", 0), ("INSERT INTO public.t VALUES (1, 'x');", 2)] {
        let place = Place::by(by).await;
        let refusal =
            place.refusal(backup(&dump("CREATE TABLE public.t (a int, b text);", "1\tx\n", after)).into()).await;
        let expected = format!("table public.t: 1 rows were backed up and {found} restored");
        assert!(refusal.ends_with(&expected), "{refusal}");
    }
}
}

by_anyone! {
async fn values_come_back_whatever_the_servers_defaults_are(by: By) {
    let source = Database::create(by.major).await;
    source
        .run(
            "CREATE TABLE public.t (a timestamptz, b interval, c double precision, d money, e bytea, f tstzrange[], g regclass); \
             INSERT INTO public.t VALUES ('2026-07-01 12:00:00.123456+00', '1 year 2 mons -3 days 04:05:06.7', 0.1::float8 + 0.2, \
             '1234.56', '\\x00ff', ARRAY[tstzrange('2026-01-01 00:00+00', NULL)], 'pg_class'), ('infinity', '0', 'NaN', NULL, '', '{}', NULL)",
        )
        .await;
    let place = Place::new(by.major);
    let rights = if by.login == Login::Superuser { "SUPERUSER" } else { "CREATEDB" };
    // A role whose defaults differ from all that a dump assumes.
    let role = unique("role_");
    let admin = place.server.connect("postgres").await;
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} {rights} LOGIN PASSWORD 'x'; ALTER ROLE {role} SET timezone = 'Asia/Kathmandu'; \
             ALTER ROLE {role} SET datestyle = 'German, DMY'; ALTER ROLE {role} SET intervalstyle = 'sql_standard'; \
             ALTER ROLE {role} SET extra_float_digits = -5; ALTER ROLE {role} SET bytea_output = 'escape'; \
             ALTER ROLE {role} SET search_path = 'pg_catalog'; ALTER ROLE {role} SET statement_timeout = '50ms'; \
             ALTER ROLE {role} SET standard_conforming_strings = off; ALTER ROLE {role} SET synchronous_commit = off"
        ))
        .await
        .unwrap();
    let mut options = pg_client::ConnectOptions::from_url(&place.server.url_as(&role, "x", "postgres")).unwrap();
    options.application_name.clone_from(&place.options.application_name);
    let target = pg_restore::Target { options, name: place.name.clone() };
    let source = Backup::of(&source).await;
    let restored = pg_restore::restore_into_new(target, crate::source::Memory::from(source), proving()).await;
    let report = restored.unwrap();
    admin.batch_execute(&format!("DROP DATABASE {}", place.name)).await.unwrap();
    admin.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    assert_whole(by, &report);
    assert_eq!(report.rows, 2);
}
}

#[tokio::test(flavor = "multi_thread")]
async fn role_without_superuser_restores_its_own_dump() {
    for major in MAJORS {
        let place = Place::new(major);
        let role = unique("app_");
        let admin = place.server.connect("postgres").await;
        admin.batch_execute(&format!("CREATE ROLE {role} CREATEDB LOGIN PASSWORD 'x'")).await.unwrap();
        let source = Database::create_with(major, &format!("OWNER {role} TEMPLATE template0")).await;
        let url = source.server.url_as(&role, "x", &source.name);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
            .batch_execute(
                "CREATE SCHEMA app; CREATE TABLE app.t (id int PRIMARY KEY, b text); INSERT INTO app.t SELECT i, i FROM generate_series(1, 10) i; \
                 CREATE TABLE app.u (t int REFERENCES app.t); SELECT lo_create(4711); CREATE VIEW app.v AS SELECT * FROM app.t",
            )
            .await
            .unwrap();
        drop(client);
        let text = pg_dump_as(&source.server, &source.name, Some((&role, "x")));
        let dump = String::from_utf8(text.clone()).unwrap();
        // pg_dump comments on what the role doesn't own: a dump for such a role leaves it away.
        let text: String = dump.split_inclusive('\n').filter(|line| !line.starts_with("COMMENT ON ")).collect();
        let backup = Backup::of_dump(properties(&source).await, text.as_bytes());
        let mut options = pg_client::ConnectOptions::from_url(&place.server.url_as(&role, "x", "postgres")).unwrap();
        options.application_name.clone_from(&place.options.application_name);
        let target = pg_restore::Target { options, name: place.name.clone() };
        let restored = pg_restore::restore_into_new(target, crate::source::Memory::from(backup), proving()).await;
        let ours = place.dumped();
        place.no_session_is_left().await;
        admin.batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", place.name)).await.unwrap();
        drop(source);
        admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
        let report = restored.unwrap();
        assert!(report.equal, "{report:?}");
        assert_eq!(String::from_utf8(ours).unwrap(), dump);
    }
}

by_anyone! {
async fn longest_and_strangest_names_are_restored_under(by: By) {
    let mut place = Place::by(by).await;
    for name in [format!("{:x<63}", place.name), format!("{} \"é;--\" 'x'", place.name)] {
        let usual = std::mem::replace(&mut place.name, name.clone());
        let report =
            place.restore(backup(&dump("CREATE TABLE public.t (a int, b text);", "1\tx\n", NO_KEY)).into()).await;
        assert_eq!(report.unwrap().database, name);
        let admin = place.server.connect("postgres").await;
        admin.batch_execute(&format!("DROP DATABASE \"{}\"", name.replace('"', "\"\""))).await.unwrap();
        place.name = usual;
    }
}
}
