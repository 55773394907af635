use anyhow::Result;
use clap::{Args, Subcommand};
use file_archive::{ArchiveOptions, Bucket};
use pipeline::{Deadline, FilesBackup, Progress};

use crate::keys::RecipientKeys;
use crate::place::{VaultLock, VaultPlace, aws_config};
use crate::progress::{Line, bytes};

/// What is backed up.
#[derive(Subcommand)]
pub(crate) enum Backup {
    Files(BackupFiles),
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
            Self::Files(backup) => backup.run().await,
        }
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
