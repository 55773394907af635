//! A bucket's objects ⇄ ZIPs that any unzip opens.
//!
//! ```text
//! archive   list ─► get, many at once ─► deflate ─► ZIP ─► manifest of all files, as the last entry
//! restore   directory and manifest ─► ranges of selected files ─► inflate ─► compare ─► bucket or folder
//! ```
//! Knows neither encryption nor where volumes are stored. The format is described in `docs/format/files.md`.

mod archive;
mod error;
mod names;
mod problem;
mod read_at;
mod record;
mod restore;
mod source;
mod zip;

pub use archive::{Archive, ArchiveOptions, ArchiveProgress, VolumeTotals};
pub use error::Error;
pub use problem::{Affected, Problem, ProblemKind, Problems};
pub use read_at::ReadAt;
pub use record::{FileRecord, Headers};
pub use restore::{
    FailedFile, Files, Folder, Overwrite, OverwriteError, Pattern, PatternError, RenamedFile, Restore, RestoreReport,
    Selection, Target, Volume,
};
pub use s3_call::{CallError, Patience};
pub use source::{Bucket, Estimate, StoredObject};
