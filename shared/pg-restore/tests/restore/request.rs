//! Two restores of one request, and one that would take longer than it may.

use std::time::Duration;

use pg_restore::{Error, Extent, RestoreOptions};
use testing::postgres::Database;
use tokio::time::Instant;

use crate::backup::Backup;
use crate::database::Place;
use crate::existing::Existing;
use crate::login::by_anyone;
use crate::selection::choosing;
use crate::source::Memory;

fn asked_for_by(request_id: &str) -> RestoreOptions {
    let mut options = RestoreOptions::default();
    options.request_id = Some(request_id.to_owned());
    options
}

by_anyone! {
async fn second_restore_of_a_request_is_refused_whatever_its_target_is_called(by: By) {
    let source = Database::create(by.major).await;
    let (place, other) = (Place::by(by).await, Place::by(by).await);
    let request_id = testing::unique("request-");
    let (target, options) = (other.target(), asked_for_by(&request_id));
    let second = Memory::from(Backup::of(&source).await);
    let (told, said) = tokio::sync::oneshot::channel();
    let first = Memory::from(Backup::of(&source).await).before(0, move || {
        Box::pin(async move {
            let refused = pg_restore::restore_into_new(target, second, options).await;
            told.send(refused.map(|report| format!("{report:?}"))).unwrap();
        })
    });
    assert!(place.restore_with(first, asked_for_by(&request_id)).await.unwrap().rows_equal);
    let refused = said.await.unwrap().unwrap_err();
    assert!(refused.to_string().contains(&format!("request {request_id} is under way already")), "{refused}");
    assert!(other.databases().await.is_empty());
    // When the first is done, the id is as good as any.
    let third = Memory::from(Backup::of(&source).await);
    assert!(other.restore_with(third, asked_for_by(&request_id)).await.unwrap().rows_equal);
    // And what it made stands in the way of whoever asks again.
    let fourth = Memory::from(Backup::of(&source).await);
    let refused = pg_restore::restore_into_new(other.target(), fourth, asked_for_by(&request_id)).await.unwrap_err();
    assert!(matches!(refused, Error::NameTaken { .. }), "{refused}");
}
}

by_anyone! {
async fn restore_that_would_take_too_long_is_refused_before_anything_is_changed(by: By) {
    let source = Database::create(by.major).await;
    source.run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n").await;
    let existing = Existing::create(by, "CREATE TABLE t (n int)").await;
    let admin = existing.database.server.connect("postgres").await;
    let backup = async || Memory::from(Backup::of(&source).await);
    let within = |mut options: RestoreOptions, objects| {
        options.deadline = Some(Instant::now() + Duration::from_secs(600));
        options.extent = Extent::new(objects, 7);
        options
    };
    let place = Place::by(by).await;
    let report = place.restore_with(backup().await, within(RestoreOptions::default(), 10)).await.unwrap();
    assert_eq!(report.estimated_seconds, None);
    admin.batch_execute(&format!("DROP DATABASE {}", place.name)).await.unwrap();

    let many = 1_000_000_000;
    let refused = place.restore_with(backup().await, within(RestoreOptions::default(), many)).await.unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("restoring 1000 rows (") && said.contains("7 indexes and constraints"), "{said}");
    assert!(said.contains("takes about ") && said.contains(" s left, so nothing was begun HINT: "), "{said}");

    let dry = within(choosing(serde_json::json!({"dry_run": true})), many);
    let report = pg_restore::restore_into_new(place.target(), backup().await, dry).await.unwrap();
    let seconds = report.estimated_seconds.unwrap();
    assert!(seconds > 600 && said.contains(&format!("about {seconds} s")), "{seconds}: {said}");
    assert!(report.warnings.iter().any(|warning| warning.contains("so nothing was begun")), "{:?}", report.warnings);
    assert!(place.databases().await.is_empty());

    let mut knows = within(RestoreOptions::default(), many);
    knows.ignore_estimate = true;
    assert!(place.restore_with(backup().await, knows).await.unwrap().rows_equal);

    // Rows that go into tables with indexes, on one connection.
    let into = || {
        let mut options = within(choosing(serde_json::json!({"existing": true, "content": "data"})), many);
        options.extent = Extent::new(0, u64::MAX);
        (existing.target(), options)
    };
    let (target, options) = into();
    let refused = pg_restore::restore_into_existing(target, backup().await, options).await.unwrap_err();
    assert!(matches!(refused, Error::TakesTooLong { rows: 1000, .. }), "{refused}");
    assert_eq!(existing.database.connect().await.query("SELECT FROM t", &[]).await.unwrap().len(), 0);
    let (target, mut options) = into();
    options.ignore_estimate = true;
    let report = pg_restore::restore_into_existing(target, backup().await, options).await.unwrap();
    assert!(report.rows_equal && report.rows == 1000);
}
}
