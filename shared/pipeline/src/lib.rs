//! The two flows, assembled once for the functions and the command line:
//!
//! ```text
//! backup    source ─► compress ─► encrypt ─► upload ─► (all volumes complete) ─► manifest
//! restore   manifest ─► download ─► decrypt ─► decompress ─► apply
//! ```

mod backup_database;
mod context;
mod deadline;
mod error;
mod manifest;
mod progress;
mod report;
mod restore_database;
mod roles;
mod sections;
mod volumes;

pub use backup_database::{DatabaseBackup, LockPolicy};
pub use deadline::Deadline;
pub use error::Error;
pub use progress::Progress;
pub use report::{DatabaseBackupReport, DatabaseRestoreReport, Load};
pub use restore_database::DatabaseRestore;
pub use roles::DatabaseRoles;
