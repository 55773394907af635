//! Wherever it fails, there is no database and no session afterwards, and the error names what failed.

use std::sync::Arc;
use std::time::Duration;

use pg_restore::Error;
use sql_volume::{RowDigest, SectionKind};
use testing::postgres::Database;
use testing::unique;

use crate::backup::{Backup, properties, simple};
use crate::database::{Place, chain, pg_dump, proving};
use crate::login::{by_anyone, by_anyone_once};
use crate::psql::shop;
use crate::source::Memory;

/// A backup whose text is given, of a database as tests create them on the oldest server: every other takes it.
pub(crate) fn backup(text: &str) -> Backup {
    Backup::of_dump(simple(), text.as_bytes())
}

/// A small dump: preamble, table, data, constraint.
pub(crate) fn dump(create: &str, rows: &str, after: &str) -> String {
    let header =
        |kind: &str, name: &str| format!("--\n-- Name: {name}; Type: {kind}; Schema: public; Owner: x\n--\n\n");
    format!(
        "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n{}{create}\n\n{}COPY public.t (a, b) FROM stdin;\n{rows}\\.\n\n\n{}{after}\n\n",
        header("TABLE", "t"),
        header("TABLE DATA", "t").replace("-- Name", "-- Data for Name"),
        header("CONSTRAINT", "t t_key")
    )
}

const TABLE: &str = "CREATE TABLE public.t (a int, b text);";
const KEY: &str = "ALTER TABLE ONLY public.t ADD CONSTRAINT t_key UNIQUE (b);";

by_anyone! {
async fn source_that_fails_at_any_section_leaves_nothing(by: By) {
    let source = shop(by.major).await;
    let place = Place::by(by).await;
    let (properties, dump) = (properties(&source).await, pg_dump(&source.server, &source.name));
    let backup = || Memory::from(Backup::of_dump(properties.clone(), &dump));
    let sections = backup().len();
    assert!(sections > 15);
    for section in 0..=sections {
        let refusal = place.refusal(backup().failing_at(section)).await;
        assert_eq!(refusal, "read the backup: the vault is on fire");
    }
}
}

by_anyone! {
async fn source_that_ends_early_leaves_nothing_even_if_it_calls_itself_verified(by: By) {
    let text = dump(TABLE, "1\tx\n", KEY);
    let place = Place::by(by).await;
    let refusal = place.refusal(Memory::from(backup(&text)).ending_at(2)).await;
    assert!(refusal.contains("table public.t: 1 rows were backed up and 0 restored"), "{refusal}");
    let refusal = place.refusal(Memory::from(backup(&text)).ending_at(0)).await;
    assert_eq!(refusal, "the backup contradicts itself: it has no section");
}
}

by_anyone! {
async fn backup_without_a_verified_end_is_refused(by: By) {
    let place = Place::by(by).await;
    let refusal = place.refusal(Memory::from(backup(&dump(TABLE, "1\tx\n", KEY))).unverified()).await;
    assert_eq!(refusal, "verify the end of the backup: the final frame is missing");
}
}

by_anyone! {
async fn backup_that_contradicts_itself_is_refused(by: By) {
    let place = Place::by(by).await;
    type Spoil = fn(&mut Backup);
    let cases: [(Spoil, &str); 8] = [
        (|b| b.sections[2].entry.digest ^= 1, "section 2 does not match the index: its digest differs"),
        (|b| b.sections[2].frame[20] ^= 1, "decompress section 2"),
        (|b| b.sections[2].entry.rows = Some(RowDigest::default()), "section 2 holds other rows than its entry says"),
        (|b| b.sections[2].entry.rows = None, "section 2 has rows or its entry says so, but not both"),
        (|b| drop(b.sections.remove(1)), "section 2 comes where section 1 belongs"),
        (|b| b.sections[1].entry.after = Some(1), "section 1 waits for itself"),
        (
            |b| {
                let same = b.tables[0].digest;
                b.tables[0].digest.merge(same)
            },
            "table public.t: 2 rows were backed up and 1 restored",
        ),
        (|b| b.tables.clear(), "table public.t: 0 rows were backed up and 1 restored"),
    ];
    for (spoil, expected) in cases {
        let mut backup = backup(&dump(TABLE, "1\tx\n", KEY));
        spoil(&mut backup);
        let refusal = place.refusal(backup.into()).await;
        assert!(refusal.contains(expected), "{refusal}");
    }
}
}

