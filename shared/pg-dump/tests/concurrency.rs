//! Others change, lock and kill while the dump runs: it is whole or an error, never hangs, and hardly gets in the way.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;

use std::time::{Duration, Instant};

use dumped::{connect, rest, until_no_session_is_left};
use pg_dump::{Dump, DumpOptions, Error};
use testing::postgres::{Database, MAJORS, USUAL, server};
use tokio_postgres::Client;

const SECOND: Duration = Duration::from_secs(1);

/// Many slices, and impatient enough for a test.
fn options() -> DumpOptions {
    DumpOptions {
        slice_bytes: 1 << 20,
        section_bytes: 128 << 10,
        lock_timeout: Duration::from_millis(400),
        lock_attempts: 2,
        slice_lock_timeout: Duration::from_millis(200),
        watch_interval: Duration::from_millis(100),
        yield_to_ddl_after: Duration::from_secs(300),
        ..DumpOptions::default()
    }
}

/// A table of 100000 rows and some MB, with indexes, and a small one.
async fn database(major: &str) -> Database {
    let database = Database::create(major).await;
    database
        .run(
            "CREATE TABLE big (id int PRIMARY KEY, v text);
             INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 100000) n;
             CREATE INDEX ON big (v); CREATE INDEX ON big (md5(v));
             CREATE TABLE little (id int); INSERT INTO little SELECT generate_series(1, 10);",
        )
        .await;
    database
}

async fn opened(database: &Database, options: DumpOptions) -> Dump {
    Dump::open(&connect(database), options).await.unwrap()
}

/// Takes one section of rows.
async fn begin_data(dump: &mut Dump) {
    while dump.next().await.unwrap().unwrap().rows.is_none() {}
}

async fn rows(client: &Client, table: &str) -> u64 {
    let count: i64 = client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0);
    count.cast_unsigned()
}

