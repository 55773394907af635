//! Five hundred dumps of databases that others change all the time, in every way that there is: each is of one moment or an
//! error that says what moved, none hangs, none leaves a session behind, and nobody waits for one longer than the limits.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "churn/changes.rs"]
mod changes;
#[path = "data/dumped.rs"]
mod dumped;
#[path = "churn/one_moment.rs"]
mod one_moment;
#[path = "churn/replaced.rs"]
mod replaced;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use changes::Changes;
use dumped::{Dumped, connect, rest};
use pg_dump::{Dump, DumpOptions, Error};
use replaced::Replaced;
use testing::postgres::Database;
use tokio_postgres::Client;

/// Dumps per major: 500 together.
const MAJORS: [(&str, u32); 3] = [("13", 180), ("15", 175), ("18", 145)];
/// One in so many is restored by psql.
const RESTORED: u32 = 25;
/// One in so many is taken so slowly that it has to give way.
const SLOW: u32 = 83;
/// How long who changes things may wait for a dump: `yield_to_ddl_after`, two looks, and what a busy machine adds.
const LONGEST: Duration = Duration::from_secs(12);
/// Between two replacements of what takes no lock: longer than a dump reads the catalog, so that most attempts succeed.
const UNTIL_REPLACED: Duration = Duration::from_millis(800);
/// No dump of these small databases takes so long, unless it hangs.
const HANGING: Duration = Duration::from_secs(90);

fn options() -> DumpOptions {
    DumpOptions {
        connections: 3,
        slice_bytes: 32 << 10,
        section_bytes: 16 << 10,
        lock_timeout: Duration::from_millis(700),
        slice_lock_timeout: Duration::from_millis(200),
        watch_interval: Duration::from_millis(100),
        yield_to_ddl_after: Duration::from_secs(2),
        ..DumpOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn five_hundred_dumps_of_changing_databases_are_each_of_one_moment_or_a_named_error() {
    let majors = MAJORS.map(|(major, dumps)| tokio::spawn(dump_while_changing(major, dumps)));
    for major in majors {
        major.await.unwrap();
    }
}

async fn dump_while_changing(major: &'static str, dumps: u32) {
    let database = Database::create(major).await;
    let mut changes = Changes::begin(&database).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut replaced = Replaced::begin(&database).await;
    let stopped = Arc::clone(&stop);
    let replacing = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            replaced.turn().await;
            tokio::time::sleep(UNTIL_REPLACED).await;
        }
    });
    let stopped = Arc::clone(&stop);
    let changing = tokio::spawn(async move {
        while !stopped.load(Ordering::Relaxed) {
            changes.make_one().await;
        }
        changes
    });
    let admin = database.server.connect("postgres").await;
    let (mut whole, mut errors) = (0, Vec::new());
    for number in 0..dumps {
        let slowly = number % SLOW == 1;
        let ended = tokio::time::timeout(HANGING, dump(&database, slowly)).await;
        let ended = ended.unwrap_or_else(|_| panic!("{major}: dump {number} hangs"));
        match ended {
            Ok(dumped) => {
                whole += 1;
                one_moment::check(major, &dumped.file());
                if number % RESTORED == 0 {
                    one_moment::restores(major, &dumped.file()).await;
                }
            }
            Err(error) => {
                let text = said(&error);
                assert!(
                    changes::NAMES.iter().any(|name| text.contains(name)),
                    "{major}: nothing is named: {text} {error:?}"
                );
                errors.push(text);
            }
        }
        until_nothing_is_left(&admin, &database).await;
    }
    stop.store(true, Ordering::Relaxed);
    replacing.await.unwrap();
    let changes = changing.await.unwrap();
    assert!(whole > dumps * 2 / 3, "{major}: {whole} of {dumps} are whole: {errors:#?}");
    assert!(changes.made > dumps, "{major}: {}", changes.made);
    assert!(changes.longest.0 < LONGEST, "{major}: {:?}", changes.longest);
}

async fn dump(database: &Database, slowly: bool) -> Result<Dumped, Error> {
    let dump = Dump::open(&connect(database), options()).await?;
    if !slowly {
        return rest(dump).await;
    }
    // Whoever waits meanwhile must get its lock although nobody asks for the next section.
    tokio::time::sleep(Duration::from_secs(3)).await;
    rest(dump).await
}

/// The error with all its sources.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

async fn until_nothing_is_left(admin: &Client, database: &Database) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'offsite'";
    let began = Instant::now();
    while admin.query_one(sql, &[&database.name]).await.unwrap().get::<_, i64>(0) != 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "sessions are left");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
