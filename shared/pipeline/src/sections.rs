//! The sections of a stored backup, fetched by range, decrypted, decompressed and verified, a few ahead of whoever applies them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use envelope::{Identities, RandomAccess, RangeSource};
use pg_restore::{SectionSource, SourceError};
use sql_volume::{
    DatabaseProperties, DigestSeed, INDEX_TRAILER_LEN, Index, IndexTrailer, Requirements, SectionEntry, TableTotals,
};
use vault::{Backup, BackupId, Kind, Manifest, ObjectReader, StoredObject, Vault};

use crate::context::{context, volume_part};
use crate::error::Error;
use crate::manifest::contradiction;
use crate::progress::Progress;

mod fetch;
mod kept;

use fetch::{Fetch, Last};
use kept::Kept;

/// Sections under way at once, besides those that are being applied, unless they are long.
const AHEAD: usize = 16;
/// Bytes of SQL from which on no further section is fetched ahead.
const AHEAD_BYTES: u64 = 32 << 20;

/// A volume of the vault, of which the envelope reads ranges.
pub(crate) struct Ciphertext(pub(crate) ObjectReader);

#[async_trait]
impl RangeSource for Ciphertext {
    async fn read(&self, range: std::ops::Range<u64>) -> io::Result<Bytes> {
        self.0.read_range(range).await.map_err(io::Error::other)
    }
}

/// An opened volume: its last frame and its index are verified.
pub(crate) struct Volume {
    pub(crate) part: String,
    pub(crate) plaintext: RandomAccess<Ciphertext>,
    pub(crate) index: Index,
}

impl Volume {
    /// Opens a volume that the manifest names.
    pub(crate) async fn open(
        vault: &Vault,
        identities: &Identities,
        backup: &Backup,
        stored: &StoredObject,
        number: u32,
    ) -> Result<Self, Error> {
        let id = &backup.id;
        let part = volume_part(number);
        let name = format!("{part} of backup {id}");
        let reader = vault.backup_object(backup, stored.name())?;
        let context = context(vault.environment(), Kind::Database, id, &part);
        let plaintext = RandomAccess::open(Ciphertext(reader), stored.bytes, identities, context)
            .await
            .map_err(|source| Error::Envelope { part: format!("open {name}"), source })?;
        let index = read_index(&plaintext, &name).await?;
        if index.volume != number {
            return Err(contradiction(id, format!("{part} calls itself volume {}", index.volume)));
        }
        Ok(Self { part: name, plaintext, index })
    }

    /// The roles beside the dump, verified; `None` if the volume holds none.
    pub(crate) async fn roles(&self) -> Result<Option<Vec<u8>>, Error> {
        let Some(entry) = &self.index.roles else { return Ok(None) };
        let part = || format!("read the roles of {}", self.part);
        let frame = self.plaintext.read(entry.offset..entry.offset + entry.length).await;
        let frame = frame.map_err(|source| Error::Envelope { part: part(), source })?;
        let sql = entry.read(&frame, self.index.digest_seed);
        sql.map(Some).map_err(|source| Error::Roles { part: part(), source })
    }
}

/// Reads a backup's sections in order.
pub(crate) struct StoredSections {
    volumes: Vec<Arc<Volume>>,
    tables: Vec<TableTotals>,
    roles: Option<Vec<u8>>,
    /// Volume and place in it of what is to be fetched, in order.
    pending: VecDeque<(usize, usize)>,
    /// What is under way, with its length as SQL.
    ahead: VecDeque<(u64, Fetch)>,
    /// The frame that they end in.
    last: Last,
    /// Once sections were chosen.
    kept: Option<Kept>,
    progress: Progress,
}

impl StoredSections {
    /// Opens every volume that the manifest names, compares their indexes with it, and verifies the roles.
    ///
    /// # Errors
    /// [`Error`], naming the volume.
    pub(crate) async fn open(
        vault: &Vault,
        identities: &Identities,
        backup: &Backup,
        manifest: &Manifest,
        progress: Progress,
    ) -> Result<Self, Error> {
        let id = &backup.id;
        let mut volumes = Vec::with_capacity(manifest.volumes.len());
        for (stored, number) in manifest.volumes.iter().zip(1u32..) {
            volumes.push(Arc::new(Volume::open(vault, identities, backup, stored, number).await?));
        }
        let roles = match volumes.first() {
            // Whoever needs them needs all of them.
            Some(first) => first.roles().await?,
            None => None,
        };
        let tables = check(id, &volumes, manifest)?;
        let (pending, ahead) = (VecDeque::new(), VecDeque::new());
        let mut opened = Self { volumes, tables, roles, pending, ahead, last: Last::default(), kept: None, progress };
        opened.pend(|_| true);
        Ok(opened)
    }

