//! What was restored, read back: equal is seen, not hoped. Several connections share the tables, and the pages of large ones.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use pg_client::ConnectOptions;
use sql_volume::{DigestSeed, RowDigest, TableTotals};
use tokio::task::JoinSet;

use crate::error::{Difference, Error};
use crate::failure::{Failure, Rows};
use crate::options::{Phase, Progress, RestoreOptions};
use crate::report::RestoreReport;

pub(crate) mod reader;

use reader::{Name, Piece, Reader};

/// Connections that read back.
pub(crate) struct Readers {
    readers: Vec<Reader>,
}

/// What of one table is read back by one connection.
struct Task {
    table: usize,
    piece: Piece,
}

impl Readers {
    /// `encoding` is the one of the database that was backed up.
    pub(crate) async fn connect(
        options: &ConnectOptions,
        encoding: &str,
        seed: DigestSeed,
        jobs: usize,
    ) -> Result<Self, Error> {
        let mut readers = vec![Reader::connect(options, encoding, seed).await?];
        for _ in 1..jobs {
            match Reader::connect(options, encoding, seed).await {
                Ok(reader) => readers.push(reader),
                Err(_) => break,
            }
        }
        Ok(Self { readers })
    }

    /// Number of large objects.
    pub(crate) async fn large_objects(&self) -> Result<u64, Error> {
        match self.readers.first() {
            Some(reader) => reader.large_objects().await,
            None => Err(Error::Interrupted),
        }
    }

    /// Compares all tables with their totals.
    pub(crate) async fn compare(
        self,
        tables: &[TableTotals],
        options: &RestoreOptions,
        report: &mut RestoreReport,
    ) -> Result<Self, Error> {
        let recorded: BTreeSet<Name> = tables.iter().map(|table| (table.schema.clone(), table.table.clone())).collect();
        let relations = match self.readers.first() {
            Some(reader) => reader.relations().await?,
            None => return Err(Error::Interrupted),
        };
        let mut tasks = VecDeque::new();
        let mut left = vec![0usize; tables.len()];
        for (table, totals) in tables.iter().enumerate() {
            let pieces = relations.pieces(totals, &recorded);
            left[table] = pieces.len();
            tasks.extend(pieces.into_iter().map(|piece| Task { table, piece }));
        }
        let tasks = Arc::new(Mutex::new(tasks));
        let (found, mut findings) = tokio::sync::mpsc::channel(16);
        let mut reading = JoinSet::new();
        for reader in self.readers {
            let (tasks, found) = (Arc::clone(&tasks), found.clone());
            reading.spawn(async move {
                loop {
                    let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(task) = task else { return reader };
                    let digest = reader.read(&task.piece).await;
                    if found.send((task.table, digest)).await.is_err() {
                        return reader;
                    }
                }
            });
        }
        drop(found);

        let mut digests = vec![RowDigest::default(); tables.len()];
        let mut tally = Tally { tables, report, options };
        for table in left.iter().enumerate().filter(|(_, pieces)| **pieces == 0) {
            tally.count(table.0);
        }
        while let Some((table, digest)) = findings.recv().await {
            digests[table].merge(digest?);
            left[table] -= 1;
            if left[table] == 0 {
                tally.count(table);
            }
        }
        let mut readers = Vec::new();
        while let Some(reader) = reading.join_next().await {
            readers.push(reader.map_err(|_| Error::Interrupted)?);
        }
        if left.iter().any(|pieces| *pieces > 0) {
            return Err(Error::Interrupted);
        }
        judge(tables, &digests)?;
        report.rows_equal = true;
        Ok(Self { readers })
    }

    /// Gathers the planner's statistics of all tables, the largest first, and ends the connections.
    pub(crate) async fn analyze(self) -> Result<(), Failure> {
        let Some(first) = self.readers.first() else { return Ok(()) };
        let names = first.client().query(ANALYZED, &[]).await;
        let names = names.map_err(|error| Failure::of(first.session(), error, Rows::None))?;
        let names: VecDeque<String> = names.iter().map(|row| row.get(0)).collect();
        let names = Arc::new(Mutex::new(names));
        let mut analyzing = JoinSet::new();
        for reader in self.readers {
            let names = Arc::clone(&names);
            analyzing.spawn(async move {
                reader.writable().await?;
                loop {
                    let name = names.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(name) = name else {
                        reader.close().await;
                        return Ok(());
                    };
                    reader.execute(&format!("ANALYZE {name}")).await?;
                }
            });
        }
        let mut failed = Ok(());
        while let Some(done) = analyzing.join_next().await {
            match done {
                Ok(Err(failure)) if failed.is_ok() => failed = Err(failure),
                _ => {}
            }
        }
        failed
    }
}

