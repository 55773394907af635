use std::collections::{BTreeMap, VecDeque};

use sql_volume::{RowDigest, SectionEntry, TableTotals};

use crate::error::{Difference, Error};

/// What was applied, held against what the backup says of itself.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    next_seq: u32,
    /// The sections that were asked for, if not all.
    chosen: Option<VecDeque<u32>>,
    tables: BTreeMap<(String, String), RowDigest>,
}

impl Totals {
    /// Of some sections only.
    pub(crate) fn of(chosen: Option<Vec<u32>>) -> Self {
        Self { chosen: chosen.map(VecDeque::from), ..Self::default() }
    }

    /// Checks that a section is the next one, before it is applied.
    pub(crate) fn expect(&mut self, entry: &SectionEntry, length: usize) -> Result<(), Error> {
        let next = match &mut self.chosen {
            Some(chosen) => chosen.pop_front().unwrap_or(u32::MAX),
            None => self.next_seq,
        };
        let what = if entry.seq != next {
            format!("section {} comes where section {next} belongs", entry.seq)
        } else if entry.after.is_some_and(|after| after >= entry.seq) {
            format!("section {} waits for itself", entry.seq)
        } else if entry.sql_length != length as u64 {
            format!("section {} has {length} bytes and its entry says {}", entry.seq, entry.sql_length)
        } else {
            self.next_seq += 1;
            return Ok(());
        };
        Err(Error::Contradiction { what })
    }

    /// Counts a section that was applied, with the rows it copied.
    pub(crate) fn add(&mut self, entry: &SectionEntry, copied: Option<RowDigest>) -> Result<(), Error> {
        let section = entry.seq;
        let (copied, table) = match (&entry.schema, &entry.table, entry.rows, copied) {
            (None, None, None, None) => return Ok(()),
            (Some(schema), Some(table), Some(rows), Some(copied)) if rows == copied => {
                (copied, (schema.clone(), table.clone()))
            }
            (.., Some(_), Some(_)) => {
                return Err(Error::Contradiction {
                    what: format!("section {section} holds other rows than its entry says"),
                });
            }
            _ => {
                let what = format!("section {section} has rows or its entry says so, but not both");
                return Err(Error::Contradiction { what });
            }
        };
        self.tables.entry(table).or_default().merge(copied);
        Ok(())
    }

    /// Compares with the backup's totals.
    pub(crate) fn compare(&self, expected: &[TableTotals]) -> Result<(), Error> {
        if let Some(missing) = self.chosen.as_ref().and_then(VecDeque::front) {
            return Err(Error::Contradiction { what: format!("section {missing} did not come") });
        }
        if self.next_seq == 0 {
            return Err(Error::Contradiction { what: "it has no section".to_owned() });
        }
        let mut rest = self.tables.clone();
        let mut differences = Vec::new();
        for totals in expected {
            let found = rest.remove(&(totals.schema.clone(), totals.table.clone())).unwrap_or_default();
            if found != totals.digest {
                let table = format!("{}.{}", totals.schema, totals.table);
                differences.push(Difference { table, expected: totals.digest, found });
            }
        }
        differences.extend(rest.into_iter().map(|((schema, table), found)| Difference {
            table: format!("{schema}.{table}"),
            expected: RowDigest::default(),
            found,
        }));
        if differences.is_empty() { Ok(()) } else { Err(Error::Differs { differences }) }
    }

    /// Bytes of rows that were copied, by table.
    pub(crate) fn bytes_of_tables(&self) -> BTreeMap<(String, String), u64> {
        self.tables.iter().map(|(table, digest)| (table.clone(), digest.bytes())).collect()
    }

    /// Tables that rows were copied into.
    pub(crate) fn tables(&self) -> u64 {
        self.tables.len() as u64
    }

    /// Rows copied.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.values().map(RowDigest::rows).sum()
    }
}
