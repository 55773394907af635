//! The rows of one table of a stored backup: manifest → indexes → the sections of that table, and hardly anything else is read.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use envelope::Identities;
use sql_volume::{DigestSeed, RowDigest, SectionEntry, SectionKind};
use vault::{BackupChoice, BackupId, Kind, Vault};

use crate::error::Error;
use crate::manifest::{self, contradiction};
use crate::progress::Progress;
use crate::sections::Volume;

/// Names of other tables that an error tells.
const NAMED: usize = 20;

/// One table of a stored backup.
pub struct StoredTable {
    id: BackupId,
    volumes: Vec<Arc<Volume>>,
    schema: String,
    table: String,
    columns: Vec<String>,
    /// Of all volumes.
    totals: RowDigest,
    progress: Progress,
}

/// A section of the table: SQL of its own, and where its rows are in it.
pub struct TableSection {
    /// `COPY … FROM stdin;` with its rows and the line that ends them.
    pub sql: Vec<u8>,
    /// The rows in COPY's text format, each ended by a newline.
    pub rows: std::ops::Range<usize>,
}

impl StoredTable {
    /// Finds a table of a backup. `name` is `schema.table`, or `table` if only one schema has one of that name; quotes are not
    /// needed.
    ///
    /// # Errors
    /// [`Error::NoTable`] if there is none or there are several; and what else [`Error`] says of a backup that can't be read.
    pub async fn find(
        vault: &Vault,
        identities: &Identities,
        backup: &BackupChoice,
        name: &str,
        progress: Progress,
    ) -> Result<Self, Error> {
        let (backup, manifest) = manifest::find(vault, identities, Kind::Database, backup).await?;
        let mut volumes = Vec::with_capacity(manifest.volumes.len());
        for (stored, number) in manifest.volumes.iter().zip(1u32..) {
            volumes.push(Arc::new(Volume::open(vault, identities, &backup, stored, number).await?));
        }
        let tables = crate::sections::check(&backup.id, &volumes, &manifest)?;
        let qualified = |schema: &str, table: &str| format!("{schema}.{table}");
        let exact = tables.iter().position(|one| qualified(&one.schema, &one.table) == name);
        let found: Vec<usize> = match exact {
            Some(at) => vec![at],
            None => (0..tables.len()).filter(|at| tables[*at].table == name).collect(),
        };
        let &[at] = &found[..] else {
            let among = if found.is_empty() { (0..tables.len()).collect() } else { found.clone() };
            let names = among.iter().take(NAMED).map(|at| qualified(&tables[*at].schema, &tables[*at].table));
            let names = names.chain((among.len() > NAMED).then(|| "…".to_owned())).collect();
            return Err(Error::NoTable {
                backup: backup.id.to_string(),
                name: name.to_owned(),
                several: !found.is_empty(),
                names,
            });
        };
        let table = &tables[at];
        let (schema, name) = (table.schema.clone(), table.table.clone());
        let stored = Self {
            id: backup.id,
            columns: table.columns.clone(),
            totals: table.digest,
            schema,
            table: name,
            volumes,
            progress,
        };
        stored.progress.expect(stored.sections().map(|(_, section)| section.sql_length).sum());
        Ok(stored)
    }

    /// The backup's id.
    pub fn backup(&self) -> &BackupId {
        &self.id
    }

