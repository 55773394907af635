//! A backup as a source that can fail anywhere.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pg_restore::{SectionSource, SourceError};
use sql_volume::{DatabaseProperties, DigestSeed, Requirements, SectionEntry, TableTotals, decompress};

use crate::backup::Backup;

type Act = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// Reads a [`Backup`].
pub(crate) struct Memory {
    pub(crate) backup: Backup,
    next: usize,
    fails_at: Option<usize>,
    ends_at: Option<usize>,
    unverified: bool,
    chosen: Option<Vec<u32>>,
    /// How often sections were chosen, and the time from which on one fails.
    chosen_times: usize,
    fails_from: usize,
    /// Sections that were given out, again and again.
    pub(crate) given: std::sync::Arc<std::sync::Mutex<Vec<u32>>>,
    pub(crate) roles: Option<Vec<u8>>,
    before: Option<(usize, Act)>,
    at_end: Option<Act>,
}

impl From<Backup> for Memory {
    fn from(backup: Backup) -> Self {
        Self {
            backup,
            next: 0,
            fails_at: None,
            ends_at: None,
            unverified: false,
            chosen: None,
            chosen_times: 0,
            fails_from: 0,
            given: Default::default(),
            roles: None,
            before: None,
            at_end: None,
        }
    }
}

impl Memory {
    /// Fails instead of returning a section.
    pub(crate) fn failing_at(mut self, section: usize) -> Self {
        self.fails_at = Some(section);
        self
    }

    /// Fails at a section only once others were read before it so many times.
    pub(crate) fn failing_late_at(mut self, section: usize, times: usize) -> Self {
        (self.fails_at, self.fails_from) = (Some(section), times);
        self
    }

    /// Ends as if there were no more sections.
    pub(crate) fn ending_at(mut self, section: usize) -> Self {
        self.ends_at = Some(section);
        self
    }

    /// Can't verify its end.
    pub(crate) fn unverified(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// Does something before it returns a section.
    pub(crate) fn before(
        mut self,
        section: usize,
        act: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) -> Self {
        self.before = Some((section, Box::new(act)));
        self
    }

    /// Does something when everything was applied.
    pub(crate) fn at_end(mut self, act: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static) -> Self {
        self.at_end = Some(Box::new(act));
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.backup.sections.len()
    }
}

#[async_trait]
impl SectionSource for Memory {
    fn database(&self) -> &DatabaseProperties {
        &self.backup.database
    }

    fn requires(&self) -> &Requirements {
        &self.backup.requires
    }

    fn digest_seed(&self) -> DigestSeed {
        self.backup.seed
    }

    fn tables(&self) -> Vec<TableTotals> {
        self.backup.tables.clone()
    }

    fn entries(&self) -> Option<Vec<SectionEntry>> {
        Some(self.backup.sections.iter().map(|section| section.entry.clone()).collect())
    }

    fn choose(&mut self, sections: Vec<u32>) {
        (self.next, self.chosen) = (0, Some(sections));
        self.chosen_times += 1;
    }

    fn roles(&self) -> Option<Vec<u8>> {
        self.roles.clone()
    }

    async fn next(&mut self) -> Result<Option<(SectionEntry, Vec<u8>)>, SourceError> {
        while self.chosen.as_ref().is_some_and(|chosen| !chosen.contains(&(self.next as u32)))
            && self.next < self.backup.sections.len()
        {
            self.next += 1;
        }
        let section = self.next;
        if self.before.as_ref().is_some_and(|(at, _)| *at == section) && self.chosen_times >= self.fails_from {
            let (_, act) = self.before.take().unwrap();
            act().await;
        }
        if self.fails_at == Some(section) && self.chosen_times >= self.fails_from {
            return Err("the vault is on fire".into());
        }
        if self.ends_at == Some(section) {
            return Ok(None);
        }
        let Some(stored) = self.backup.sections.get(section) else { return Ok(None) };
        self.next += 1;
        self.given.lock().unwrap().push(stored.entry.seq);
        Ok(Some((stored.entry.clone(), decompress(&stored.frame, &stored.entry, self.backup.seed)?)))
    }

    async fn verified(&mut self) -> Result<(), SourceError> {
        if let Some(act) = self.at_end.take() {
            act().await;
        }
        if self.unverified { Err("the final frame is missing".into()) } else { Ok(()) }
    }
}