by_anyone! {
async fn statement_that_fails_is_named_with_postgresqls_words(by: By) {
    let place = Place::by(by).await;
    let text = dump("CREATE TABLE public.t (a int,\n  b nonsense);", "", KEY);
    let refusal = place.refusal(backup(&text).into()).await;
    assert_eq!(
        refusal,
        "restore TABLE public.t: line 7 of section 1, CREATE TABLE public.t (a int, b nonsense);: \
         ERROR 42704: type \"nonsense\" does not exist"
    );
    let error = place.restore(backup(&dump(TABLE, "", "SELECT public.none();")).into()).await.unwrap_err();
    let refusal = chain(&error);
    assert!(
        refusal.contains("CONSTRAINT public.t t_key") && refusal.contains(" HINT: No function matches"),
        "{refusal}"
    );
}
}

by_anyone! {
async fn constraint_that_the_rows_violate_is_named_without_their_values(by: By) {
    let place = Place::by(by).await;
    let refusal = place.refusal(backup(&dump(TABLE, "1\tsecret\n2\tsecret\n", KEY)).into()).await;
    assert_eq!(
        refusal,
        "restore CONSTRAINT public.t t_key: line 7 of section 3, ALTER TABLE ONLY public.t ADD CONSTRAINT t_key UNIQUE (b);: \
         ERROR 23505: could not create unique index \"t_key\" DETAIL: Key (b)"
    );
}
}

by_anyone! {
async fn bad_row_is_named_by_line_and_column_without_its_values(by: By) {
    let place = Place::by(by).await;
    let cases = [
        (
            TABLE,
            "1\tx\nsecret\ty\n",
            "ERROR 22P02: invalid input syntax for type integer: \"…\" (COPY t, line 2, column a)",
        ),
        (TABLE, "1\tx\n2\tsecret\tz\n", "ERROR 22P04: extra data after last expected column (COPY t, line 2)"),
        (TABLE, "1\tx\n\\N\n", "ERROR 22P04: missing data for column \"…\" (COPY t, line 2)"),
        (
            "CREATE TABLE public.t (a int, b text CHECK (b <> 'secret'));",
            "1\tsecret\n",
            "ERROR 23514: new row for relation \"t\" violates check constraint \"t_b_check\" (COPY t, line 1)",
        ),
        (
            "CREATE FUNCTION public.f(x text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'bad %', x; END $$;\n\
             CREATE TABLE public.t (a int, b text CHECK (public.f(b)));",
            "1\tsecret\n",
            "may hold rows (PL/pgSQL function f(text) line 1 at RAISE, in COPY t, line 1)",
        ),
    ];
    for (create, rows, expected) in cases {
        let error = place.restore(backup(&dump(create, rows, KEY)).into()).await.unwrap_err();
        let refusal = chain(&error);
        assert!(
            refusal.starts_with("restore TABLE DATA public.t: line 7 of section 2, COPY public.t (a, b) FROM stdin;")
        );
        assert!(refusal.contains(expected), "{refusal}");
        assert!(!format!("{error:?}").contains("secret") && !refusal.contains("secret"), "{error:?}");
    }
}
}

by_anyone! {
async fn rows_that_vanish_on_the_way_are_counted(by: By) {
    let place = Place::by(by).await;
    let create = "CREATE TABLE public.t (a int, b text);\n\
         CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULLIF(NEW, (2, 'x')::public.t); END $$;\n\
         CREATE TRIGGER f BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();";
    // A header of its own keeps the trigger in the section before the data.
    let refusal = place.refusal(backup(&dump(create, "1\tx\n2\tx\n", KEY)).into()).await;
    assert_eq!(refusal, "table TABLE DATA public.t took 1 of the 2 rows of section 2");
}
}

/// As a server without room answers the COPY: no disk is filled for it.
pub(crate) const FULL: &str = "CREATE FUNCTION public.full(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
     RAISE disk_full USING MESSAGE = 'could not extend file \"base/1/2\": No space left on device'; END $$;\n";

