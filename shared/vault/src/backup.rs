use std::collections::BTreeMap;

use bytes::Bytes;

use crate::checksum::sha256;
use crate::connect::Vault;
use crate::environment::Kind;
use crate::error::Error;
use crate::id::BackupId;
use crate::layout::MANIFEST;
use crate::list::{Finding, Problem};
use crate::manifest::Manifest;
use crate::object::ObjectReader;
use crate::summary::Summary;

/// A backup that is visible: its summary is there, and every volume that the summary names, in full length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// What it is of.
    pub kind: Kind,
    /// What can be said without a key. [`Summary::agrees_with`] the manifest is the caller's to check.
    pub summary: Summary,
    /// The versions that count, by the last part of their keys.
    pub objects: BTreeMap<String, ObjectVersion>,
    /// What is odd about it.
    pub findings: Vec<Finding>,
}

/// The oldest version of a key: the one that its backup wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// The whole key.
    pub key: String,
    /// `None` in a bucket that never had versions.
    pub version: Option<String>,
    /// As stored.
    pub bytes: u64,
    /// S3's LastModified, in seconds since 1970.
    pub modified: i64,
}

impl Backup {
    /// May be taken by `latest` and `before`: its id tells the time that S3 saw.
    pub fn timely(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.problem, Problem::TimeDisagrees { .. }))
    }

    /// Whether that may be the name of what it is of: in full, or as far as an id can hold it.
    pub fn is_of(&self, source: &str) -> bool {
        BackupId::name_of(source) == self.id.name()
    }

    /// Compares what the manifest says with the summary and with the objects that are there.
    ///
    /// # Errors
    /// [`Error::Contradiction`].
    pub fn holds(&self, manifest: &Manifest) -> Result<(), Error> {
        if manifest.backup != self.id {
            return Err(self.contradiction(format!("its manifest is of backup {}", manifest.backup)));
        }
        self.summary.agrees_with(manifest)?;
        for volume in &manifest.volumes {
            let Some(object) = self.objects.get(volume.name()).filter(|object| object.key == volume.key) else {
                return Err(self.contradiction(format!("its manifest names {}, which is not there", volume.key)));
            };
            if object.bytes != volume.bytes {
                let what = format!("{} has {} bytes, and {} in the manifest", volume.key, object.bytes, volume.bytes);
                return Err(self.contradiction(what));
            }
            if volume.version_id.is_some() && object.version != volume.version_id {
                return Err(self.contradiction(format!("{} has other versions than in the manifest", volume.key)));
            }
        }
        Ok(())
    }

    fn contradiction(&self, what: String) -> Error {
        Error::Contradiction { backup: self.id.to_string(), what }
    }
}

impl Vault {
    /// The encrypted manifest, compared with the summary's SHA-256.
    ///
    /// # Errors
    /// [`Error::Altered`]; [`Error::Call`].
    pub async fn read_manifest(&self, backup: &Backup) -> Result<Bytes, Error> {
        let reader = self.backup_object(backup, MANIFEST)?;
        let encrypted = reader.read_range(0..reader.bytes()).await?;
        if sha256(&encrypted) != backup.summary.manifest_sha256 {
            let what = "its SHA-256 is another".to_owned();
            return Err(Error::Altered { key: reader.key().to_owned(), what });
        }
        Ok(encrypted)
    }

    /// An object of a backup by the last part of its key, pinned to the version that counts.
    ///
    /// # Errors
    /// [`Error::Contradiction`] if it is not there.
    pub fn backup_object(&self, backup: &Backup, name: &str) -> Result<ObjectReader, Error> {
        let Some(object) = backup.objects.get(name) else {
            return Err(backup.contradiction(format!("{name} is missing")));
        };
        Ok(self.object(&object.key, object.version.as_deref(), object.bytes))
    }
}
