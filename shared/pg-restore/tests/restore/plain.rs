//! Plain files as stock pg_dump writes them, whole and not.

use pg_restore::{Error, Missing, PlainDump, PlainError, PlainFacts, RestoreOptions, RestoreReport};
use testing::postgres::{Database, USUAL};
use testing::unique;

use crate::database::{Place, chain, pg_dump, raw_dump};
use crate::login::{By, by_anyone, by_anyone_anywhere, by_anyone_once};
use crate::psql::{comparable, shop};

const BEGIN: &str = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 13.4\n\n";
const END: &str = "\n--\n-- PostgreSQL database dump complete\n--\n\n";

fn options() -> RestoreOptions {
    let mut options = RestoreOptions::default();
    options.compare = false;
    options
}

async fn restore(place: &Place, dump: &[u8]) -> Result<RestoreReport, Error> {
    let facts = PlainFacts::read("the dump", dump).await.unwrap();
    place.restore_any(PlainDump::new(facts, dump), options()).await
}

async fn restored(by: By, text: &str) -> Place {
    let place = Place::by(by).await;
    restore(&place, format!("{BEGIN}{text}{END}").as_bytes()).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    place
}

by_anyone_anywhere! {
async fn plain_dump_is_restored_to_what_it_was_made_of(by: By) {
    let source = shop(by.major).await;
    for more in [&[][..], &["--inserts"]] {
        let dump = raw_dump(&source.server, &source.name, more);
        assert!(dump.windows(11).any(|bytes| bytes == b"\n\\restrict "), "this pg_dump writes no \\restrict");
        let place = Place::by(by).await;
        let report = restore(&place, &dump).await.unwrap_or_else(|error| panic!("{by:?}: {}", chain(&error)));
        let (ours, theirs) = (place.dumped(), pg_dump(&source.server, &source.name));
        assert!(comparable(&ours) == comparable(&theirs), "{by:?} {more:?} differs");
        assert!(!report.equal && report.large_objects == 1, "{report:?}");
        if more.is_empty() {
            assert_eq!((report.rows, report.tables), (500 + 1000 + 60 + 90 + 2, 8));
        }
    }
}
}

by_anyone_once! {
async fn rows_of_many_pieces_all_arrive(by: By) {
    let source = Database::create(by.major).await;
    source.run("CREATE TABLE t AS SELECT n, repeat(md5(n::text), 40) AS text FROM generate_series(1, 20000) n").await;
    source.run("CREATE TABLE empty (a int); CREATE TABLE one AS SELECT repeat('x', 9000000) AS long").await;
    let dump = raw_dump(&source.server, &source.name, &[]);
    assert!(dump.len() > 30_000_000);
    let place = Place::by(by).await;
    let report = restore(&place, &dump).await.unwrap();
    assert_eq!((report.rows, report.tables), (20_001, 3));
    assert!(place.dumped() == pg_dump(&source.server, &source.name));
}
}

#[tokio::test]
async fn dump_that_is_cut_is_refused_before_anything_is_changed() {
    let source = shop(USUAL).await;
    let dump = raw_dump(&source.server, &source.name, &[]);
    let lengths = (0..dump.len()).step_by(dump.len() / 300).chain(dump.len() - 100..dump.len() - 2);
    for length in lengths {
        let read = PlainFacts::read("the dump", &dump[..length]).await;
        let told = matches!(read, Err(PlainError::NoDump | PlainError::Incomplete | PlainError::Split { .. }));
        assert!(told, "{length}: {read:?}");
    }
}

by_anyone! {
async fn dump_that_changes_between_its_readings_leaves_no_database(by: By) {
    let source = shop(by.major).await;
    let dump = raw_dump(&source.server, &source.name, &[]);
    let place = Place::by(by).await;
    let cut = &dump[..dump.len() / 2];
    let mut other = dump.clone();
    let digit = dump.len() - dump.iter().rev().position(|byte| *byte == b'7').unwrap() - 1;
    other[digit] = b'8';
    for other in [cut, &other] {
        let facts = PlainFacts::read("the dump", &dump[..]).await.unwrap();
        let error = place.restore_any(PlainDump::new(facts, other), options()).await.unwrap_err();
        assert!(
            matches!(error, Error::Source(_) | Error::Unverified(_) | Error::Statement { .. }),
            "{}",
            chain(&error)
        );
    }
}
}

by_anyone! {
async fn row_that_changes_between_the_readings_is_noticed_though_it_is_as_good(by: By) {
    let dump = |row| format!("{BEGIN}CREATE TABLE t (a text);\nCOPY t (a) FROM stdin;\n{row}\n\\.\n{END}");
    let (first, second) = (dump("one"), dump("two"));
    let place = Place::by(by).await;
    let facts = PlainFacts::read("the dump", first.as_bytes()).await.unwrap();
    let error = place.restore_any(PlainDump::new(facts, second.as_bytes()), options()).await.unwrap_err();
    assert!(chain(&error).contains("the file was changed meanwhile"), "{}", chain(&error));
}
}

