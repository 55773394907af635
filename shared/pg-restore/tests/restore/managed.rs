//! A server without a superuser to log in as, such as Amazon RDS: a role that may create databases and roles, and no more.

use pg_restore::{Choice, Error, RestoreReport};
use testing::postgres::{Database, MAJORS};
use testing::unique;

use crate::backup::Backup;
use crate::database::{Place, pg_dump, proving};
use crate::login::By;
use crate::psql::shop;
use crate::source::Memory;

/// A place of a master's, with a choice of its own.
async fn restore(place: &Place, source: Memory, choice: Choice) -> Result<RestoreReport, Error> {
    let mut options = proving();
    options.choice = choice;
    place.restore_with(source, options).await
}

fn master(place: &Place) -> &str {
    &place.master.as_ref().unwrap().name
}

#[tokio::test(flavor = "multi_thread")]
async fn shop_comes_back_on_every_major() {
    for major in MAJORS {
        let source = shop(major).await;
        let place = Place::by(By::master(major)).await;
        let choice = serde_json::from_value(serde_json::json!({"no_owner": true})).unwrap();
        let report = restore(&place, Backup::of(&source).await.into(), choice).await.unwrap();
        assert!(report.rows_equal && report.rows == 500 + 1000 + 60 + 90 + 2, "{report:?}");
        // On 13 and 14 privileges on schema public are granted that every database has: that they can't be is no difference.
        assert_eq!(report.needs_superuser, [""; 0], "{major}");
        assert!(report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
        let owned = format!("; Owner: {}", master(&place));
        let ours = String::from_utf8_lossy(&place.dumped()).replace(&owned, "; Owner: postgres");
        let ours: String = ours
            .replace(&format!("OWNER TO {};", master(&place)), "OWNER TO postgres;")
            .split_inclusive('\n')
            .collect();
        let theirs = String::from_utf8_lossy(&pg_dump(&source.server, &source.name)).into_owned();
        // Which partition holds a row of an enum depends on the enum's oids.
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(&ours), lines(&theirs), "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_superuser_may_do_is_named_and_the_rest_is_there() {
    for major in MAJORS {
        let other = unique("other_");
        let source = Database::create(major).await;
        source
            .run(&format!(
                "CREATE ROLE {other}; CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2); \
                 CREATE TABLE mine (a int); ALTER TABLE mine OWNER TO {other}; \
                 CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
                 CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION e(); COMMENT ON EVENT TRIGGER e IS 'x'; \
                 ALTER EVENT TRIGGER e DISABLE; COMMENT ON EXTENSION plpgsql IS 'x'; \
                 CREATE EXTENSION pageinspect; COMMENT ON EXTENSION pageinspect IS 'y'; \
                 CREATE PUBLICATION p FOR ALL TABLES"
            ))
            .await;
        let place = Place::by(By::master(major)).await;
        let report = restore(&place, Backup::of(&source).await.into(), Choice::default()).await.unwrap();
        assert!(!report.equal && report.rows_equal && report.rows == 2, "{report:?}");
        let said = report.needs_superuser.join("\n");
        for part in [
            "ALTER TABLE public.mine OWNER TO",
            "CREATE EVENT TRIGGER e",
            "COMMENT ON EVENT TRIGGER e",
            "ALTER EVENT TRIGGER e",
            "CREATE EXTENSION IF NOT EXISTS pageinspect",
            "COMMENT ON EXTENSION pageinspect",
            "CREATE PUBLICATION p",
        ] {
            assert!(said.contains(part), "{major}, {part}: {said}");
        }
        drop(source);
        let admin = place.server.connect("postgres").await;
        admin.batch_execute(&format!("DROP ROLE {other}")).await.unwrap();
    }
}

/// A role may own what is in a schema if it may create there, which pg_dump's order grants after the owners are set.
#[tokio::test(flavor = "multi_thread")]
async fn owner_that_may_create_only_by_a_privilege_of_the_backup_is_set() {
    for major in MAJORS {
        let (app, place) = (unique("app_"), Place::by(By::master(major)).await);
        let source = Database::create(major).await;
        source
            .run(&format!(
                "CREATE ROLE {app}; GRANT {app} TO {}; CREATE SCHEMA s; GRANT USAGE, CREATE ON SCHEMA s TO {app}; \
                 CREATE TABLE s.t (a serial PRIMARY KEY); ALTER TABLE s.t OWNER TO {app}; GRANT SELECT ON s.t TO PUBLIC; \
                 CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION s.f() OWNER TO {app}",
                master(&place)
            ))
            .await;
        let report = restore(&place, Backup::of(&source).await.into(), Choice::default()).await.unwrap();
        let said = report.needs_superuser.join("\n");
        assert!(
            said.contains("ALTER SCHEMA s OWNER TO postgres") && report.needs_superuser.len() == 1,
            "{major}: {said}"
        );
        assert!(report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
        let owned = format!(
            "SELECT (SELECT bool_and(relowner = '{app}'::regrole) FROM pg_class WHERE relname IN ('t', 't_a_seq')) \
             AND (SELECT proowner = '{app}'::regrole FROM pg_proc WHERE oid = 's.f'::regproc) \
             AND has_table_privilege('pg_monitor', 's.t', 'SELECT')"
        );
        assert!(place.query::<bool>(&owned).await, "{major}");
        let admin = place.server.connect("postgres").await;
        drop((source, place));
        admin.batch_execute(&format!("DROP ROLE {app}")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_other_error_stops() {
    for major in MAJORS {
        let source = Database::create(major).await;
        source.run("CREATE EXTENSION pageinspect; CREATE VIEW v AS SELECT * FROM page_header(NULL::bytea)").await;
        let place = Place::by(By::master(major)).await;
        let error = restore(&place, Backup::of(&source).await.into(), Choice::default()).await.unwrap_err();
        assert!(error.to_string().contains("VIEW public.v"), "{error}");
        assert!(place.databases().await.is_empty());
    }
}

/// PostgreSQL only warns of privileges that were not granted.
#[tokio::test(flavor = "multi_thread")]
async fn privileges_that_are_silently_not_granted_are_named() {
    for major in MAJORS {
        let other = unique("other_");
        let source = Database::create(major).await;
        source
            .run(&format!(
                "CREATE ROLE {other}; CREATE TABLE t (a int); GRANT SELECT ON t TO {other}; \
                 REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC; GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO {other}"
            ))
            .await;
        let place = Place::by(By::master(major)).await;
        let choice = serde_json::from_value(serde_json::json!({"no_owner": true})).unwrap();
        let report = restore(&place, Backup::of(&source).await.into(), choice).await.unwrap();
        let said = report.needs_superuser.join("\n");
        let object = "ACL pg_catalog.FUNCTION pg_sleep(double precision): ";
        assert!(said.contains(&format!("{object}REVOKE ALL ON FUNCTION pg_catalog.pg_sleep")), "{major}: {said}");
        assert!(said.contains(&format!("{object}GRANT ALL ON FUNCTION pg_catalog.pg_sleep")), "{major}: {said}");
        assert_eq!(report.needs_superuser.len(), 2, "{major}: {said}");
        assert!(report.differences.is_empty() && report.not_compared.is_empty() && !report.equal, "{report:?}");
        let granted = format!("SELECT has_table_privilege('{other}', 't', 'SELECT')");
        assert!(place.query::<bool>(&granted).await);
        let admin = place.server.connect("postgres").await;
        drop((source, place));
        admin.batch_execute(&format!("DROP ROLE {other}")).await.unwrap();
    }
}
