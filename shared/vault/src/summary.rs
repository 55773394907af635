use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::checksum::hex256;
use crate::environment::{Environment, Kind};
use crate::error::Error;
use crate::id::BackupId;
use crate::manifest::{Manifest, parse};

/// What a list and monitoring need without a key. It names no table, file or role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this format: 1.
    pub format: u32,
    /// The backup's id.
    pub backup: BackupId,
    /// Whose it is.
    pub environment: Environment,
    /// What it is of.
    pub kind: Kind,
    /// When the schedule meant the run to begin.
    #[serde(default, with = "rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<OffsetDateTime>,
    /// When the run began.
    #[serde(with = "rfc3339")]
    pub started: OffsetDateTime,
    /// The instant that the backup shows.
    #[serde(with = "rfc3339")]
    pub snapshot: OffsetDateTime,
    /// When the last volume was stored.
    #[serde(with = "rfc3339")]
    pub finished: OffsetDateTime,
    /// The program that wrote it.
    pub tool: String,
    /// Names and sizes of the volumes, in order.
    pub volumes: Vec<VolumeSize>,
    /// Of all volumes, as stored.
    pub bytes: u64,
    /// Tables or folders that hold data.
    pub objects: u64,
    /// Rows, or files, of all of them.
    pub rows: u64,
    /// Of all of them, before compression.
    pub source_bytes: u64,
    /// Objects of each kind.
    pub inventory: BTreeMap<String, u64>,
    /// How often each warning was given, by its code.
    pub warnings: BTreeMap<String, u64>,
    /// The names of those who can decrypt it.
    pub recipients: Vec<String>,
    /// Of `manifest.enc`.
    #[serde(with = "hex256")]
    pub manifest_sha256: [u8; 32],
}

/// A volume, as much as may be said in the clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSize {
    /// The last part of its key.
    pub name: String,
    /// As stored.
    pub bytes: u64,
}

impl Summary {
    /// The summary of a manifest whose encrypted form has this SHA-256.
    pub fn of<N>(manifest: &Manifest, manifest_sha256: [u8; 32], recipients: N) -> Self
    where
        N: IntoIterator<Item: Into<String>>,
    {
        let mut warnings = BTreeMap::new();
        for warning in &manifest.warnings {
            *warnings.entry(warning.code.clone()).or_default() += 1;
        }
        let size = |volume: &crate::StoredObject| VolumeSize { name: volume.name().to_owned(), bytes: volume.bytes };
        Self {
            format: manifest.format,
            backup: manifest.backup.clone(),
            environment: manifest.environment.clone(),
            kind: manifest.kind,
            scheduled: manifest.scheduled,
            started: manifest.started,
            snapshot: manifest.snapshot,
            finished: manifest.finished,
            tool: manifest.tool.clone(),
            volumes: manifest.volumes.iter().map(size).collect(),
            bytes: manifest.bytes(),
            objects: manifest.objects.len() as u64,
            rows: manifest.objects.iter().map(|object| object.rows).fold(0, u64::saturating_add),
            source_bytes: manifest.objects.iter().map(|object| object.bytes).fold(0, u64::saturating_add),
            inventory: manifest.inventory.clone(),
            warnings,
            recipients: recipients.into_iter().map(Into::into).collect(),
            manifest_sha256,
        }
    }

    /// Reads a `summary.json`.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::NewerFormat`].
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        parse(json, "a summary")
    }

    /// Compares this with the manifest that it claims to be of. To be called once the manifest is decrypted: anyone who can
    /// write to the vault could write a summary.
    ///
    /// # Errors
    /// [`Error::Contradiction`], naming what differs.
    pub fn agrees_with(&self, manifest: &Manifest) -> Result<(), Error> {
        // Who can decrypt, and the hash of the ciphertext, are not in the manifest itself.
        let expected = Self::of(manifest, self.manifest_sha256, self.recipients.clone());
        let differing = differing(&expected, self);
        if differing.is_empty() {
            return Ok(());
        }
        let what = format!("its summary and its manifest differ in {}", differing.join(", "));
        Err(Error::Contradiction { backup: manifest.backup.to_string(), what })
    }
}

fn differing(one: &Summary, other: &Summary) -> Vec<&'static str> {
    [
        ("format", one.format != other.format),
        ("backup", one.backup != other.backup),
        ("environment", one.environment != other.environment),
        ("kind", one.kind != other.kind),
        ("scheduled", one.scheduled != other.scheduled),
        ("started", one.started != other.started),
        ("snapshot", one.snapshot != other.snapshot),
        ("finished", one.finished != other.finished),
        ("tool", one.tool != other.tool),
        ("volumes", one.volumes != other.volumes),
        ("bytes", one.bytes != other.bytes),
        ("objects", one.objects != other.objects),
        ("rows", one.rows != other.rows),
        ("source_bytes", one.source_bytes != other.source_bytes),
        ("inventory", one.inventory != other.inventory),
        ("warnings", one.warnings != other.warnings),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