/// Waits until a statement like `statement` waits for a lock.
async fn until_blocked(client: &Client, statement: &str) {
    let began = Instant::now();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1 AND datname = current_database()";
    while client.query_one(sql, &[&format!("{statement}%")]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(began.elapsed() < 20 * SECOND, "{statement} does not wait");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn table_truncated_just_before_the_dump_is_dumped_as_it_became() {
    let database = database(USUAL).await;
    let (other, watch) = (database.connect().await, database.connect().await);
    other.batch_execute("BEGIN; TRUNCATE big").await.unwrap();
    let (source, patient) = (connect(&database), DumpOptions { lock_timeout: 20 * SECOND, ..options() });
    let opening = tokio::spawn(async move { Dump::open(&source, patient).await });
    until_blocked(&watch, "LOCK TABLE").await;
    other.batch_execute("INSERT INTO big SELECT n, 'new' FROM generate_series(1, 777) n; COMMIT").await.unwrap();
    let dumped = rest(opening.await.unwrap().unwrap()).await.unwrap();
    assert_eq!(dumped.rows_of("big"), 777);
}

#[tokio::test(flavor = "multi_thread")]
async fn table_made_while_the_locks_are_waited_for_is_locked_and_dumped() {
    let database = database(USUAL).await;
    let (other, watch) = (database.connect().await, database.connect().await);
    other.batch_execute("BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (source, patient) = (connect(&database), DumpOptions { lock_timeout: 20 * SECOND, ..options() });
    let opening = tokio::spawn(async move { Dump::open(&source, patient).await });
    until_blocked(&watch, "LOCK TABLE").await;
    watch.batch_execute("CREATE TABLE late AS SELECT generate_series(1, 5) n").await.unwrap();
    other.batch_execute("COMMIT").await.unwrap();
    let dump = opening.await.unwrap().unwrap();
    let sql =
        "SELECT count(*) FROM pg_locks WHERE relation = 'late'::regclass AND mode = 'AccessShareLock' AND granted";
    assert_eq!(watch.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 1);
    assert_eq!(rest(dump).await.unwrap().rows_of("late"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn table_dropped_while_its_lock_is_waited_for_is_left_out() {
    let database = database(USUAL).await;
    let (other, watch) = (database.connect().await, database.connect().await);
    other.batch_execute("BEGIN; DROP TABLE little").await.unwrap();
    let (source, patient) = (connect(&database), DumpOptions { lock_timeout: 20 * SECOND, ..options() });
    let opening = tokio::spawn(async move { Dump::open(&source, patient).await });
    until_blocked(&watch, "LOCK TABLE").await;
    other.batch_execute("COMMIT").await.unwrap();
    let dumped = rest(opening.await.unwrap().unwrap()).await.unwrap();
    assert!(dumped.of_table("little").is_empty());
    assert_eq!(dumped.rows_of("big"), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_that_is_never_granted_is_an_error_that_names_table_and_blocker() {
    let database = database(USUAL).await;
    let other = database.connect().await;
    other.batch_execute("BEGIN; LOCK TABLE little IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let slow = DumpOptions { lock_timeout: Duration::from_millis(900), ..options() };
    let error = Dump::open(&connect(&database), slow).await.err().unwrap();
    assert!(matches!(error, Error::LockTimeout { .. }), "{error:?}");
    let (text, pid) =
        (error.to_string(), other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get::<_, i32>(0));
    for part in ["public.little", "LOCK TABLE little", "idle in transaction", &format!("pid {pid}"), "user postgres"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    until_no_session_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn truncate_alter_and_drop_in_the_middle_wait_and_change_nothing_in_the_dump() {
    for statement in ["TRUNCATE big", "ALTER TABLE big ADD COLUMN c int DEFAULT random()", "DROP TABLE big"] {
        let database = database(USUAL).await;
        let (other, watch) = (database.connect().await, database.connect().await);
        let mut dump = opened(&database, options()).await;
        begin_data(&mut dump).await;
        let changing = tokio::spawn(async move { other.batch_execute(statement).await });
        until_blocked(&watch, statement).await;
        // Many looks of the watcher: one of them surely comes when the statement has waited for 300 ms.
        tokio::time::sleep(2 * SECOND).await;
        // Workers are refused while the statement queues; the leader, which holds the lock, reads for them.
        let (mut rows, mut target) = (0, 0);
        while let Some(section) = dump.next().await.unwrap() {
            if let Some(copied) = section.rows {
                *(if copied.table == "big" { &mut rows } else { &mut target }) += copied.count;
            }
        }
        let summary = dump.finish().await.unwrap();
        changing.await.unwrap().unwrap();
        // The first section was taken before.
        assert!(rows > 90_000 && rows < 100_000, "{statement}: {rows}");
        assert_eq!(target, 10);
        assert!(summary.blocked[0].query.as_ref().unwrap().starts_with(statement), "{:?}", summary.blocked);
        assert!(summary.blocked[0].waited >= Duration::from_millis(300));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn truncate_in_the_middle_leaves_the_dump_whole() {
    for major in MAJORS {
        let database = database(major).await;
        let (other, watch) = (database.connect().await, database.connect().await);
        let dump = opened(&database, options()).await;
        let changing = tokio::spawn(async move { other.batch_execute("TRUNCATE big").await });
        until_blocked(&watch, "TRUNCATE").await;
        let dumped = rest(dump).await.unwrap();
        changing.await.unwrap().unwrap();
        assert_eq!(dumped.rows_of("big"), 100_000, "{major}");
        assert_eq!(rows(&watch, "big").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reindexing_all_the_time_neither_hangs_the_dump_nor_waits_for_its_end() {
    let database = database(USUAL).await;
    let other = database.connect().await;
    let mut dump = opened(&database, DumpOptions { slice_bytes: 128 << 10, ..options() }).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let reindexing = tokio::spawn(async move {
        let (mut count, mut longest) = (0, Duration::ZERO);
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let began = Instant::now();
            other.batch_execute("REINDEX TABLE big").await.unwrap();
            (count, longest) = (count + 1, longest.max(began.elapsed()));
        }
        (count, longest)
    });
    let mut rows = 0;
    while let Some(section) = dump.next().await.unwrap() {
        rows += section.rows.map_or(0, |copied| copied.count);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (count, longest) = reindexing.await.unwrap();
    dump.finish().await.unwrap();
    assert_eq!(rows, 100_010);
    assert!(count > 1, "{count}");
    assert!(longest < 10 * SECOND, "{longest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_gives_way_to_who_waits_too_long_even_when_nobody_takes_its_sections() {
    let database = database(USUAL).await;
    let other = database.connect().await;
    let mut dump = opened(&database, DumpOptions { yield_to_ddl_after: SECOND, ..options() }).await;
    begin_data(&mut dump).await;
    let began = Instant::now();
    other.batch_execute("ALTER TABLE big ADD COLUMN c int").await.unwrap();
    assert!(began.elapsed() > SECOND && began.elapsed() < 6 * SECOND, "{:?}", began.elapsed());
    let error = loop {
        match dump.next().await {
            Ok(section) => assert!(section.is_some(), "a dump that gave way ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::GaveWay { .. }), "{error:?}");
    assert!(error.to_string().contains("ALTER TABLE big ADD COLUMN c int"), "{error}");
    assert!(matches!(dump.next().await, Err(Error::Stopped)));
    dump.abort().await;
    until_no_session_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connection_is_an_error_and_leaves_nothing() {
    let database = database(USUAL).await;
    let admin = server(USUAL).connect("postgres").await;
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND application_name = 'offsite' ORDER BY pid";
    for victim in 0..4 {
        let mut dump = opened(&database, options()).await;
        begin_data(&mut dump).await;
        let pids = admin.query(sql, &[&database.name]).await.unwrap();
        assert_eq!(pids.len(), 4);
        let pid: i32 = pids[victim].get(0);
        admin.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
        // The watcher notices when it looks next.
        tokio::time::sleep(3 * options().watch_interval).await;
        let ended = loop {
            match dump.next().await {
                Ok(Some(_)) => {}
                Ok(None) => break dump.finish().await.err(),
                Err(error) => {
                    dump.abort().await;
                    break Some(error);
                }
            }
        };
        let error = ended.unwrap_or_else(|| panic!("victim {victim}: the dump went on"));
        assert!(format!("{error}").contains("lost"), "{victim}: {error} {error:?}");
        until_no_session_is_left(&database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_after_the_snapshot_are_not_in_the_dump() {
    let database = database(USUAL).await;
    let other = database.connect().await;
    let mut dump = opened(&database, options()).await;
    begin_data(&mut dump).await;
    other
        .batch_execute(
            "INSERT INTO big SELECT n, 'late' FROM generate_series(100001, 150000) n;
             UPDATE big SET v = 'changed' WHERE id % 2 = 0; DELETE FROM big WHERE id % 3 = 0",
        )
        .await
        .unwrap();
    other.batch_execute("VACUUM big").await.unwrap();
    let mut text = Vec::new();
    while let Some(section) = dump.next().await.unwrap() {
        if let Some(copied) = &section.rows {
            text.extend_from_slice(&section.sql[copied.range.clone()]);
        }
    }
    dump.finish().await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("late") && !text.contains("changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_table_is_dumped_as_it_was_at_the_snapshot() {
    let database = database(USUAL).await;
    let (other, counter) = (database.connect().await, database.connect().await);
    let growing = tokio::spawn(async move {
        for n in 0..200 {
            let sql = format!(
                "INSERT INTO big SELECT n, 'more' FROM generate_series({n} * 500 + 100001, {n} * 500 + 100500) n"
            );
            other.batch_execute(&sql).await.unwrap();
        }
    });
    let before = rows(&counter, "big").await;
    let dump = opened(&database, options()).await;
    let after = rows(&counter, "big").await;
    let dumped = rest(dump).await.unwrap();
    growing.await.unwrap();
    let count = dumped.rows_of("big");
    // Batches are atomic: so is what the dump shows of them.
    assert!(before <= count && count <= after && count % 500 == 0, "{before} {count} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_drop_and_early_finish_leave_nothing_on_the_server() {
    let database = database(USUAL).await;
    let mut dump = opened(&database, options()).await;
    begin_data(&mut dump).await;
    dump.abort().await;
    until_no_session_is_left(&database).await;

    let mut dump = opened(&database, options()).await;
    begin_data(&mut dump).await;
    drop(dump);
    until_no_session_is_left(&database).await;

    let mut dump = opened(&database, options()).await;
    begin_data(&mut dump).await;
    assert!(matches!(dump.finish().await, Err(Error::Unfinished)));
    until_no_session_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_while_it_waits_for_a_lock_it_leaves_nothing_that_others_queue_behind() {
    let database = database(USUAL).await;
    let (other, watch) = (database.connect().await, database.connect().await);
    other.batch_execute("BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (source, patient) = (connect(&database), DumpOptions { lock_timeout: 60 * SECOND, ..options() });
    let opening = tokio::spawn(async move { Dump::open(&source, patient).await });
    until_blocked(&watch, "LOCK TABLE").await;
    opening.abort();
    until_no_session_is_left(&database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_for_a_lock_it_holds_none_that_others_could_wait_for() {
    let database = database(USUAL).await;
    let (other, watch) = (database.connect().await, database.connect().await);
    // `big` is older: it is locked first.
    other.batch_execute("BEGIN; LOCK TABLE little IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (source, patient) = (connect(&database), DumpOptions { lock_timeout: 20 * SECOND, ..options() });
    let opening = tokio::spawn(async move { Dump::open(&source, patient).await });
    until_blocked(&watch, "LOCK TABLE").await;
    // Of two sessions that wait for each other, PostgreSQL would fail one.
    let began = Instant::now();
    other.batch_execute("ALTER TABLE big ADD COLUMN c int; COMMIT").await.unwrap();
    assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    assert_eq!(rest(opening.await.unwrap().unwrap()).await.unwrap().rows_of("big"), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_uses_no_more_connections_than_allowed_and_takes_no_section_twice_when_next_is_dropped() {
    let database = database(USUAL).await;
    let admin = server(USUAL).connect("postgres").await;
    for connections in [2, 4] {
        let mut dump = opened(&database, DumpOptions { connections, ..options() }).await;
        let (mut rows, mut seq) = (0, 0);
        loop {
            // A deadline drops the future now and then.
            let Ok(section) = tokio::time::timeout(Duration::from_micros(50), dump.next()).await else { continue };
            let Some(section) = section.unwrap() else { break };
            assert_eq!(section.seq, seq);
            seq += 1;
            rows += section.rows.map_or(0, |copied| copied.count);
            // Autovacuum has sessions of its own.
            let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'offsite'";
            assert!(admin.query_one(sql, &[&database.name]).await.unwrap().get::<_, i64>(0) <= connections as i64);
        }
        assert_eq!(rows, 100_010);
        dump.finish().await.unwrap();
    }
}

#[tokio::test]
async fn summary_tells_how_long_locks_and_snapshot_were_held() {
    let database = database(USUAL).await;
    let before = time::OffsetDateTime::now_utc();
    let dump = opened(&database, options()).await;
    assert!((dump.snapshot_time() - before).abs() < 5 * SECOND);
    assert!(dump.estimate() > 10 << 20, "{}", dump.estimate());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let summary = rest(dump).await.unwrap().summary;
    assert!(summary.xmin_held >= Duration::from_millis(300) && summary.locks_held >= summary.xmin_held);
    assert!(summary.blocked.is_empty());
    let names: Vec<&str> = summary.tables.iter().map(|table| &*table.table).collect();
    assert_eq!(names, ["big", "little"]);
    assert_eq!(summary.tables[0].columns, ["id", "v"]);
}
