//! The daily check of a backup.

use std::time::SystemTime;

use anyhow::{Context, Result};
use lambda_host::{Secrets, telemetry};
use pipeline::{BackupCheck, CheckReport, Deadline, Progress, Share};
use time::OffsetDateTime;
use vault::{BackupChoice, Kind};

use crate::config::Config;

const DAY: i64 = 24 * 60 * 60;

pub(crate) async fn run(
    kind: Kind,
    backup: BackupChoice,
    config: &Config,
    aws: &aws_config::SdkConfig,
    end: SystemTime,
) -> Result<CheckReport> {
    let progress = Progress::default();
    let today = OffsetDateTime::now_utc().unix_timestamp() / DAY;
    let check = BackupCheck {
        vault: &config.vault.open(aws),
        identities: &config.keys.identities(aws, &Secrets::new(aws)).await?,
        kind,
        backup,
        share: Share { budget: config.check_bytes, turn: u64::try_from(today).unwrap_or_default() },
        deadline: Deadline::at(end),
        progress: progress.clone(),
    };
    let checked = telemetry::heartbeat(|| (progress.done(), progress.expected()), check.run()).await;
    checked.with_context(|| format!("the check of the backup of kind {kind} failed"))
}
