//! Real backups of a database and of files, altered at random in every way that needs no key: none may be taken for sound.
//!
//! `TAMPER_COUNT` says how many mutations are tried (400), `TAMPER_SEED` with which seed (20), `TAMPER_FROM` from which number (0); each is determined
//! by seed and number, which a failure prints. Every one is checked, and one in `TAMPER_RESTORES` (20) is also restored.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used)]

mod forge;
mod originals;
mod random;
mod verdict;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use forge::Forgery;
use originals::Originals;
use tokio::task::JoinSet;
use verdict::{Judge, Verdict};

/// Mutations that are judged at once.
const AT_ONCE: usize = 4;

#[derive(Default)]
struct Tally {
    refused: u64,
    unharmed: u64,
    passed_over: u64,
    accepted: Vec<String>,
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |value| value.parse().unwrap_or_else(|_| panic!("{name} is {value}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_mutation_of_a_backup_is_taken_for_sound() {
    let (count, seed) = (setting("TAMPER_COUNT", 400), setting("TAMPER_SEED", 20));
    let (from, restores) = (setting("TAMPER_FROM", 0), setting("TAMPER_RESTORES", 20));
    let began = std::time::Instant::now();
    let judge = Arc::new(Box::pin(Judge::new(Box::pin(Originals::make()).await)).await);
    let made = began.elapsed().as_secs();
    let (mut tallies, mut restored, mut done) = (BTreeMap::<&str, Tally>::new(), 0, 0);
    let (mut at_once, mut running, mut next) = (JoinSet::new(), HashMap::new(), from);
    loop {
        while at_once.len() < AT_ONCE && next < from + count {
            let (judge, number) = (Arc::clone(&judge), next);
            next += 1;
            let judging = at_once.spawn(async move {
                let (name, forgery) = Forgery::make(&judge.originals, seed, number);
                let (words, restored) = (forgery.words.join("; "), number % restores.max(1) == 0);
                (name, number, words, restored, judge.judge(&format!("mutation-{number}"), forgery, restored).await)
            });
            running.insert(judging.id(), number);
        }
        let Some(judged) = at_once.join_next().await else { break };
        let judged = judged.unwrap_or_else(|died| panic!("mutation {} of seed {seed}: {died}", running[&died.id()]));
        let (name, number, words, was_restored, verdict) = judged;
        restored += u64::from(was_restored);
        let tally = tallies.entry(name).or_default();
        match verdict {
            Verdict::Refused(_) => tally.refused += 1,
            Verdict::Unharmed => tally.unharmed += 1,
            Verdict::PassedOver => tally.passed_over += 1,
            Verdict::Accepted(why) => {
                let restores = if was_restored { 1 } else { u64::MAX };
                let again =
                    format!("TAMPER_SEED={seed} TAMPER_FROM={number} TAMPER_COUNT=1 TAMPER_RESTORES={restores}");
                println!("ACCEPTED: {why}\n    mutation {number} ({again}): {words}");
                tally.accepted.push(format!("{why}\n    mutation {number} ({again}): {words}"));
            }
        }
        done += 1;
        if done % 500 == 0 {
            println!("{done} of {count} mutations, {} s", began.elapsed().as_secs());
        }
    }
    let sum = |of: fn(&Tally) -> u64| tallies.values().map(of).sum::<u64>();
    let accepted: Vec<&String> = tallies.values().flat_map(|tally| &tally.accepted).collect();
    println!("{:28}{:>9}{:>13}{:>10}{:>10}", "mutation", "refused", "passed over", "unharmed", "accepted");
    for (name, tally) in &tallies {
        let Tally { refused, passed_over, unharmed, accepted } = tally;
        println!("{name:28}{refused:9}{passed_over:13}{unharmed:10}{:10}", accepted.len());
    }
    println!(
        "tamper: {count} mutations, seed {seed}: {} refused, {} passed over and told, {} unharmed, {} accepted; {restored} also restored; {made} s for the backups, {} s in all",
        sum(|tally| tally.refused),
        sum(|tally| tally.passed_over),
        sum(|tally| tally.unharmed),
        accepted.len(),
        began.elapsed().as_secs()
    );
    assert!(accepted.is_empty(), "{}", accepted.iter().map(|one| format!("\n  {one}")).collect::<String>());
    // Who refuses everything proves nothing either.
    assert!(count < 100 || (sum(|tally| tally.unharmed) > 0 && tallies.len() > 8), "nothing was let pass");

    let client = judge.originals.database.server.connect("postgres").await;
    let left = "SELECT datname FROM pg_database WHERE starts_with(datname, $1)";
    let left: Vec<String> = client.query(left, &[&judge.prefix]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
