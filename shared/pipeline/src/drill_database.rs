//! The drill of a database: restore → compare → ask → drop → record.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use envelope::Identities;
use pg_client::ConnectOptions;
use pg_restore::{DrillCheck, DrillOptions, PassedCheck, RestoreOptions};
use serde::Serialize;
use vault::{BackupChoice, Kind, Vault};

use crate::deadline::Deadline;
use crate::drill;
use crate::error::Error;
use crate::progress::Progress;
use crate::report::DatabaseRestoreReport;
use crate::restore_database::DatabaseRestore;

/// One drill of one backup of a database.
pub struct DatabaseDrill<'a> {
    /// Where the backup is, and where the record goes.
    pub vault: &'a Vault,
    /// What it can be decrypted with.
    pub identities: &'a Identities,
    /// Which backup.
    pub backup: BackupChoice,
    /// The server, and a role that may create databases.
    pub server: &'a ConnectOptions,
    /// Let the server have a database of the source's name: it may be the source's own server.
    pub on_source_server: bool,
    /// What is asked of the restored database: statements that must be true, by their names.
    pub checks: BTreeMap<String, String>,
    /// How long each answer may take, if not the usual time.
    pub check_timeout: Option<Duration>,
    /// Begin, though it is expected to take longer than there is time.
    pub ignore_estimate: bool,
    /// When to give up.
    pub deadline: Deadline,
    /// What a restore may take; reported beside what it took.
    pub limit: Option<Duration>,
    /// Told how far the run is.
    pub progress: Progress,
}

/// The report of a drill that succeeded.
#[derive(Clone, Debug, Serialize)]
pub struct DatabaseDrillReport {
    /// `ok`: a failed drill reports an error instead.
    pub status: &'static str,
    /// What it was of.
    pub kind: Kind,
    /// From the choice of the backup to a database that could be used; what proving it took is not in it.
    pub recovery_seconds: f64,
    /// Reading back, comparing, and the checks.
    pub proving_seconds: f64,
    /// What a restore may take.
    pub limit_seconds: Option<f64>,
    /// The user's checks, each of which was true.
    pub checks: Vec<PassedCheck>,
    /// Databases of drills that were killed, which this one dropped.
    pub dropped_leftovers: Vec<String>,
    /// The restore, into a database that is dropped by now.
    pub restore: DatabaseRestoreReport,
    /// The key of what the vault keeps of it.
    pub record: String,
    /// Wall time.
    pub seconds: f64,
}

/// What the vault keeps of it.
#[derive(Debug, Serialize)]
struct Figures {
    recovery_seconds: f64,
    proving_seconds: f64,
    limit_seconds: Option<f64>,
    tables: u64,
    rows: u64,
    checks: usize,
    equal: bool,
    needs_superuser: usize,
    not_in_backup: usize,
}

impl DatabaseDrill<'_> {
    /// Drills. Whatever happens, the database that it restores into is dropped.
    ///
    /// # Errors
    /// [`Error`]: then the vault has no record of it. [`Error::NotRecorded`] if that alone failed.
    pub async fn run(self) -> Result<DatabaseDrillReport, Error> {
        let clock = Instant::now();
        let Self { vault, identities, server, deadline, .. } = self;
        let mut options = RestoreOptions::default();
        options.ignore_estimate = self.ignore_estimate;
        let restore = DatabaseRestore {
            vault,
            identities,
            backup: self.backup,
            target: server,
            into: None,
            options,
            deadline,
            progress: self.progress,
        };
        let (backup, manifest, source) = deadline.reading(restore.open()).await??;
        tracing::info!(backup = %backup.id, bytes = manifest.bytes(), "the drill begins");
        let mut options = DrillOptions::default();
        options.on_source_server = self.on_source_server;
        options.checks = self.checks.into_iter().map(|(name, sql)| DrillCheck { name, sql }).collect();
        options.check_timeout = self.check_timeout.unwrap_or(options.check_timeout);
        let opened = clock.elapsed().as_secs_f64();
        let drilled = pg_restore::drill(server, source, restore.prepared(&manifest), options).await?;
        let took = clock.elapsed();
        let restore = DatabaseRestoreReport::of(&backup, &manifest, drilled.restored, took);
        let mut report = DatabaseDrillReport {
            status: "ok",
            kind: Kind::Database,
            recovery_seconds: drill::rounded(opened + drilled.restore_seconds),
            proving_seconds: drill::rounded(drilled.proving_seconds),
            limit_seconds: self.limit.map(|limit| drill::rounded(limit.as_secs_f64())),
            checks: drilled.checks,
            dropped_leftovers: drilled.dropped_leftovers,
            restore,
            record: String::new(),
            seconds: 0.0,
        };
        let figures = Figures {
            recovery_seconds: report.recovery_seconds,
            proving_seconds: report.proving_seconds,
            limit_seconds: report.limit_seconds,
            tables: report.restore.restored.tables,
            rows: report.restore.restored.rows,
            checks: report.checks.len(),
            equal: report.restore.restored.equal,
            needs_superuser: report.restore.restored.needs_superuser.len(),
            not_in_backup: report.restore.not_in_backup.len(),
        };
        report.record = drill::record(vault, &backup, &manifest, took, figures).await?;
        report.seconds = drill::rounded(clock.elapsed().as_secs_f64());
        Ok(report)
    }
}
