//! Given up at any time, a restore leaves nothing.

use std::time::Duration;

use pg_restore::{Error, restore_into_new};
use tokio::time::Instant;

use crate::database::{Place, proving};
use crate::failures::{backup, dump};
use crate::login::by_anyone;
use crate::source::Memory;

const TABLE: &str = "CREATE TABLE public.t (a int, b text);";
const SLOW: &str = "DO 'BEGIN PERFORM pg_sleep(60); END';";

fn slow() -> Memory {
    Memory::from(backup(&dump(TABLE, "1\tx\n", SLOW)))
}

by_anyone! {
async fn cancelled_restore_drops_its_database_before_it_returns(by: By) {
    let place = Place::by(by).await;
    let options = proving();
    let cancel = options.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        cancel.cancel();
    });
    let error = place.restore_with(slow(), options).await.unwrap_err();
    assert!(matches!(error, Error::GivenUp { reason: "it was cancelled" }), "{error}");
}
}

by_anyone! {
async fn restore_past_its_deadline_drops_its_database_before_it_returns(by: By) {
    let place = Place::by(by).await;
    for seconds in [0, 2] {
        let mut options = proving();
        // It would not begin, otherwise.
        options.ignore_estimate = true;
        options.deadline = Some(Instant::now() + Duration::from_secs(seconds));
        let begun = Instant::now();
        let error = place.restore_with(slow(), options).await.unwrap_err();
        assert!(matches!(error, Error::GivenUp { reason: "its time is up" }), "{error}");
        assert!(error.to_string().contains(" HINT: Nothing of it was kept."), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
}

by_anyone! {
async fn abandoned_restore_drops_its_database_in_the_background(by: By) {
    // Wherever it is abandoned: while connecting, creating, applying.
    let abandoned = [0, 5, 20, 50, 100, 200, 400, 1500].map(async |milliseconds| {
        let place = Place::by(by).await;
        let restoring = restore_into_new(place.target(), slow(), proving());
        let abandoned = tokio::time::timeout(Duration::from_millis(milliseconds), restoring).await;
        assert!(abandoned.is_err());
        // Its database may only now be created.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if place.databases().await.is_empty() {
                break;
            }
        }
        place.no_session_is_left().await;
        assert!(place.databases().await.is_empty(), "abandoned after {milliseconds} ms");
    });
    futures_util::future::join_all(abandoned).await;
}
}