    /// `schema.table`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.schema, self.table)
    }

    /// The columns that every row has, in this order. Generated ones are not among them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.totals.rows()
    }

    /// Bytes of the table's sections as they are stored, compressed.
    pub fn stored_bytes(&self) -> u64 {
        self.sections().map(|(_, section)| section.length).sum()
    }

    /// The settings under which the table's sections are to be applied, as SQL.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn preamble(&self) -> Result<Vec<u8>, Error> {
        for volume in &self.volumes {
            if let Some(entry) = volume.index.sections.iter().find(|section| section.kind == SectionKind::Preamble) {
                let frame = Window::default().read(volume, entry).await?;
                return decompress(volume, entry, frame).await;
            }
        }
        Err(contradiction(&self.id, "it has no preamble".into()))
    }

    fn sections(&self) -> impl Iterator<Item = (&Arc<Volume>, &SectionEntry)> {
        let of_table = |section: &&SectionEntry| {
            (section.schema.as_deref(), section.table.as_deref()) == (Some(&*self.schema), Some(&*self.table))
        };
        self.volumes
            .iter()
            .flat_map(move |volume| volume.index.sections.iter().filter(of_table).map(move |section| (volume, section)))
    }

    /// Hands on every section in order, each verified, and compares all rows with what the backup says of the table at the end.
    ///
    /// # Errors
    /// Of `each`; [`Error`], and then what was handed on is not all of the table.
    pub async fn read<E: From<Error>>(&self, mut each: impl FnMut(&TableSection) -> Result<(), E>) -> Result<(), E> {
        let mut all = RowDigest::default();
        let mut window: Option<(&Arc<Volume>, Window)> = None;
        for (volume, entry) in self.sections() {
            let mut of_volume = match window.take() {
                Some((of, window)) if Arc::ptr_eq(of, volume) => window,
                _ => Window::default(),
            };
            let frame = of_volume.read(volume, entry).await?;
            window = Some((volume, of_volume));
            let sql = decompress(volume, entry, frame).await?;
            let rows = rows(&sql)
                .ok_or_else(|| contradiction(&self.id, format!("section {} is no single COPY", entry.seq)))?;
            let section = TableSection { sql, rows };
            all.add_rows(volume.index.digest_seed, &section.sql[section.rows.clone()]);
            self.progress.advance(section.sql.len() as u64);
            each(&section)?;
        }
        if all != self.totals {
            let what = format!("the rows of table {}.{} are not those that it counts", self.schema, self.table);
            return Err(contradiction(&self.id, what).into());
        }
        Ok(())
    }
}

async fn decompress(volume: &Volume, entry: &SectionEntry, frame: Bytes) -> Result<Vec<u8>, Error> {
    let (entry, seed, part): (_, DigestSeed, _) = (entry.clone(), volume.index.digest_seed, volume.part.clone());
    let sql = tokio::task::spawn_blocking(move || sql_volume::decompress(&frame, &entry, seed)).await;
    sql.map_err(|_| Error::Stopped("reading a section"))?.map_err(|source| Error::Section { part, source })
}

/// Where the rows of a section are: it is one COPY, and nothing else.
pub(crate) fn rows(sql: &[u8]) -> Option<std::ops::Range<usize>> {
    let mut statements = sql_text::split(sql);
    let only = statements.next()?.ok()?;
    match (only, statements.next()) {
        (sql_text::Statement::CopyFromStdin { rows, .. }, None) => Some(rows),
        _ => None,
    }
}

/// A piece of a volume's plaintext that is kept, so that no frame of the envelope is fetched twice.
#[derive(Default)]
struct Window {
    start: u64,
    bytes: BytesMut,
}

impl Window {
    /// A section's bytes. Sections are asked for in the order of their places.
    async fn read(&mut self, volume: &Volume, entry: &SectionEntry) -> Result<Bytes, Error> {
        let frame = u64::from(volume.plaintext.frame_length());
        let (start, end) = (entry.offset, entry.offset + entry.length);
        let mut kept = self.start + self.bytes.len() as u64;
        if start < self.start || start >= kept {
            self.start = start / frame * frame;
            self.bytes.clear();
            kept = self.start;
        }
        if end > kept {
            let whole = end.next_multiple_of(frame).min(volume.plaintext.plaintext_len());
            let read = volume.plaintext.read(kept..whole).await;
            let part = || format!("read section {} of {}", entry.seq, volume.part);
            self.bytes.extend_from_slice(&read.map_err(|source| Error::Envelope { part: part(), source })?);
        }
        self.bytes.advance((start - self.start) as usize);
        self.start = start;
        Ok(Bytes::copy_from_slice(&self.bytes[..(end - start) as usize]))
    }
}