by_anyone! {
async fn server_that_is_full_is_told_and_nothing_is_left_on_it(by: By) {
    let place = Place::by(by).await;
    let create = format!("{FULL}CREATE TABLE public.t (a int, b text CHECK (public.full(b)));");
    let refusal = place.refusal(backup(&dump(&create, "1\tsecret\n", KEY)).into()).await;
    let said = "could not extend file \"base/1/2\": No space left on device";
    assert!(refusal.starts_with("restore TABLE DATA public.t") && refusal.contains(said), "{refusal}");
    assert!(refusal.ends_with("HINT: Give the server more disk space; then restore again."), "{refusal}");
}
}

by_anyone! {
async fn text_that_is_not_sql_is_refused_by_its_place(by: By) {
    let place = Place::by(by).await;
    let mut with_command = backup(&dump(TABLE, "", KEY));
    let other = Backup::of_dump(with_command.database.clone(), dump("SELECT 1;", "", KEY).as_bytes());
    with_command.sections[1] = {
        let section = sql_volume::Section {
            kind: SectionKind::PreData,
            seq: 1,
            after: Some(0),
            sql: b"SELECT 1;\n\\! touch /tmp/x\n".to_vec(),
            rows: None,
        };
        sql_volume::compress(&section, 1, other.seed).unwrap()
    };
    let refusal = place.refusal(with_command.into()).await;
    assert_eq!(refusal, "split section 1 into statements: line 2 has the psql command \\!, which is not SQL");
}
}

by_anyone! {
async fn statement_that_cannot_be_sent_is_named(by: By) {
    let place = Place::by(by).await;
    let refusal =
        place.refusal(backup(&dump("CREATE TABLE public.t (a int, b text DEFAULT '\0');", "", KEY)).into()).await;
    assert!(refusal.starts_with("restore TABLE public.t:") && refusal.contains("speak with the server"), "{refusal}");
}
}

by_anyone! {
async fn killed_connection_fails_the_restore_and_leaves_nothing(by: By) {
    let place = Place::by(by).await;
    let slow = "DO 'BEGIN PERFORM pg_sleep(30); END';";
    // Killed while it waits for the source, and in the middle of a statement.
    for (after, section) in [(KEY, 2), (slow, 3)] {
        let (server, application) = (place.server.clone(), place.options.application_name.clone());
        let kill = async move {
            let client = server.connect("postgres").await;
            let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
            let delay = if section == 3 { 500 } else { 0 };
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let killed = client.query(kill, &[&application]).await.unwrap();
            assert_eq!(killed.len(), 5, "one that holds the name, and those that work");
        };
        let source = Memory::from(backup(&dump(TABLE, "1\tx\n", after))).before(section, move || {
            Box::pin(async move {
                let killing = tokio::spawn(kill);
                if section == 2 {
                    killing.await.unwrap();
                }
            })
        });
        let refusal = place.refusal(source).await;
        assert!(refusal.starts_with("restore ") && refusal.contains("administrator command"), "{refusal}");
        assert!(refusal.contains(" HINT: Look into the server's log"), "{refusal}");
    }
}
}

by_anyone! {
async fn name_that_is_taken_is_refused_before_and_at_the_end(by: By) {
    let taken = Database::create(by.major).await;
    let mut place = Place::by(by).await;
    place.name.clone_from(&taken.name);
    taken.run("CREATE TABLE mine ()").await;
    let error =
        pg_restore::restore_into_new(place.target(), Memory::from(backup(&dump(TABLE, "", KEY))), proving())
            .await
            .unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    assert_eq!(place.databases().await, std::slice::from_ref(&taken.name));

    let place = Place::by(by).await;
    let (server, name) = (place.server.clone(), place.name.clone());
    let source = Memory::from(backup(&dump(TABLE, "", KEY))).before(3, move || {
        Box::pin(async move {
            let client = server.connect("postgres").await;
            client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        })
    });
    let error = pg_restore::restore_into_new(place.target(), source, proving()).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    assert_eq!(place.databases().await, std::slice::from_ref(&place.name), "another's database stays, ours goes");
    assert!(!place.query::<bool>("SELECT EXISTS (SELECT FROM pg_class WHERE relname = 't')").await);
}
}

