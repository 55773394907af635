//! The peak of memory, of a process of its own: one test.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions};
use testing::postgres::{Database, USUAL};

const MIB: u64 = 1 << 20;

/// Peak of this process's resident memory, in bytes (`VmHWM`, in kB, of proc(5)).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

async fn rows(database: &Database, options: DumpOptions) -> u64 {
    let connect = ConnectOptions::from_url(&database.url()).unwrap();
    let mut dump = Dump::open(&connect, options).await.unwrap();
    let mut rows = 0;
    while let Some(section) = dump.next().await.unwrap() {
        rows += section.rows.map_or(0, |copied| copied.count);
        // A consumer slower than PostgreSQL: whatever can pile up does.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    dump.finish().await.unwrap();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_with_8_mib_values_on_all_readers_and_with_one_of_200_mib() {
    let database = Database::create(USUAL).await;
    for table in ["a", "b", "c"] {
        database
            .run(&format!(
                "CREATE TABLE {table} (id int, b bytea);
                 ALTER TABLE {table} ALTER b SET STORAGE EXTERNAL;
                 INSERT INTO {table} SELECT n, (SELECT string_agg(sha512((n || '{table}' || m)::bytea), '') FROM generate_series(1, 131072) m)
                    FROM generate_series(1, 8) n"
            ))
            .await;
    }
    let before = peak();
    assert_eq!(rows(&database, DumpOptions::default()).await, 24);
    let used = peak() - before;
    assert!(used < 192 * MIB, "{} MiB", used / MIB);

    database.run("CREATE TABLE huge AS SELECT repeat('0123456789abcdef', 13107200) AS v").await;
    assert_eq!(rows(&database, DumpOptions { max_row: 300 * MIB, ..DumpOptions::default() }).await, 25);
    let used = peak() - before;
    assert!(used < (192 + 2 * 200) * MIB, "{} MiB", used / MIB);
}
