//! Section after section, each when those that it waits for are there: rows by several connections at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use pg_client::ConnectOptions;
use sql_volume::{SectionEntry, SectionKind};

use crate::apply::{Orders, post_data};
use crate::crew::{Crew, Done, Work};
use crate::error::Error;
use crate::options::RestoreOptions;
use crate::plan::Plan;
use crate::proof::Said;
use crate::report::RestoreReport;
use crate::source::SectionSource;
use crate::totals::Totals;

/// A section that is longer passes alone: rows may be long, and several connections would hold several of them.
const LARGE: usize = 16 << 20;

/// Applies all sections of a backup, and has its source verify its end. Returns what the backup says is there.
pub(crate) async fn apply(
    database: &ConnectOptions,
    source: &mut impl SectionSource,
    plan: &Plan,
    options: &RestoreOptions,
    report: &mut RestoreReport,
) -> Result<Arc<Mutex<Said>>, Error> {
    let said = Arc::default();
    let orders = Orders::new(plan.edit.clone(), options.compare.then(|| Arc::clone(&said)));
    let crew = Crew::connect(database, source.digest_seed(), &orders, options.jobs).await?;
    let mut run = Run { crew, totals: Totals::of(plan.sections.clone()), options, report };
    while let Some((entry, sql)) = source.next().await.map_err(Error::Source)? {
        run.totals.expect(&entry, sql.len())?;
        run.section(Arc::new(entry), Bytes::from(sql)).await?;
    }
    run.settle().await?;
    run.owners().await?;
    source.verified().await.map_err(Error::Unverified)?;
    run.totals.compare(&plan.edit.totals(source.tables()))?;
    run.crew.close().await;
    Ok(said)
}

struct Run<'a> {
    crew: Crew,
    totals: Totals,
    options: &'a RestoreOptions,
    report: &'a mut RestoreReport,
}

impl Run<'_> {
    async fn section(&mut self, entry: Arc<SectionEntry>, sql: Bytes) -> Result<(), Error> {
        let behind_the_last = entry.after.is_some_and(|after| after.checked_add(1) == Some(entry.seq));
        let beside = match entry.kind {
            SectionKind::TableData => true,
            SectionKind::LargeObjects | SectionKind::SequenceValues => !behind_the_last,
            SectionKind::Preamble | SectionKind::PreData | SectionKind::PostData => false,
        };
        let large = sql.len() > LARGE;
        if !beside || large {
            self.settle().await?;
        }
        if !beside {
            let weights: BTreeMap<_, _> = self.totals.bytes_of_tables();
            let applied = post_data::apply(&mut self.crew, &entry, &sql, &weights).await?;
            return self.count(Done { number: entry.seq, section: Some(entry), applied });
        }
        while !self.crew.has_idle() || self.waits(&entry) {
            self.one().await?;
        }
        self.crew.begin(entry.seq, Work::Section(entry, sql))?;
        if large {
            self.settle().await?;
        }
        Ok(())
    }

    /// Whether a section that this one comes after is still under way.
    fn waits(&self, entry: &SectionEntry) -> bool {
        self.crew.lowest().zip(entry.after).is_some_and(|(lowest, after)| lowest <= after)
    }

    /// Waits until nothing is under way.
    async fn settle(&mut self) -> Result<(), Error> {
        while self.one().await? {}
        Ok(())
    }

    /// Sets owners that were refused before. Nothing may be under way.
    async fn owners(&mut self) -> Result<(), Error> {
        let applied = self.crew.lead()?.owners().await?;
        applied.tell(self.report);
        Ok(())
    }

    async fn one(&mut self) -> Result<bool, Error> {
        let Some(done) = self.crew.one().await? else { return Ok(false) };
        self.count(done)?;
        Ok(true)
    }

    fn count(&mut self, done: Done) -> Result<(), Error> {
        let Some(entry) = &done.section else { return Ok(()) };
        self.totals.add(entry, done.applied.rows)?;
        let report = &mut *self.report;
        report.sections += 1;
        report.bytes += entry.sql_length;
        done.applied.tell(report);
        (report.rows, report.tables) = (self.totals.rows(), self.totals.tables());
        self.options.tell(report.progress());
        Ok(())
    }
}
