//! The ZIPs of a stored backup, read by range and decrypted.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use envelope::{Identities, RandomAccess};
use file_archive::{FileRecord, ReadAt, Selection, Volume};
use vault::{Backup, BackupChoice, Kind, Manifest, Vault};

use crate::context::{context, volume_part};
use crate::deadline::Deadline;
use crate::error::Error;
use crate::manifest::{self, contradiction};
use crate::progress::Progress;
use crate::sections::Ciphertext;

/// A volume's plaintext, of which the ZIP's reader reads ranges.
struct Plaintext(RandomAccess<Ciphertext>, Progress);

#[async_trait]
impl ReadAt for Plaintext {
    fn length(&self) -> u64 {
        self.0.plaintext_len()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let bytes = self.0.read(range).await.map_err(io::Error::other)?;
        self.1.advance(bytes.len() as u64);
        Ok(bytes)
    }
}

/// A backup of files, of which the manifest is verified.
pub struct StoredFiles<'a> {
    vault: &'a Vault,
    identities: &'a Identities,
    backup: Backup,
    manifest: Manifest,
    progress: Progress,
}

impl<'a> StoredFiles<'a> {
    /// Finds a backup and verifies its manifest.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn find(
        vault: &'a Vault,
        identities: &'a Identities,
        backup: &BackupChoice,
        progress: Progress,
    ) -> Result<Self, Error> {
        let (backup, manifest) = manifest::find(vault, identities, Kind::Files, backup).await?;
        if manifest.contents.len() != manifest.volumes.len() {
            return Err(contradiction(&backup.id, "its manifest does not say what each volume holds".into()));
        }
        Ok(Self { vault, identities, backup, manifest, progress })
    }

    /// Which backup it is.
    pub fn backup(&self) -> &Backup {
        &self.backup
    }

    /// Everything about it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Numbers of the volumes that may hold a selected file.
    pub(crate) fn volumes(&self, selection: &Selection) -> Vec<u32> {
        let holding =
            (1u32..).zip(&self.manifest.contents).filter(|(_, contents)| match (&contents.first, &contents.last) {
                (Some(first), Some(last)) => selection.reaches(first, last),
                _ => contents.files > 0,
            });
        holding.map(|(number, _)| number).collect()
    }

    /// Bytes of the files in these volumes.
    pub(crate) fn estimate(&self, volumes: &[u32], deadline: Deadline) -> Result<(), Error> {
        let contents = |number: &u32| self.manifest.contents.get(*number as usize - 1);
        let bytes = volumes.iter().filter_map(contents).map(|contents| contents.bytes).sum();
        self.progress.expect(bytes);
        let files = volumes.iter().filter_map(contents).map(|contents| contents.files).sum();
        deadline.estimate_files(&format!("backup {}", self.backup.id), bytes, files)
    }

    /// Opens a volume by its number: its end, its directory and its manifest are verified.
    pub(crate) async fn open(&self, number: u32) -> Result<Volume, Error> {
        let id = &self.backup.id;
        let part = volume_part(number);
        let name = format!("{part} of backup {id}");
        let place = number as usize - 1;
        let (Some(stored), Some(contents)) = (self.manifest.volumes.get(place), self.manifest.contents.get(place))
        else {
            return Err(contradiction(id, format!("it has no {part}")));
        };
        let reader = self.vault.backup_object(&self.backup, stored.name())?;
        let context = context(self.vault.environment(), Kind::Files, id, &part);
        let plaintext = RandomAccess::open(Ciphertext(reader), stored.bytes, self.identities, context)
            .await
            .map_err(|source| Error::Envelope { part: format!("open {name}"), source })?;
        let volume = Volume::open(&name, Arc::new(Plaintext(plaintext, self.progress.clone()))).await?;
        if volume.count() != contents.files {
            let what = format!("{part} holds {} files, and its manifest says {}", volume.count(), contents.files);
            return Err(contradiction(id, what));
        }
        Ok(volume)
    }

    /// Tells `each` every selected file, in the order of their keys.
    ///
    /// # Errors
    /// [`Error`], and what `each` returns.
    pub async fn list<E>(
        &self,
        selection: &Selection,
        mut each: impl FnMut(FileRecord) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<Error>,
    {
        for number in self.volumes(selection) {
            for file in self.open(number).await?.files() {
                let file = file.map_err(Error::from)?;
                if selection.matches(&file.key) {
                    each(file)?;
                }
            }
        }
        Ok(())
    }
}
