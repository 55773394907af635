//! Definitions. Behind the data: indexes and constraints beside each other as far as their tables allow, foreign keys behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sql_text::split;
use sql_volume::{SectionEntry, SectionKind};

use crate::apply::Applied;
use crate::crew::{Crew, Work};
use crate::error::Error;
use crate::statement::Act;
use crate::statement::locks::{Lock, Way, compatible};
use crate::statement::words::Name;

/// Statements that one connection runs one after the other.
struct Unit {
    locks: Vec<Lock>,
    acts: Vec<Act>,
}

/// Units that may run beside each other: all of them foreign keys, or none.
#[derive(Default)]
struct Batch {
    units: Vec<Unit>,
    foreign_keys: bool,
}

/// Applies a section of statements. `weight` is the size of a table: the longest work begins first.
pub(crate) async fn apply(
    crew: &mut Crew,
    entry: &Arc<SectionEntry>,
    sql: &Bytes,
    weights: &BTreeMap<Name, u64>,
) -> Result<Applied, Error> {
    let mut applied = Applied::default();
    let mut batch = Batch::default();
    for statement in split(sql) {
        let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
        if matches!(statement, sql_text::Statement::CopyFromStdin { .. }) {
            let what = format!("section {} has a COPY among definitions", entry.seq);
            return Err(Error::Contradiction { what });
        }
        let act = Act::of(entry, sql, statement.sql());
        let way = match Way::of(act.sql().text) {
            way if entry.kind == SectionKind::PostData || way == Way::Setting => way,
            _ => Way::Alone,
        };
        let (locks, foreign_keys) = match way {
            Way::Beside(locks) => (locks, false),
            Way::ForeignKey(locks) => (locks, true),
            Way::Behind => match batch.units.last_mut() {
                Some(unit) => {
                    unit.acts.push(act);
                    continue;
                }
                None => {
                    applied.add(crew.lead()?.acts(&[act]).await?);
                    continue;
                }
            },
            way => {
                applied.add(batch.run(crew, weights).await?);
                batch = Batch::default();
                let setting = way == Way::Setting;
                applied.add(if setting { crew.all(&act).await? } else { crew.lead()?.acts(&[act]).await? });
                continue;
            }
        };
        if batch.foreign_keys != foreign_keys {
            applied.add(std::mem::take(&mut batch).run(crew, weights).await?);
            batch.foreign_keys = foreign_keys;
        }
        batch.units.push(Unit { locks, acts: vec![act] });
    }
    applied.add(batch.run(crew, weights).await?);
    Ok(applied)
}

impl Batch {
    async fn run(self, crew: &mut Crew, weights: &BTreeMap<Name, u64>) -> Result<Applied, Error> {
        let weight = |unit: &Unit| unit.locks.iter().filter_map(|lock| weights.get(&lock.table)).sum::<u64>();
        let mut waiting = self.units;
        // Stable: what weighs the same stays in the dump's order.
        waiting.sort_by_cached_key(|unit| std::cmp::Reverse(weight(unit)));
        let mut running: BTreeMap<u32, Vec<Lock>> = BTreeMap::new();
        let mut applied = Applied::default();
        let mut number = 0;
        loop {
            let free = |unit: &Unit| running.values().all(|locks| compatible(&unit.locks, locks));
            let next = if crew.has_idle() { waiting.iter().position(free) } else { None };
            if let Some(position) = next {
                let unit = waiting.remove(position);
                running.insert(number, unit.locks);
                crew.begin(number, Work::Acts(unit.acts))?;
                number += 1;
                continue;
            }
            match crew.one().await? {
                Some(done) => {
                    running.remove(&done.number);
                    applied.add(done.applied);
                }
                None if waiting.is_empty() => return Ok(applied),
                None => return Err(Error::Interrupted),
            }
        }
    }
}
