//! The roles of a stored backup: manifest → index of the first volume → their frame, and nothing else is read.

use envelope::Identities;
use vault::{BackupChoice, Kind, Vault};

use crate::error::Error;
use crate::manifest::{self, contradiction};
use crate::sections::Volume;

/// The roles and database properties beside the dump of one backup.
pub struct DatabaseRoles<'a> {
    /// Where the backup is.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// Which backup.
    pub backup: BackupChoice,
}

impl DatabaseRoles<'_> {
    /// The SQL text, for psql, in UTF-8.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NoRoles`] for a backup of an earlier version.
    pub async fn read(&self) -> Result<Vec<u8>, Error> {
        let (backup, manifest) = manifest::find(self.vault, self.identities, Kind::Database, &self.backup).await?;
        let Some(stored) = manifest.volumes.first() else {
            return Err(contradiction(&backup.id, "it has no volume".into()));
        };
        let volume = Volume::open(self.vault, self.identities, &backup, stored, 1).await?;
        volume
            .roles()
            .await?
            .ok_or_else(|| Error::NoRoles { backup: backup.id.to_string(), names: volume.index.requires.roles.clone() })
    }
}
