use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use pipeline::{Progress, RecoveryDrill, RecoveryDrillReport, Share};
use serde::Serialize;
use time::OffsetDateTime;

use crate::keys;
use crate::place::VaultPlace;
use crate::progress::{Line, bytes};

/// Of each backup, unless all of it is asked for.
const PART: u64 = 64 << 20;
const DAY: i64 = 24 * 60 * 60;

/// Prove that the escrow's private key still opens the newest backups, and leave a record of it in the vault, which the watch looks for.
///
/// No other key is tried, and KMS is not asked. Of the newest backup of each source, the manifest and every volume's beginning, end and index are
/// decrypted, and a part of the contents, whose digests are compared; with --whole all. Nothing is written but the record.
#[derive(Args)]
#[command(
    after_help = "Example, with the credentials of the vault's recovery role:\n  offsite recovery-drill --private-key escrow-2026.key.pem --vault BUCKET --environment production"
)]
pub(crate) struct RecoveryDrillCommand {
    /// PEM file of the private key of the escrow.
    #[arg(long, env = "OFFSITE_PRIVATE_KEY", value_name = "FILE")]
    private_key: PathBuf,
    /// Read all of each backup, and not a part of it.
    #[arg(long)]
    whole: bool,
    /// Leave no record in the vault.
    #[arg(long)]
    no_record: bool,
    /// One JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: VaultPlace,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    drill: &'a RecoveryDrillReport,
    /// The key of what the vault keeps of it; `null` if nothing was to be left, or could be.
    record: Option<String>,
}

impl RecoveryDrillCommand {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let vault = self.place.open().await?;
        let (private_key, progress) = (keys::read(&self.private_key)?, Progress::default());
        let turn = u64::try_from(OffsetDateTime::now_utc().unix_timestamp() / DAY).unwrap_or_default();
        let share = if self.whole { Share::ALL } else { Share { budget: PART, turn } };
        let drill = RecoveryDrill { vault: &vault, private_key: &private_key, share, progress: progress.clone() };
        let report = Line::new("opening", 0).follow(&progress, drill.run()).await;
        let report = report.with_context(|| format!("the drill with {}", self.private_key.display()))?;
        let record = if self.no_record { Ok(None) } else { report.record(&vault).await.map(Some) };
        // What was proven is told, too, when the vault does not take the record.
        let (record, refused) = match record {
            Ok(record) => (record, None),
            Err(error) => (None, Some(error)),
        };
        if self.json {
            println!("{}", serde_json::to_string(&Answer { drill: &report, record })?);
        } else {
            print(&report, record.as_deref());
        }
        match refused {
            None => Ok(ExitCode::SUCCESS),
            Some(error) => Err(error.into()),
        }
    }
}

fn print(report: &RecoveryDrillReport, record: Option<&str>) {
    for backup in &report.opened {
        let what = match backup.kind {
            vault::Kind::Database => format!("{} rows", backup.rows),
            vault::Kind::Files => format!("{} files", backup.files),
        };
        let part = if backup.whole { String::new() } else { format!(", part {} of {}", backup.part, backup.parts) };
        println!("{} opens: {what} ({}) are what was backed up{part}", backup.backup, bytes(backup.source_bytes));
        for finding in &backup.findings {
            println!("finding: {finding}");
        }
    }
    println!("the private key opens the newest backup of each of {} sources", report.opened.len());
    match record {
        Some(key) => println!("recorded as {key}"),
        None => println!("not recorded"),
    }
}