    /// From now on these sections are fetched.
    fn pend(&mut self, wanted: impl Fn(u32) -> bool) {
        self.stop();
        self.pending.clear();
        let mut expected = 0;
        for (number, volume) in self.volumes.iter().enumerate() {
            for (place, section) in volume.index.sections.iter().enumerate().filter(|(_, entry)| wanted(entry.seq)) {
                self.pending.push_back((number, place));
                expected += section.sql_length;
            }
        }
        self.progress.reach(0);
        self.progress.expect(expected);
    }

    fn fetch_ahead(&mut self) {
        let mut bytes: u64 = self.ahead.iter().map(|(length, _)| length).sum();
        while self.ahead.len() < AHEAD && (self.ahead.is_empty() || bytes < AHEAD_BYTES) {
            let Some((number, section)) = self.pending.pop_front() else { return };
            let volume = &self.volumes[number];
            let length = volume.index.sections[section].sql_length;
            bytes += length;
            self.ahead.push_back((length, self.last.begin(volume, number, section, self.kept.as_ref())));
        }
    }

    fn stop(&mut self) {
        self.last = Last::default();
        for (_, fetch) in self.ahead.drain(..) {
            fetch.abort();
        }
    }
}

impl Drop for StoredSections {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn read_index(plaintext: &RandomAccess<Ciphertext>, name: &str) -> Result<Index, Error> {
    let read = |range| async {
        plaintext
            .read(range)
            .await
            .map_err(|source| Error::Envelope { part: format!("read the index of {name}"), source })
    };
    let damaged = |source| Error::Index { part: format!("read the index of {name}"), source };
    let len = plaintext.plaintext_len();
    let tail = read(len.saturating_sub(INDEX_TRAILER_LEN)..len).await?;
    let trailer = IndexTrailer::parse(&tail, len).map_err(damaged)?;
    let frame = read(trailer.offset..len).await?;
    Index::from_frame(&frame, trailer).map_err(damaged)
}

/// The volumes' indexes must continue one another and add up to what the manifest says.
pub(crate) fn check(id: &BackupId, volumes: &[Arc<Volume>], manifest: &Manifest) -> Result<Vec<TableTotals>, Error> {
    let Some(first) = volumes.first() else { return Err(contradiction(id, "it has no volume".into())) };
    let mut seq = 0u32;
    let mut tables: BTreeMap<(String, String), TableTotals> = BTreeMap::new();
    for volume in volumes {
        let index = &volume.index;
        if (&index.database, &index.requires, index.digest_seed)
            != (&first.index.database, &first.index.requires, first.index.digest_seed)
        {
            return Err(contradiction(id, format!("{} belongs to another dump than the first", volume.part)));
        }
        for section in &index.sections {
            if section.seq != seq {
                return Err(contradiction(id, format!("section {seq} is missing before {}", volume.part)));
            }
            seq += 1;
        }
        for table in &index.tables {
            tables
                .entry((table.schema.clone(), table.table.clone()))
                .and_modify(|all| all.digest.merge(table.digest))
                .or_insert_with(|| table.clone());
        }
    }
    crate::manifest::check_totals(id, manifest, tables.values())?;
    Ok(tables.into_values().collect())
}

#[async_trait]
impl SectionSource for StoredSections {
    fn database(&self) -> &DatabaseProperties {
        &self.volumes[0].index.database
    }

    fn requires(&self) -> &Requirements {
        &self.volumes[0].index.requires
    }

    fn digest_seed(&self) -> DigestSeed {
        self.volumes[0].index.digest_seed
    }

    fn tables(&self) -> Vec<TableTotals> {
        self.tables.clone()
    }

    fn entries(&self) -> Option<Vec<SectionEntry>> {
        Some(self.volumes.iter().flat_map(|volume| volume.index.sections.iter().cloned()).collect())
    }

    fn choose(&mut self, sections: Vec<u32>) {
        let sections: BTreeSet<u32> = sections.into_iter().collect();
        self.kept.get_or_insert_default();
        self.pend(|seq| sections.contains(&seq));
    }

    fn roles(&self) -> Option<Vec<u8>> {
        self.roles.clone()
    }

    async fn next(&mut self) -> Result<Option<(SectionEntry, Vec<u8>)>, SourceError> {
        self.fetch_ahead();
        let Some((_, fetch)) = self.ahead.pop_front() else { return Ok(None) };
        let (entry, sql) = fetch.await.map_err(|_| Error::Stopped("reading a section"))??;
        self.progress.advance(sql.len() as u64);
        self.fetch_ahead();
        Ok(Some((entry, sql)))
    }

    /// Every final frame was verified when its volume was opened, every other frame and section as it was read: what is
    /// left is that nothing was passed over.
    async fn verified(&mut self) -> Result<(), SourceError> {
        let left = self.pending.len() + self.ahead.len();
        if left > 0 {
            return Err(format!("{left} sections were not read").into());
        }
        Ok(())
    }
}
