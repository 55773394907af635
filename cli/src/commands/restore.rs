mod files;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use pg_client::ConnectOptions;
use pg_restore::RestoreOptions;
use pipeline::{DatabaseRestore, Deadline, Progress};
use vault::Selector;

use crate::keys::KeyFiles;
use crate::place::VaultPlace;
use crate::progress::{Line, bytes};

/// What is restored.
#[derive(Subcommand)]
pub(crate) enum Restore {
    Database(RestoreDatabase),
    Files(files::RestoreFiles),
}

/// Restore a database into a new one, and compare every row with the backup before it gets its name.
#[derive(Args)]
#[command(
    after_help = "Example:\n  PGPASSWORD=… DATABASE_URL=postgresql://admin@db.example.com/postgres \\\n    offsite restore database latest --into shop_restored --private-key escrow.key.pem --vault BUCKET --environment production"
)]
pub(crate) struct RestoreDatabase {
    /// `latest`, `before 2026-11-22T12:00:00Z`, or a backup's id as `offsite list` shows it.
    backup: Selector,
    /// The name of the new database; it must not exist.
    #[arg(long, value_name = "NAME")]
    into: String,
    /// The server, with any database to connect to at first; the password better from PGPASSWORD.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: String,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlace,
}

impl Restore {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Database(restore) => restore.run().await,
            Self::Files(restore) => restore.run().await,
        }
    }
}

impl RestoreDatabase {
    async fn run(self) -> Result<()> {
        let target = ConnectOptions::from_url(&self.database_url)?.with_password_from_environment();
        let identities = self.keys.identities().await?;
        let progress = Progress::default();
        let restore = DatabaseRestore {
            vault: &self.place.open().await?,
            identities: &identities,
            backup: self.backup,
            target: &target,
            into: Some(self.into),
            options: RestoreOptions::default(),
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("restored", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        let restored = &report.restored;
        println!(
            "database {} is {} as of {} (backup {}): {} tables, {} rows, {} of SQL, in {:.1} s; {}",
            restored.database,
            report.source,
            report.snapshot,
            report.backup,
            restored.tables,
            restored.rows,
            bytes(restored.bytes),
            report.seconds,
            match (restored.equal, restored.compared.tables, report.not_in_backup.as_slice()) {
                (true, ..) => "every row was read back and is equal",
                (false, 1.., [_, ..]) =>
                    "every row of the backup was read back and is equal, and the backup is partial",
                _ => "rows were not read back",
            },
        );
        for finding in &report.findings {
            println!("finding: {finding}");
        }
        for warning in &report.backup_warnings {
            println!("warning of the backup: {}: {}", warning.message, warning.names.join(", "));
        }
        for warning in &restored.warnings {
            println!("warning: {warning}");
        }
        if !restored.leftovers.is_empty() {
            println!("left over from earlier restores: {}", restored.leftovers.join(", "));
        }
        std::io::Write::flush(&mut std::io::stdout()).context("write to standard output")
    }
}
