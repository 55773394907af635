//! Connections that share the work: each takes a piece of it away and comes back when it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use pg_client::ConnectOptions;
use sql_volume::{DigestSeed, SectionEntry};
use tokio::task::JoinSet;

use crate::apply::{Applied, Applier, Orders};
use crate::error::Error;
use crate::statement::Act;

/// Connections of one restore, all with the same settings. Dropping it ends them.
pub(crate) struct Crew {
    /// By number, of which the lead's is 0.
    idle: BTreeMap<usize, Applier>,
    busy: JoinSet<Result<Finished, Error>>,
    /// Numbers of the pieces that are under way.
    under_way: BTreeSet<u32>,
}

/// A piece of work.
pub(crate) enum Work {
    /// A whole section.
    Section(Arc<SectionEntry>, Bytes),
    /// Statements, one after the other.
    Acts(Vec<Act>),
}

/// A piece that was done.
pub(crate) struct Done {
    pub(crate) number: u32,
    /// The section, if the work was one.
    pub(crate) section: Option<Arc<SectionEntry>>,
    pub(crate) applied: Applied,
}

struct Finished {
    name: usize,
    member: Applier,
    done: Done,
}

impl Crew {
    /// Connects `jobs` times. That the server takes fewer connections is no reason not to restore.
    pub(crate) async fn connect(
        options: &ConnectOptions,
        seed: DigestSeed,
        orders: &Orders,
        jobs: usize,
    ) -> Result<Self, Error> {
        let mut idle = BTreeMap::from([(0, Applier::connect(options, seed, orders.clone()).await?)]);
        for number in 1..jobs {
            match Applier::connect(options, seed, orders.clone()).await {
                Ok(member) => drop(idle.insert(number, member)),
                Err(error) => {
                    tracing::warn!(connections = number, %error, "the server takes no more connections");
                    break;
                }
            }
        }
        Ok(Self { idle, busy: JoinSet::new(), under_way: BTreeSet::new() })
    }

    /// The member that does what is done alone. Nothing else may be under way.
    pub(crate) fn lead(&mut self) -> Result<&mut Applier, Error> {
        if !self.busy.is_empty() {
            return Err(Error::Interrupted);
        }
        self.idle.get_mut(&0).ok_or(Error::Interrupted)
    }

    /// Executes a statement on every connection. Nothing else may be under way.
    pub(crate) async fn all(&mut self, act: &Act) -> Result<Applied, Error> {
        let mut applied = Applied::default();
        self.lead()?;
        for (name, member) in &mut self.idle {
            let done = member.acts(std::slice::from_ref(act)).await?;
            if *name == 0 {
                applied = done;
            }
        }
        Ok(applied)
    }

    /// Whether a piece can begin at once.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// The lowest number that is under way.
    pub(crate) fn lowest(&self) -> Option<u32> {
        self.under_way.first().copied()
    }

    /// Has an idle member begin with a piece of work.
    pub(crate) fn begin(&mut self, number: u32, work: Work) -> Result<(), Error> {
        let (name, mut member) = self.idle.pop_last().ok_or(Error::Interrupted)?;
        self.under_way.insert(number);
        self.busy.spawn(async move {
            let (section, applied) = match work {
                Work::Section(entry, sql) => {
                    let applied = member.section(&entry, sql).await?;
                    (Some(entry), applied)
                }
                Work::Acts(acts) => (None, member.acts(&acts).await?),
            };
            Ok(Finished { name, member, done: Done { number, section, applied } })
        });
        Ok(())
    }

    /// Waits until one piece is done; `None` if none is under way.
    pub(crate) async fn one(&mut self) -> Result<Option<Done>, Error> {
        let Some(finished) = self.busy.join_next().await else { return Ok(None) };
        let Finished { name, member, done } = finished.map_err(|_| Error::Interrupted)??;
        self.under_way.remove(&done.number);
        self.idle.insert(name, member);
        Ok(Some(done))
    }

    /// Ends the connections.
    pub(crate) async fn close(mut self) {
        while self.busy.join_next().await.is_some() {}
        for member in self.idle.into_values() {
            member.close().await;
        }
    }
}