#[tokio::test]
async fn commands_of_psql_are_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    for command in [
        format!("\\! touch {}", mark.display()),
        format!("\\copy (SELECT 1) TO '{}'", mark.display()),
        format!("\\o {}\nSELECT 1;", mark.display()),
        "\\i /etc/passwd".to_owned(),
        "\\connect postgres".to_owned(),
        format!("SELECT 1 \\g {}", mark.display()),
        format!("\\restrict x\n\\unrestrict x\n\\! touch {}", mark.display()),
    ] {
        let dump = format!("{BEGIN}CREATE TABLE t (a text);\nCOPY t FROM stdin;\n\\\\!\n\\.\n{command}\n{END}");
        let error = PlainFacts::read("the dump", dump.as_bytes()).await.unwrap_err();
        assert!(matches!(error, PlainError::Metacommand { .. }), "{command}: {error}");
        assert!(!mark.exists(), "{command}");
    }
}

by_anyone! {
async fn roles_and_extensions_that_are_missing_are_all_named_before_anything_is_changed(by: By) {
    let (owner, reader) = (unique("owner_"), unique("Reader "));
    let text = format!(
        "CREATE TABLE public.t (a int);\nALTER TABLE public.t OWNER TO {owner};\n\
         GRANT SELECT ON TABLE public.t TO \"{reader}\";\nCREATE EXTENSION IF NOT EXISTS no_such_extension;\n"
    );
    let place = Place::by(by).await;
    let error = restore(&place, format!("{BEGIN}{text}{END}").as_bytes()).await.unwrap_err();
    let Error::NotReady { missing, .. } = &error else { panic!("{error}") };
    assert_eq!(
        missing[..],
        [Missing::Role(reader), Missing::Role(owner), Missing::Extension("no_such_extension".to_owned()),]
    );
}
}

by_anyone! {
async fn dump_of_a_newer_server_is_refused_by_an_older_one(by: By) {
    let dump = format!("{}{END}", BEGIN.replace("13.4", "99.1 (Debian 99.1-1)"));
    let place = Place::by(by).await;
    let error = restore(&place, dump.as_bytes()).await.unwrap_err();
    assert!(chain(&error).contains("the backup is of PostgreSQL 99.1"), "{}", chain(&error));
}
}

by_anyone! {
async fn statement_that_fails_leaves_no_database_and_is_told_by_its_object(by: By) {
    let text =
        "-- Name: u; Type: VIEW; Schema: public; Owner: o\n\nCREATE VIEW public.u AS SELECT * FROM public.gone;\n";
    let place = Place::by(by).await;
    let error = restore(&place, format!("{BEGIN}{text}{END}").as_bytes()).await.unwrap_err();
    let told = chain(&error);
    assert!(told.contains("VIEW public.u") && told.contains("public.gone"), "{told}");
}
}

by_anyone! {
async fn message_of_the_server_never_holds_a_row(by: By) {
    for rows in ["COPY t (a) FROM stdin;\nsecret\n\\.\n", "INSERT INTO t VALUES ('secret');\n"] {
        let place = Place::by(by).await;
        let dump = format!("{BEGIN}CREATE TABLE t (a int);\n{rows}{END}");
        let error = restore(&place, dump.as_bytes()).await.unwrap_err();
        assert!(matches!(error, Error::Statement { .. }) && !chain(&error).contains("secret"), "{}", chain(&error));
    }
}
}

by_anyone! {
async fn backslashes_escape_where_the_dump_says_so(by: By) {
    let text = "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\nCREATE TABLE t (a text);\n\
                COPY t (a) FROM stdin;\nx\\\\y\n\\.\nINSERT INTO t VALUES ('it\\'s; \\\\');\nINSERT INTO t VALUES ('z');\n";
    let place = restored(by, text).await;
    let all: String = place.query("SELECT string_agg(a, '|' ORDER BY a) FROM t").await;
    assert_eq!(all, "it's; \\|x\\y|z");
}
}

by_anyone! {
async fn dump_in_another_encoding_keeps_its_characters(by: By) {
    let source = Database::create(by.major).await;
    source.run("CREATE TABLE \"größe\" (a text DEFAULT 'ü'); INSERT INTO \"größe\" VALUES ('é'), (DEFAULT)").await;
    let dump = raw_dump(&source.server, &source.name, &["--encoding=LATIN1"]);
    assert!(std::str::from_utf8(&dump).is_err());
    let place = Place::by(by).await;
    restore(&place, &dump).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(place.dumped() == pg_dump(&source.server, &source.name));
}
}

by_anyone! {
async fn bytes_of_a_database_without_encoding_stay_as_they_are(by: By) {
    let create = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
    let source = Database::create_with(by.major, create).await;
    source.run("CREATE TABLE t (a text); INSERT INTO t SELECT convert_from('\\xe9fe'::bytea, 'SQL_ASCII')").await;
    let dump = raw_dump(&source.server, &source.name, &[]);
    let place = Place::by(by).await;
    restore(&place, &dump).await.unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert!(place.dumped() == pg_dump(&source.server, &source.name));
}
}
