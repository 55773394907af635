//! Every database and bucket is judged by itself: one that goes on hides none that stops.

use time::Duration;
use vault::{Area, BackupId, Concern, Expected, Kind, Promise, Standing, State};

use super::{assert_wrong, promise, vault};
use crate::sample::{now, store};

#[tokio::test]
async fn source_whose_backups_stop_is_late_though_another_goes_on() {
    let vault = vault().await;
    for (minutes, name) in [(-85, "shop"), (-30, "shop"), (-20, "accounts"), (100, "accounts")] {
        store(&vault, &BackupId::new(now() + Duration::minutes(minutes), name).unwrap(), &[b"volume"]).await.unwrap();
    }
    let hourly = Promise { hours: [(Kind::Database, 1)].into(), ..promise() };
    let seen = vault.watch(&hourly, now() + Duration::minutes(50), None).await.unwrap();
    assert_wrong(&seen, &[(Concern::Late, "the newest backup of database shop is 1 hours old, and 1 are allowed: ")]);
    assert!(
        seen.wrong[0]
            .what
            .contains("HINT: See why no newer one came; if it is not to be backed up any more, give its name to the parameter EndedSources")
    );
    let of = |source: &Standing| (source.source.clone().unwrap(), source.state, source.backups);
    let found: Vec<_> = seen.sources.iter().map(of).collect();
    assert!(found.contains(&("shop".to_owned(), State::Late, 2)), "{found:?}");
    assert!(found.contains(&("accounts".to_owned(), State::Fresh, 2)) && seen.source_counts[&Kind::Database] == 2);
    // Not of the two between which the other was backed up.
    assert!(seen.notes.iter().all(|note| !note.what.contains("database shop from")), "{:#?}", seen.notes);
    assert!((seen.oldest_seconds[&Kind::Database] - 80 * 60).abs() < 120, "{:?}", seen.oldest_seconds);
}

#[tokio::test]
async fn source_that_ended_is_missed_until_it_is_named_or_its_lock_is_over_unless_it_was_the_last() {
    let vault = vault().await;
    let id = BackupId::new(now() - Duration::minutes(100), "old-shop").unwrap();
    store(&vault, &id, &[b"volume"]).await.unwrap();
    let at = |hours: i64, ended: &[&str]| {
        let ended = ended.iter().map(|name| (*name).to_owned()).collect();
        let (promise, vault) = (Promise { ended, ..promise() }, &vault);
        async move { vault.watch(&promise, now() + Duration::hours(hours), None).await.unwrap() }
    };
    let late = (Concern::Late, "the newest backup of database old_shop is");
    assert_wrong(&at(20, &[]).await, &[late]);
    // Nothing else is backed up: then the kind is missed for ever, whatever ended.
    assert_wrong(&at(40, &[]).await, &[late]);
    let said = "no backup of kind database is to be seen but of what is said to have ended";
    assert_wrong(&at(20, &["old-shop"]).await, &[(Concern::Late, said)]);

    // Something else goes on.
    store(&vault, &BackupId::new(now(), "shop").unwrap(), &[b"volume"]).await.unwrap();
    let seen = vault.watch(&Promise { hours: [(Kind::Database, 1)].into(), ..promise() }, now(), None).await.unwrap();
    assert_wrong(&seen, &[(Concern::Late, "the newest backup of database old_shop is 1 hours old")]);
    let named = Promise { hours: [(Kind::Database, 1)].into(), ended: ["old-shop".to_owned()].into(), ..promise() };
    let seen = vault.watch(&named, now(), None).await.unwrap();
    assert!(seen.ok() && seen.notes.len() == 1, "{seen:#?}");
    assert!(seen.notes[0].name == Concern::Ended && seen.notes[0].what.contains(&id.to_string()), "{:?}", seen.notes);
    assert!(seen.oldest_seconds[&Kind::Database] < 60, "{:?}", seen.oldest_seconds);

    // Who is named and comes back is told, for nobody would miss it when it goes again.
    let wrongly = Promise { ended: ["shop".to_owned()].into(), hours: [(Kind::Database, 30)].into(), ..promise() };
    let seen = vault.watch(&wrongly, now(), None).await.unwrap();
    let words = "database shop is said to have ended, and is backed up";
    assert!(seen.ok() && seen.notes.iter().any(|note| note.what.contains(words)), "{seen:#?}");
}

#[tokio::test]
async fn source_is_no_longer_missed_when_its_lock_is_over() {
    let vault = vault().await;
    for name in ["shop", "accounts"] {
        store(&vault, &BackupId::new(now(), name).unwrap(), &[b"volume"]).await.unwrap();
    }
    let listing = vault.list(None).await.unwrap();
    let states = |hours: u32, lock_days: Option<u32>, later: i64| -> Vec<State> {
        let expected = Expected { hours, lock_days, ended: &[].into() };
        let now = now() + Duration::hours(later);
        Standing::of_each(&listing, Kind::Database, expected, now).iter().map(|standing| standing.state).collect()
    };
    assert_eq!(states(3, Some(1), 2), [State::Fresh, State::Fresh]);
    assert_eq!(states(3, Some(1), 26), [State::Late, State::Late]);
    // Three hours and a day: one of the two is missed for ever, or nobody would be told that nothing is backed up at all.
    let mut over = states(3, Some(1), 28);
    over.sort_by_key(|state| *state == State::Ended);
    assert_eq!(over, [State::Late, State::Ended]);
    assert_eq!(states(3, None, 24 * 365), [State::Late, State::Late]);
    let none =
        Standing::of_each(&listing, Kind::Files, Expected { hours: 3, lock_days: None, ended: &[].into() }, now());
    assert_eq!((none.len(), none[0].state, &none[0].source), (1, State::Missing, &None));
}

#[tokio::test]
async fn many_made_up_sources_hide_none_that_was_there_before() {
    let vault = vault().await;
    store(&vault, &BackupId::new(now() - Duration::minutes(90), "shop").unwrap(), &[b"volume"]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    for number in 0..60 {
        let id = BackupId::new(now() - Duration::minutes(100), &format!("a-made-up-{number}")).unwrap();
        store(&vault, &id, &[b"filler"]).await.unwrap();
    }
    let seen = vault.watch(&Promise { hours: [(Kind::Database, 1)].into(), ..promise() }, now(), None).await.unwrap();
    assert_eq!((seen.count(Area::Late), seen.source_counts[&Kind::Database], seen.sources.len()), (61, 61, 50));
    assert!(seen.wrong[0].what.contains("database shop is 1 hours old"), "{:#?}", seen.wrong[0]);
    assert_eq!(seen.sources[0].source.as_deref(), Some("shop"));
    let expected = Expected { hours: 1, lock_days: Some(1), ended: &[].into() };
    let sources = vault.sources(Kind::Database, expected, now()).await.unwrap();
    assert_eq!((sources.len(), sources[0].as_str()), (61, "shop"));
    let named = Expected { ended: &(0..60).map(|number| format!("a-made-up-{number}")).collect(), ..expected };
    assert_eq!(vault.sources(Kind::Database, named, now()).await.unwrap(), ["shop"]);
}
