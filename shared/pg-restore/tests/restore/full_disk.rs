//! A disk that is really full: the restore says so, gives back what it took, and leaves what was there as it was.

use serde_json::json;
use testing::postgres::{Database, USUAL};
use testing::small_disk::SmallDisk;
use testing::stack::Server;

use crate::backup::Backup;
use crate::database::{Place, assert_whole};
use crate::existing::{Existing, backup, data, refused};
use crate::login::By;
use crate::source::Memory;

/// Of which a new cluster takes 23, and each database 8.
const MEBIBYTES: u32 = 48;
const TABLE: &str = "CREATE TABLE t (n int, text text); ALTER TABLE t ALTER text SET STORAGE PLAIN;";

/// A database with a table of so many thousand rows, a MiB each.
async fn source(thousands: u32) -> Database {
    let source = Database::create(USUAL).await;
    let rows = format!("INSERT INTO t SELECT n, repeat('x', 980) FROM generate_series(1, {thousands} * 1000) n");
    source.run(&format!("{TABLE}{rows}")).await;
    source
}

async fn databases(server: &Server) -> Vec<String> {
    let rows = server.connect("postgres").await.query("SELECT datname::text FROM pg_database ORDER BY 1", &[]).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

fn assert_told(said: &str) {
    assert!(said.starts_with("restore TABLE DATA public.t: line "), "{said}");
    assert!(said.contains("ERROR 53100: could not extend file") && said.contains("No space left on device"), "{said}");
    assert!(said.ends_with(" HINT: Give the server more disk space; then restore again."), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_is_full_is_told_and_everything_on_it_is_as_it_was() {
    let Some(disk) = SmallDisk::start(USUAL, MEBIBYTES).await else { return };
    let (large, small) = (source(30).await, source(2).await);
    for by in [By::superuser(USUAL), By::master(USUAL)] {
        let before = databases(&disk.server).await;
        let place = Place::on(&disk.server, by).await;
        assert_told(&place.refusal(Memory::from(Backup::of(&large).await)).await);
        assert_eq!(databases(&disk.server).await, before);

        let rows = "INSERT INTO t SELECT n, 'mine' FROM generate_series(1, 7) n";
        let existing = Existing::on(&disk.server, by, &format!("{TABLE}{rows}")).await;
        let truncating = data(json!({"on_conflict": "truncate"}));
        assert_told(&refused(&existing, backup(&large).await, truncating).await);
        drop(existing);

        // What was taken was given back.
        assert_whole(by, &place.restore(Memory::from(Backup::of(&small).await)).await.unwrap());
    }
}
