//! A standby is dumped as its primary is, but for what a standby doesn't have; and it may have to cancel a dump.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "data/dumped.rs"]
mod dumped;

use std::time::Duration;

use dumped::{Dumped, rest};
use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions, Error};
use testing::stack::Server;
use testing::standby::Replicated;

const SCHEMA: &str = "
    CREATE TABLE big (id int PRIMARY KEY, v text);
    INSERT INTO big SELECT n, repeat(md5(n::text), 4) FROM generate_series(1, 20000) n;
    CREATE TABLE little (id serial, v text); INSERT INTO little (v) VALUES ('a'), (NULL);
    CREATE UNLOGGED TABLE scratch (id int); INSERT INTO scratch VALUES (1);
    CREATE VIEW seen AS SELECT * FROM big; CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM big;
    SELECT lo_from_bytea(70001, 'large');";

fn connect(server: &Server) -> ConnectOptions {
    ConnectOptions::from_url(&server.url("app")).unwrap()
}

async fn dump(server: &Server) -> Dumped {
    let options = DumpOptions { slice_bytes: 256 << 10, ..DumpOptions::default() };
    rest(Dump::open(&connect(server), options).await.unwrap()).await.unwrap()
}

async fn replicated(major: &str, more: &str) -> Replicated {
    let replicated = Replicated::start(major).await;
    replicated.primary.connect("postgres").await.batch_execute("CREATE DATABASE app").await.unwrap();
    let client = replicated.primary.connect("app").await;
    client.batch_execute(&format!("{SCHEMA} {more}")).await.unwrap();
    replicated.until_replayed().await;
    replicated
}

#[tokio::test(flavor = "multi_thread")]
async fn standby_is_dumped_as_its_primary_without_what_is_unlogged_and_says_so() {
    for (major, more, unlogged) in [
        ("13", "", &["public.scratch"][..]),
        ("18", "CREATE UNLOGGED SEQUENCE wild", &["public.scratch", "public.wild"][..]),
    ] {
        let replicated = replicated(major, more).await;
        let (theirs, ours) = (dump(&replicated.primary).await, dump(&replicated.standby).await);
        let mut expected = theirs.blocks();
        expected.retain(|header, _| !header.starts_with(b"COPY public.scratch "));
        assert!(ours.blocks() == expected, "{major}");
        assert_eq!((ours.rows_of("big"), ours.rows_of("scratch")), (20_000, 0), "{major}");
        // The definitions are all there, those of what has no rows too.
        let schema = async |server: &Server| pg_dump::schema_text(&server.connect("app").await).await.unwrap();
        let definitions = schema(&replicated.standby).await;
        assert_eq!(definitions, schema(&replicated.primary).await, "{major}");
        assert!(definitions.contains("CREATE UNLOGGED TABLE public.scratch"));
        assert!(theirs.summary.warnings.is_empty(), "{:?}", theirs.summary.warnings);
        let warning = ours.summary.warnings.iter().find(|warning| warning.code == "unlogged-on-standby").unwrap();
        assert_eq!(warning.objects, unlogged, "{major}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_that_is_in_the_way_of_the_dump_is_a_named_error_and_no_hang() {
    for major in ["13", "18"] {
        let replicated = replicated(major, "").await;
        let options = DumpOptions { slice_bytes: 64 << 10, section_bytes: 16 << 10, ..DumpOptions::default() };
        let mut dump = Dump::open(&connect(&replicated.standby), options).await.unwrap();
        while dump.next().await.unwrap().unwrap().rows.is_none() {}
        let primary = replicated.primary.connect("app").await;
        primary.batch_execute("DELETE FROM big WHERE id % 2 = 0").await.unwrap();
        primary.batch_execute("VACUUM big").await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let ended = tokio::time::timeout(Duration::from_secs(60), async {
            loop {
                match dump.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break dump.finish().await.err(),
                    Err(error) => {
                        dump.abort().await;
                        break Some(error);
                    }
                }
            }
        });
        let error = ended
            .await
            .unwrap_or_else(|_| panic!("{major}: it hangs"))
            .unwrap_or_else(|| panic!("{major}: it went on"));
        assert!(matches!(error, Error::RecoveryConflict { .. }), "{major}: {error} {error:?}");
        assert!(error.to_string().contains("hot_standby_feedback"), "{error}");
    }
}