/// Counts tables that were read back.
struct Tally<'a> {
    tables: &'a [TableTotals],
    report: &'a mut RestoreReport,
    options: &'a RestoreOptions,
}

impl Tally<'_> {
    fn count(&mut self, table: usize) {
        let digest = self.tables[table].digest;
        let compared = &mut self.report.compared;
        compared.tables += 1;
        compared.rows += digest.rows();
        compared.bytes += digest.bytes();
        let rows = compared.rows;
        self.options.tell(Progress { phase: Phase::Comparing, rows, ..self.report.progress() });
    }
}

/// All tables that differ, as one error.
pub(crate) fn judge(tables: &[TableTotals], found: &[RowDigest]) -> Result<(), Error> {
    let differences: Vec<Difference> = tables
        .iter()
        .zip(found)
        .filter(|(totals, found)| totals.digest != **found)
        .map(|(totals, found)| Difference {
            table: format!("{}.{}", totals.schema, totals.table),
            expected: totals.digest,
            found: *found,
        })
        .collect();
    if differences.is_empty() { Ok(()) } else { Err(Error::Differs { differences }) }
}

/// What ANALYZE without a name analyzes, but for the system's own tables.
const ANALYZED: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' \
    AND n.nspname <> 'information_schema' \
    AND (pg_catalog.pg_has_role(c.relowner, 'USAGE') OR pg_catalog.pg_has_role( \
    (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()), 'USAGE')) \
    ORDER BY c.relpages DESC, c.oid";

/// Sizes and partitions of what is compared.
pub(crate) struct Relations {
    /// Partitioned tables, and the partitions that hold their rows.
    pub(crate) partitions: BTreeMap<Name, Vec<Name>>,
    /// Pages of tables that can be read by ranges of pages.
    pub(crate) pages: BTreeMap<Name, u64>,
    /// Tables not all of whose rows are the database's, with the condition for those that are.
    pub(crate) conditions: BTreeMap<Name, String>,
    /// Tables whose row security is forced upon their owner, who reads them.
    pub(crate) forced: BTreeSet<Name>,
}

/// Pages that are read at once: 64 MiB.
const PAGES: u64 = 8192;

impl Relations {
    /// What has to be read for a table. Where rows were recorded for a partitioned table, they are those of its partitions that
    /// have no totals of their own.
    pub(crate) fn pieces(&self, totals: &TableTotals, recorded: &BTreeSet<Name>) -> Vec<Piece> {
        let name = (totals.schema.clone(), totals.table.clone());
        let columns = Arc::new(totals.columns.clone());
        let leaves = match self.partitions.get(&name) {
            None => vec![name],
            Some(leaves) => leaves.iter().filter(|leaf| !recorded.contains(*leaf)).cloned().collect(),
        };
        let mut pieces = Vec::new();
        for leaf in leaves {
            let (condition, forced) = (self.conditions.get(&leaf).cloned(), self.forced.contains(&leaf));
            let pages = if condition.is_some() { 0 } else { self.pages.get(&leaf).copied().unwrap_or(0) };
            let mut from = 0;
            loop {
                let to = Some(from + PAGES).filter(|to| *to < pages);
                let (table, columns, condition) = (leaf.clone(), Arc::clone(&columns), condition.clone());
                pieces.push(Piece { table, columns, pages: (from, to), condition, forced });
                match to {
                    Some(next) => from = next,
                    None => break,
                }
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_tables_are_read_in_pieces_that_leave_nothing_out() {
        let name = ("public".to_owned(), "t".to_owned());
        let totals = TableTotals {
            schema: name.0.clone(),
            table: name.1.clone(),
            columns: Vec::new(),
            digest: RowDigest::default(),
        };
        for (pages, expected) in [
            (0, vec![(0, None)]),
            (PAGES, vec![(0, None)]),
            (2 * PAGES + 1, vec![(0, Some(PAGES)), (PAGES, Some(2 * PAGES)), (2 * PAGES, None)]),
        ] {
            let pages = BTreeMap::from([(name.clone(), pages)]);
            let (partitions, conditions) = (BTreeMap::new(), BTreeMap::new());
            let relations = Relations { partitions, pages, conditions, forced: BTreeSet::new() };
            let pieces = relations.pieces(&totals, &BTreeSet::new());
            assert_eq!(pieces.iter().map(|piece| piece.pages).collect::<Vec<_>>(), expected);
        }
    }
}
