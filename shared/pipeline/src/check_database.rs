//! The check of a database's backup: every volume's end and index, then sections with their rows.

use std::collections::BTreeMap;
use std::time::Duration;

use pg_restore::SectionSource;
use sql_volume::{DigestSeed, RowDigest, SectionEntry};

use crate::check::{BackupCheck, CheckReport};
use crate::error::Error;
use crate::manifest::contradiction;
use crate::sections::StoredSections;
use crate::stored_table::rows;
use vault::Kind;

impl BackupCheck<'_> {
    pub(crate) async fn database(&self) -> Result<CheckReport, Error> {
        let (backup, manifest) =
            crate::manifest::find(self.vault, self.identities, Kind::Database, &self.backup).await?;
        let id = &backup.id;
        let progress = self.progress.clone();
        let mut source = StoredSections::open(self.vault, self.identities, &backup, &manifest, progress).await?;
        let entries = source.entries().unwrap_or_default();
        let part = self.share.of(entries.iter().map(|entry| entry.length).sum());
        let mut begin = 0;
        let chosen: Vec<&SectionEntry> = entries
            .iter()
            .filter(|entry| {
                begin += entry.length;
                part.has(begin - entry.length)
            })
            .collect();
        let mut report = CheckReport::of(&backup, part, manifest.volumes.len(), Duration::ZERO);
        report.sections = chosen.len() as u64;
        report.stored_bytes = chosen.iter().map(|entry| entry.length).sum();
        self.deadline.estimate(&format!("a check of backup {id}"), report.stored_bytes)?;
        source.choose(chosen.iter().map(|entry| entry.seq).collect());

        let seed = source.digest_seed();
        let mut tables: BTreeMap<(String, String), RowDigest> = BTreeMap::new();
        for expected in chosen {
            let next = source.next().await.map_err(|error| told(id, error))?;
            let Some((entry, sql)) = next.filter(|(entry, _)| entry.seq == expected.seq) else {
                return Err(contradiction(id, format!("section {} is missing", expected.seq)));
            };
            let counted = tokio::task::spawn_blocking({
                let entry = entry.clone();
                move || count(&entry, &sql, seed)
            });
            let counted = counted.await.map_err(|_| Error::Stopped("counting rows"))?;
            let counted = counted.map_err(|what| contradiction(id, what))?;
            if let (Some(digest), Some(schema), Some(table)) = (counted, entry.schema, entry.table) {
                tables.entry((schema, table)).or_default().merge(digest);
                report.rows += digest.rows();
                report.source_bytes += digest.bytes();
            }
        }
        if report.whole {
            for table in source.tables() {
                let found = tables.remove(&(table.schema.clone(), table.table.clone())).unwrap_or_default();
                if found != table.digest {
                    let what =
                        format!("the rows of table {}.{} are not those that it counts", table.schema, table.table);
                    return Err(contradiction(id, what));
                }
            }
            if let Some((schema, table)) = tables.keys().next() {
                return Err(contradiction(id, format!("it holds rows of table {schema}.{table}, and counts none")));
            }
        }
        Ok(report)
    }
}

/// The digest of a section's rows, if its entry says the same.
fn count(entry: &SectionEntry, sql: &[u8], seed: DigestSeed) -> Result<Option<RowDigest>, String> {
    let Some(expected) = entry.rows else { return Ok(None) };
    let range = rows(sql).ok_or_else(|| format!("section {} is no single COPY", entry.seq))?;
    let mut found = RowDigest::default();
    found.add_rows(seed, &sql[range]);
    if found != expected {
        return Err(format!("section {} holds other rows than its entry says", entry.seq));
    }
    Ok(Some(found))
}

/// The source of sections is ours, and so are its errors.
fn told(id: &vault::BackupId, error: pg_restore::SourceError) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => contradiction(id, other.to_string()),
    }
}