by_anyone! {
async fn database_that_cannot_be_dropped_is_reported_with_the_first_error(by: By) {
    let place = Place::by(by).await;
    let (server, like) = (place.server.clone(), format!("{}%", place.name));
    let source = Memory::from(backup(&dump(TABLE, "", KEY))).failing_at(3).before(2, move || {
        Box::pin(async move {
            let client = server.connect("postgres").await;
            let row = client.query_one("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await;
            let sql = format!("ALTER DATABASE {} IS_TEMPLATE true", row.unwrap().get::<_, String>(0));
            client.batch_execute(&sql).await.unwrap();
        })
    });
    let error = pg_restore::restore_into_new(place.target(), source, proving()).await.unwrap_err();
    let left = place.databases().await;
    let refusal = chain(&error);
    assert!(matches!(&error, Error::LeftBehind { name, .. } if [name.clone()] == left[..]), "{refusal}");
    assert!(refusal.ends_with("HINT: Drop it: it is incomplete.: read the backup: the vault is on fire"), "{refusal}");
    assert!(refusal.contains("cannot drop a template database"), "{refusal}");
    let client = place.server.connect("postgres").await;
    client.batch_execute(&format!("ALTER DATABASE {} IS_TEMPLATE false", left[0])).await.unwrap();
    client.batch_execute(&format!("DROP DATABASE {}", left[0])).await.unwrap();
}
}

by_anyone_once! {
async fn database_that_takes_too_long_to_drop_is_reported_with_the_first_error(by: By) {
    let place = Place::by(by).await;
    let (server, like) = (place.server.clone(), format!("{}%", place.name));
    let visitor = Arc::new(server.connect("postgres").await);
    let holder = Arc::clone(&visitor);
    let source = Memory::from(backup(&dump(TABLE, "", KEY))).failing_at(3).before(2, move || {
        Box::pin(async move {
            let row = holder.query_one("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await;
            let sql = format!("BEGIN; COMMENT ON DATABASE {} IS 'held'", row.unwrap().get::<_, String>(0));
            holder.batch_execute(&sql).await.unwrap();
        })
    });
    let mut options = proving();
    options.drop_timeout = Duration::from_secs(1);
    let error = pg_restore::restore_into_new(place.target(), source, options).await.unwrap_err();
    let (left, refusal) = (place.databases().await, chain(&error));
    assert!(matches!(&error, Error::LeftBehind { name, .. } if [name.clone()] == left[..]), "{refusal}");
    assert!(refusal.contains("canceling statement due to statement timeout"), "{refusal}");
    assert!(refusal.contains("the server's log may name a process that it waits for"), "{refusal}");
    assert!(refusal.ends_with("read the backup: the vault is on fire"), "{refusal}");
    visitor.batch_execute("ROLLBACK").await.unwrap();
    visitor.batch_execute(&format!("DROP DATABASE {}", left[0])).await.unwrap();
}
}

by_anyone! {
async fn session_in_the_way_of_the_renaming_is_waited_for(by: By) {
    let place = Place::by(by).await;
    let (server, like) = (place.server.clone(), format!("{}%", place.name));
    let mut options = proving();
    let (tell, told) = std::sync::mpsc::channel();
    options.progress = Some(Arc::new(move |progress| tell.send(progress).unwrap()));
    let source = Memory::from(backup(&dump(TABLE, "1\tx\n", KEY))).before(3, move || {
        Box::pin(async move {
            let client = server.connect("postgres").await;
            let row = client.query_one("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await;
            let visitor = server.connect(&row.unwrap().get::<_, String>(0)).await;
            tokio::spawn(async move { visitor.batch_execute("SELECT pg_sleep(7)").await });
        })
    });
    let report = place.restore_with(source, options).await.unwrap();
    assert!(report.rows_equal && report.durations.total > 5.0);
    let last = told.iter().last().unwrap();
    assert_eq!((last.phase, last.sections, last.rows), (pg_restore::Phase::Naming, 4, 1));
}
}

by_anyone! {
async fn leftovers_of_others_are_reported_and_stay(by: By) {
    let left = format!("{}__restoring_0123456789ab", unique("x"));
    let place = Place::by(by).await;
    let client = place.server.connect("postgres").await;
    client.batch_execute(&format!("CREATE DATABASE {left}")).await.unwrap();
    let report = place.restore(backup(&dump(TABLE, "1\tx\n", KEY)).into()).await.unwrap();
    client.batch_execute(&format!("DROP DATABASE {left}")).await.unwrap();
    assert!(report.leftovers.contains(&left));
    assert!(report.warnings.iter().any(|warning| warning.contains(&left)), "{report:?}");
}
}
