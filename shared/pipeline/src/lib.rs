//! The two flows, assembled once for the functions and the command line:
//!
//! ```text
//! backup    source ─► compress ─► encrypt ─► upload ─► (all volumes complete) ─► manifest
//! restore   manifest ─► download ─► decrypt ─► decompress ─► apply
//! ```

mod backup_database;
mod backup_files;
mod check;
mod check_database;
mod check_files;
mod context;
mod deadline;
mod definitions;
mod drill;
mod drill_database;
mod drill_files;
mod drill_recovery;
mod error;
mod manifest;
mod manifest_files;
mod older_database;
mod older_files;
mod older_place;
mod progress;
mod publish;
mod report;
mod report_files;
mod request;
mod restore_database;
mod restore_files;
mod roles;
mod sections;
mod stored_files;
mod stored_table;
mod volumes;

pub use backup_database::DatabaseBackup;
pub use backup_files::FilesBackup;
pub use check::{BackupCheck, CheckReport, Share};
pub use deadline::Deadline;
pub use drill_database::{DatabaseDrill, DatabaseDrillReport};
pub use drill_files::{FilesDrill, FilesDrillReport, Sample};
pub use drill_recovery::{RecoveryDrill, RecoveryDrillReport};
pub use error::Error;
pub use older_database::{OlderDatabaseReport, OlderDatabaseRestore};
pub use older_files::{OlderFilesReport, OlderFilesRestore};
pub use older_place::{OlderKeys, OlderPlace, object_of};
pub use progress::Progress;
pub use report::{DatabaseBackupReport, DatabaseRestoreReport, Load};
pub use report_files::{FilesBackupReport, FilesRestoreReport};
pub use request::RequestId;
pub use restore_database::DatabaseRestore;
pub use restore_files::FilesRestore;
pub use roles::DatabaseRoles;
pub use stored_files::StoredFiles;
pub use stored_table::{StoredTable, TableSection};
