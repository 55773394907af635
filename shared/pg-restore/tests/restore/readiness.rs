//! What is missing is found, all of it, before anything is changed.

use pg_restore::{Error, Missing};
use sql_volume::Requirements;
use testing::postgres::{Database, MAJORS};

use crate::backup::Backup;
use crate::backup::properties;
use crate::database::{Place, chain, proving};
use crate::failures::{backup, dump};
use crate::login::{By, Login, by_anyone};
use crate::source::Memory;

const TABLE: &str = "CREATE TABLE public.t (a int, b text);";

by_anyone! {
async fn everything_that_is_missing_is_listed_at_once(by: By) {
    let place = Place::by(by).await;
    let mut backup = backup(&dump(TABLE, "", "SELECT 1;"));
    backup.database.server_version = "99.4".to_owned();
    backup.database.server_version_num = 990_004;
    backup.database.encoding = "KLINGON".to_owned();
    backup.database.collate = "tlh_QO.UTF-8".to_owned();
    backup.database.locale_provider = "builtin".to_owned();
    backup.requires = Requirements {
        roles: vec!["postgres".into(), "nobody \"b\"".into(), "nobody_a".into()],
        extensions: vec!["plpgsql".into(), "telepathy".into()],
        tablespaces: vec!["pg_global".into(), "fast_disks".into()],
    };
    let error = place.restore(backup.into()).await.unwrap_err();
    let Error::NotReady { missing, .. } = &error else { panic!("{error}") };
    let newer = format!("the backup is of PostgreSQL 99.4, and it is {}.", by.major);
    let mut expected = vec![
        &*newer,
        "role nobody \"b\" is missing",
        "role nobody_a is missing",
        "extension telepathy is not available",
        "tablespace fast_disks is missing",
        "encoding KLINGON is unknown",
        "it has no locale provider builtin (PostgreSQL 17",
        "locale tlh_QO.UTF-8 is missing",
    ];
    if by.login == Login::Master {
        expected.insert(5, "tablespace pg_global may not be used (GRANT CREATE ON TABLESPACE)");
    }
    if by.major >= "17" {
        expected.retain(|missing| !missing.contains("provider"));
    }
    assert_eq!(missing.len(), expected.len(), "{missing:?}");
    for (missing, expected) in missing.iter().zip(expected) {
        assert!(missing.to_string().starts_with(expected), "{missing}");
        assert!(error.to_string().contains(expected));
    }
    assert!(error.to_string().ends_with(" HINT: `offsite roles` prints the SQL that makes the roles of a backup."));
}
}

#[tokio::test(flavor = "multi_thread")]
async fn role_that_may_not_create_databases_is_told_so() {
    for major in MAJORS {
        let place = Place::by(By::master(major)).await;
        let role = place.master.as_ref().unwrap().name.clone();
        let admin = place.server.connect("postgres").await;
        admin.batch_execute(&format!("ALTER ROLE {role} NOCREATEDB")).await.unwrap();
        let restored = place.restore(backup(&dump(TABLE, "", "SELECT 1;")).into()).await;
        let Err(Error::NotReady { missing, .. }) = restored else { panic!("{restored:?}") };
        assert_eq!(missing, [Missing::CreateDatabase { role }]);
    }
}

by_anyone! {
async fn older_server_takes_a_backup_only_when_that_is_allowed(by: By) {
    let place = Place::by(by).await;
    let newer = || {
        let mut backup = backup(&dump(TABLE, "1\tx\n", "SELECT 1;"));
        backup.database.server_version_num = 990_004;
        Memory::from(backup)
    };
    assert!(matches!(place.restore(newer()).await, Err(Error::NotReady { .. })));
    let mut options = proving();
    options.allow_older_server = true;
    let report = place.restore_with(newer(), options).await.unwrap();
    assert!(
        report.rows_equal && report.warnings.iter().any(|warning| warning.contains("newer than the server")),
        "{report:?}"
    );
}
}

by_anyone! {
async fn name_that_no_database_can_have_is_refused(by: By) {
    let mut place = Place::by(by).await;
    for name in ["", &"x".repeat(64)] {
        let usual = std::mem::replace(&mut place.name, name.to_owned());
        let source = Memory::from(backup(&dump(TABLE, "", "SELECT 1;")));
        let error = pg_restore::restore_into_new(place.target(), source, proving()).await.unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{error}");
        place.name = usual;
    }
}
}

by_anyone! {
async fn server_that_is_not_there_is_named(by: By) {
    let mut place = Place::by(by).await;
    let port = std::mem::replace(&mut place.options.port, 1);
    let source = Memory::from(backup(&dump(TABLE, "", "SELECT 1;")));
    let error = pg_restore::restore_into_new(place.target(), source, proving()).await.unwrap_err();
    place.options.port = port;
    let text = chain(&error);
    assert!(text.starts_with("connect to database postgres: connect to 127.0.0.1:1 HINT"), "{text}");
}
}

#[tokio::test(flavor = "multi_thread")]
async fn database_gets_the_locale_of_its_source() {
    let cases = [
        ("13", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
        ("15", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"),
        ("16", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' ICU_RULES '&a<b'"),
        ("17", "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"),
        (
            "18",
            "ENCODING 'UTF8' LC_COLLATE 'POSIX' LC_CTYPE 'C' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST'",
        ),
    ];
    for (major, options) in cases {
        let source = Database::create_with(major, &format!("TEMPLATE template0 {options}")).await;
        let wanted = properties(&source).await;
        for by in [By::superuser(major), By::master(major)] {
            let place = Place::by(by).await;
            place.restore(Backup::of(&source).await.into()).await.unwrap();
            let found = Database { server: place.server.clone(), name: place.name.clone() };
            let mut properties = properties(&found).await;
            properties.name.clone_from(&wanted.name);
            assert_eq!(properties, wanted);
        }
    }
}
