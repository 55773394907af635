//! The vault: a bucket with Object Lock, in which backups are written once, listed by versions and read by range.
//!
//! The only crate that talks S3 to the vault. Key layout, manifest and summary are described in `docs/format/vault.md`.

mod backup;
mod checksum;
mod connect;
mod drill;
mod environment;
mod error;
mod failure;
mod find;
mod hold;
mod id;
mod layout;
mod list;
mod lock;
mod locked;
mod manifest;
mod object;
mod other;
mod put;
mod selector;
mod standing;
mod stored;
mod summary;
mod upload;
mod watch;

pub use backup::{Backup, ObjectVersion};
pub use connect::Vault;
pub use drill::Drill;
pub use environment::{Environment, Kind};
pub use error::{Candidate, Error};
pub use hold::Hold;
pub use id::BackupId;
pub use list::{Finding, Listing, Problem, Slot};
pub use lock::{LockPolicy, LockStatus};
pub use locked::LockEnd;
pub use manifest::{Manifest, ObjectTotals, Source, VolumeContents, Warning};
pub use object::{ObjectReader, ObjectStream};
pub use s3_call::{CallError, Patience};
pub use selector::{BackupChoice, ObjectKey, Selector};
pub use standing::{Expected, Gap, Newest, Standing, State};
pub use stored::StoredObject;
pub use summary::{Summary, VolumeSize};
pub use upload::PART_BYTES;
pub use watch::{Area, Concern, Notice, Promise, Watch};
