use anyhow::Result;
use clap::{Args, Subcommand};
use file_archive::{ArchiveOptions, Bucket};
use pg_dump::DumpOptions;
use pipeline::{DatabaseBackup, Deadline, FilesBackup, Progress};

use crate::database::DatabasePlace;
use crate::keys::RecipientKeys;
use crate::place::{VaultLock, VaultPlace, aws_config};
use crate::progress::{Line, bytes};

/// What is backed up.
#[derive(Subcommand)]
pub(crate) enum Backup {
    Database(BackupDatabase),
    Files(BackupFiles),
}

/// Back up a database into the vault, as the function does.
#[derive(Args)]
#[command(after_help = "Examples:
  PGPASSWORD=… DATABASE_URL=postgresql://offsite@db.example.com/shop \\
    offsite backup database --public-key escrow-2026.pub.pem --vault BUCKET --environment production
  offsite backup database --database-secret SECRET --kms-key ARN --vault BUCKET --environment production")]
pub(crate) struct BackupDatabase {
    /// Connections that read at once; one more looks out for sessions that wait for them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    jobs: u8,
    /// Warn of what this version can't dump or the role may not read, instead of failing.
    #[arg(long)]
    allow_partial: bool,
    /// The report as one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabasePlace,
    #[command(flatten)]
    keys: RecipientKeys,
    #[command(flatten)]
    lock: VaultLock,
    #[command(flatten)]
    place: VaultPlace,
}

/// Back up the files of a bucket into the vault, as the function does.
#[derive(Args)]
#[command(
    after_help = "Example:\n  offsite backup files --bucket shop-files --public-key escrow-2026.pub.pem --vault BUCKET --environment production"
)]
pub(crate) struct BackupFiles {
    /// The bucket to read.
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    /// The account that owns the bucket; another owner's bucket of that name is refused.
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// Only files whose keys begin so.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Warn of files that can't be read instead of failing.
    #[arg(long)]
    allow_partial: bool,
    /// The report as one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: RecipientKeys,
    #[command(flatten)]
    lock: VaultLock,
    #[command(flatten)]
    place: VaultPlace,
}

impl Backup {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Database(backup) => backup.run().await,
            Self::Files(backup) => backup.run().await,
        }
    }
}

impl BackupDatabase {
    async fn run(self) -> Result<()> {
        let (recipients, source) = (self.keys.recipients().await?, self.database.source().await?);
        let progress = Progress::default();
        let backup = DatabaseBackup {
            vault: &self.place.open().await?,
            recipients: &recipients,
            source: &source,
            dump: DumpOptions {
                connections: usize::from(self.jobs) + 1,
                allow_partial: self.allow_partial,
                ..DumpOptions::default()
            },
            scheduled: None,
            lock: self.lock.policy(),
            deadline: Deadline::default(),
            progress: progress.clone(),
            volume_bytes: None,
        };
        let mut line = Line::new("backed up", 0);
        let report = line.follow(&progress, backup.run()).await?;
        drop(line);
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
            return Ok(());
        }
        println!(
            "backup {}: {} rows of {} tables of database {} ({}, {} stored) as of {}, in {:.1} s",
            report.backup,
            report.rows,
            report.tables,
            report.database,
            bytes(report.source_bytes),
            bytes(report.stored_bytes),
            report.snapshot,
            report.seconds,
        );
        for session in &report.load.blocked {
            println!("warning: {session}");
        }
        for warning in &report.warnings {
            println!("warning: {}: {}", warning.message, warning.names.join(", "));
        }
        Ok(())
    }
}

impl BackupFiles {
    async fn run(self) -> Result<()> {
        let recipients = self.keys.recipients().await?;
        let progress = Progress::default();
        let backup = FilesBackup {
            vault: &self.place.open().await?,
            recipients: &recipients,
            source: &Bucket::connect(&aws_config().await, &self.bucket, self.bucket_owner.as_deref()),
            archive: ArchiveOptions {
                prefix: self.prefix,
                allow_partial: self.allow_partial,
                ..ArchiveOptions::default()
            },
            scheduled: None,
            lock: self.lock.policy(),
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("backed up", 0);
        let report = line.follow(&progress, backup.run()).await?;
        drop(line);
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
            return Ok(());
        }
        println!(
            "backup {}: {} files of bucket {} ({}, {} stored) as of {}, in {:.1} s",
            report.backup,
            report.files,
            report.bucket,
            bytes(report.source_bytes),
            bytes(report.stored_bytes),
            report.snapshot,
            report.seconds,
        );
        for warning in &report.warnings {
            println!("warning: {}: {}", warning.message, warning.names.join(", "));
        }
        Ok(())
    }
}
