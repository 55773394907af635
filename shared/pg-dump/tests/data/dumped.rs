//! Whole dumps, and what pg_dump says of the same database.
#![allow(dead_code, missing_docs, unreachable_pub)] // Each of the test programs that share this uses a part of it.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use pg_client::ConnectOptions;
use pg_dump::{Content, Dump, DumpOptions, Error, Summary};
use sql_volume::{Section, SectionKind};
use testing::postgres::Database;
use testing::stack::stack;

/// Rows by COPY target and column list, sorted: their order, and how they are spread over COPY blocks, is nobody's promise.
pub type Blocks = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

pub struct Dumped {
    pub sections: Vec<Section>,
    pub summary: Summary,
}

pub fn connect(database: &Database) -> ConnectOptions {
    ConnectOptions::from_url(&database.url()).unwrap()
}

pub async fn dump(database: &Database, options: DumpOptions) -> Result<Dumped, Error> {
    let with_keys = options.content == Content::Data;
    take(Dump::open(&connect(database), options).await?, with_keys).await
}

/// The same of a database whose extensions have configuration tables with foreign keys.
pub async fn dump_with_configuration(database: &Database, options: DumpOptions) -> Result<Dumped, Error> {
    take(Dump::open(&connect(database), options).await?, true).await
}

/// Takes all sections, and checks what each dump promises.
pub async fn rest(dump: Dump) -> Result<Dumped, Error> {
    take(dump, false).await
}

async fn take(mut dump: Dump, with_keys: bool) -> Result<Dumped, Error> {
    let mut sections = Vec::new();
    loop {
        match dump.next().await {
            Ok(Some(section)) => sections.push(section),
            Ok(None) => break,
            Err(error) => {
                dump.abort().await;
                return Err(error);
            }
        }
    }
    assert!(dump.next().await.unwrap().is_none());
    let summary = dump.finish().await?;
    check_order(&sections, with_keys);
    assert_eq!(summary.sections as usize, sections.len());
    Ok(Dumped { sections, summary })
}

/// With foreign keys in force, some tables come one after the other before those in any order.
fn check_order(sections: &[Section], with_keys: bool) {
    assert_eq!((sections[0].kind, sections[0].after), (SectionKind::Preamble, None));
    let mut data_after = None;
    for (section, seq) in sections.iter().zip(0u32..) {
        assert_eq!(section.seq, seq);
        let previous = seq.checked_sub(1);
        match section.kind {
            SectionKind::Preamble | SectionKind::PreData | SectionKind::PostData => assert_eq!(section.after, previous),
            _ if section.after == previous && (with_keys || data_after.is_none()) => data_after = section.after,
            _ => assert_eq!(section.after, data_after),
        }
        if let Some(rows) = &section.rows {
            let text = &section.sql[rows.range.clone()];
            assert_eq!(text.iter().filter(|byte| **byte == b'\n').count() as u64, rows.count);
            assert!(section.sql[rows.range.end..].starts_with(b"\\.\n"));
            assert!(section.sql[..rows.range.start].ends_with(b" FROM stdin;\n"));
        }
    }
}

impl Dumped {
    pub fn file(&self) -> Vec<u8> {
        self.sections.iter().flat_map(|section| section.sql.clone()).collect()
    }

    pub fn blocks(&self) -> Blocks {
        blocks(&self.file())
    }

    pub fn of_table(&self, table: &str) -> Vec<&Section> {
        self.sections.iter().filter(|section| section.rows.as_ref().is_some_and(|rows| rows.table == table)).collect()
    }

    pub fn rows_of(&self, table: &str) -> u64 {
        self.of_table(table).iter().map(|section| section.rows.as_ref().unwrap().count).sum()
    }
}

/// The COPY blocks of a dump's text.
pub fn blocks(file: &[u8]) -> Blocks {
    let mut blocks = Blocks::new();
    let mut lines = file.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        if line.starts_with(b"COPY ") && line.ends_with(b" FROM stdin;") {
            let rows = blocks.entry(line.to_vec()).or_default();
            rows.extend(lines.by_ref().take_while(|row| *row != b"\\.").map(<[u8]>::to_vec));
        }
    }
    blocks.values_mut().for_each(|rows| rows.sort());
    blocks
}

/// What a stock pg_dump writes, in the database's own encoding.
pub fn pg_dump(database: &Database, encoding: &str, more: &[&str]) -> Vec<u8> {
    let server = &database.server;
    let output = Command::new(stack().pg_dump.as_ref().unwrap())
        .args(["--host", &server.host, "--port", &server.port.to_string(), "--username", &server.user])
        .args(["--encoding", encoding, "--dbname", &database.name])
        .args(more)
        .env("PGPASSWORD", &server.password)
        .env("PGTZ", "UTC")
        .env("PGSSLMODE", "disable")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Dumps and compares with pg_dump.
pub async fn dump_as_pg_dump_does(database: &Database, encoding: &str, options: DumpOptions) -> Dumped {
    let dumped = dump(database, options).await.unwrap();
    let (ours, theirs) = (dumped.blocks(), blocks(&pg_dump(database, encoding, &["--data-only"])));
    let keys = |blocks: &Blocks| -> Vec<String> {
        blocks.keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect()
    };
    assert_eq!(keys(&ours), keys(&theirs));
    for (target, rows) in &ours {
        assert!(rows == &theirs[target], "{}", String::from_utf8_lossy(target));
    }
    dumped
}

/// Waits until the server has no session of ours: it forgets one only a while after its socket is closed.
pub async fn until_no_session_is_left(database: &Database) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'offsite'";
    let (admin, began) = (database.server.connect("postgres").await, Instant::now());
    while admin.query_one(sql, &[&database.name]).await.unwrap().get::<_, i64>(0) != 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "a session is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
