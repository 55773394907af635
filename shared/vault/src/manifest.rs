use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::environment::{Environment, Kind};
use crate::error::Error;
use crate::id::BackupId;
use crate::lock::LockStatus;
use crate::stored::StoredObject;

/// Version of manifest and summary.
pub(crate) const FORMAT: u32 = 1;

/// Everything about a backup. Stored encrypted; restore and verify trust only this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format: 1.
    pub format: u32,
    /// The backup's id.
    pub backup: BackupId,
    /// Whose it is.
    pub environment: Environment,
    /// What it is of.
    pub kind: Kind,
    /// Where it comes from.
    pub source: Source,
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
    /// The program that wrote it: `offsite 0.1.0`.
    pub tool: String,
    /// The vault's lock, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockStatus>,
    /// In order.
    pub volumes: Vec<StoredObject>,
    /// Per table, or per folder of files.
    pub objects: Vec<ObjectTotals>,
    /// Objects of each kind, such as `table` or `index`.
    pub inventory: BTreeMap<String, u64>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
    /// What each volume holds, where a restore need not open all of them: of files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contents: Vec<VolumeContents>,
    /// What must exist before a restore begins; the kind of source defines its shape.
    #[serde(default)]
    pub requirements: serde_json::Value,
}

/// Where a backup comes from. Never a host, user or secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The database's or bucket's true name.
    pub name: String,
    /// The server's, for a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a backup holds of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTotals {
    /// `None` for what has no schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The table's name, or the folder's.
    pub name: String,
    /// Rows, or files.
    pub rows: u64,
    /// Before compression.
    pub bytes: u64,
    /// Digest over the rows as hex digits; the kind of source defines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The files of one volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeContents {
    /// How many.
    pub files: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
    /// The least of their keys, in the order of their bytes; `None` without files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The greatest of their keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// Something that did not make the run fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// For programs: `not_dumped_foreign_data`.
    pub code: String,
    /// The objects that it is about.
    #[serde(default)]
    pub names: Vec<String>,
    /// For people.
    pub message: String,
}

impl Manifest {
    /// Reads a decrypted manifest.
    ///
    /// # Errors
    /// [`Error::Format`], [`Error::NewerFormat`].
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        parse(json, "a manifest")
    }

    /// Of all volumes, as stored.
    pub fn bytes(&self) -> u64 {
        self.volumes.iter().map(|volume| volume.bytes).fold(0, u64::saturating_add)
    }
}

/// The number of the format first: a newer one may have another shape.
pub(crate) fn parse<T: for<'de> Deserialize<'de>>(json: &[u8], what: &str) -> Result<T, Error> {
    #[derive(Deserialize)]
    struct Format {
        format: u64,
    }
    let unreadable = |source| Error::Format { what: what.to_owned(), source };
    let Format { format } = serde_json::from_slice(json).map_err(unreadable)?;
    if format != u64::from(FORMAT) {
        return Err(Error::NewerFormat { what: what.to_owned(), format });
    }
    serde_json::from_slice(json).map_err(unreadable)
}
