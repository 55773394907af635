use testing::postgres::Database;

use crate::backup::Backup;
use crate::database::{Place, assert_whole, pg_dump, psql};
use crate::login::by_anyone_anywhere;

/// The fixture in a database of a major version.
pub(crate) async fn shop(major: &str) -> Database {
    let database = Database::create(major).await;
    database.run(include_str!("fixtures/shop.sql")).await;
    if major.parse::<u32>().unwrap() >= 14 {
        database.run(include_str!("fixtures/shop_14.sql")).await;
    }
    database
}

by_anyone_anywhere! {
async fn restore_does_what_psql_does_and_both_equal_the_source(by: By) {
    let source = shop(by.major).await;
    let dump = pg_dump(&source.server, &source.name);
    let by_psql = Database::create(by.major).await;
    psql(&by_psql.server, &by_psql.name, &dump);
    let place = Place::by(by).await;
    let backup = Backup::of(&source).await;
    let bytes: u64 = backup.sections.iter().map(|section| section.entry.sql_length).sum();
    let report = place.restore(backup.into()).await.unwrap();
    let ours = place.dumped();
    let ours = comparable(&ours);
    assert!(ours == comparable(&pg_dump(&by_psql.server, &by_psql.name)), "differs from psql's on {by:?}");
    assert!(ours == comparable(&dump), "differs from the source on {by:?}");
    assert_whole(by, &report);
    assert!(report.warnings.iter().all(|warning| warning.contains("other restores")), "{report:?}");
    let rows = 500 + 1000 + 60 + 90 + 2;
    assert_eq!((report.rows, report.compared.rows, report.tables, report.large_objects), (rows, rows, 8, 1));
    assert_eq!(report.compared.tables, report.tables);
    assert_eq!(report.bytes, bytes);
}
}

/// A dump, with the rows of the table partitioned by the hash of an enum apart and sorted: which partition holds which of them
/// depends on the enum's oids.
pub(crate) fn comparable(dump: &[u8]) -> (Vec<u8>, Vec<&[u8]>) {
    let (mut rest, mut rows, mut within) = (Vec::new(), Vec::new(), false);
    for line in dump.split_inclusive(|byte| *byte == b'\n') {
        match within {
            true if line != b"\\.\n" => rows.push(line),
            _ => rest.extend_from_slice(line),
        }
        within = line.starts_with(b"COPY public.moods ") || (within && line != b"\\.\n");
    }
    rows.sort_unstable();
    assert_eq!(rows.len(), 90);
    (rest, rows)
}
