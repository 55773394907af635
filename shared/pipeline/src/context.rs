//! The encryption context of every object of a backup: what binds it to its place.

use envelope::EncryptionContext;
use vault::{BackupId, Environment, Kind};

/// The manifest's name in `offsite-part`.
pub(crate) const MANIFEST: &str = "manifest";

/// `volume-0001`, as in the object's key.
pub(crate) fn volume_part(number: u32) -> String {
    format!("volume-{number:04}")
}

/// What an object is encrypted under, and what a restore insists on: so no object can stand in for another.
pub(crate) fn context(environment: &Environment, kind: Kind, id: &BackupId, part: &str) -> EncryptionContext {
    EncryptionContext::from([
        ("offsite-environment", environment.as_str()),
        ("offsite-kind", kind.as_str()),
        ("offsite-backup", &id.to_string()),
        ("offsite-part", part),
    ])
}
