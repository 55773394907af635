//! The weekly drill: a backup restored to see that it comes back, and how long that takes.

use std::time::SystemTime;

use anyhow::{Context, Result};
use lambda_host::{Secrets, telemetry};
use pipeline::{DatabaseDrill, DatabaseDrillReport, Deadline, FilesDrill, FilesDrillReport, Progress, Sample};
use vault::{BackupChoice, Kind};

use crate::config::Config;
use crate::event::DrillEvent;

pub(crate) async fn database(
    event: DrillEvent,
    config: &Config,
    aws: &aws_config::SdkConfig,
    end: SystemTime,
) -> Result<DatabaseDrillReport> {
    let (secrets, progress) = (Secrets::new(aws), Progress::default());
    let mut checks = config.drill_checks.clone();
    checks.extend(event.checks);
    let drill = DatabaseDrill {
        vault: &config.vault.open(aws),
        identities: &config.keys.identities(aws, &secrets).await?,
        backup: BackupChoice { source: event.source, ..event.backup.into() },
        server: &config.database()?.connect_options(aws, &secrets).await?,
        on_source_server: config.drill_on_source_server,
        checks,
        check_timeout: config.drill_check_timeout,
        ignore_estimate: event.ignore_estimate,
        deadline: Deadline::at(end),
        limit: end.duration_since(SystemTime::now()).ok(),
        progress: progress.clone(),
    };
    let drilled = telemetry::heartbeat(|| (progress.done(), progress.expected()), drill.run()).await;
    drilled.with_context(|| format!("the drill of a backup of kind {}", Kind::Database))
}

pub(crate) async fn files(
    event: DrillEvent,
    config: &Config,
    aws: &aws_config::SdkConfig,
    end: SystemTime,
) -> Result<FilesDrillReport> {
    let (progress, usual, seed) = (Progress::default(), Sample::default(), event.seed()?);
    let drill = FilesDrill {
        vault: &config.vault.open(aws),
        identities: &config.keys.identities(aws, &Secrets::new(aws)).await?,
        backup: BackupChoice { source: event.source, ..event.backup.into() },
        sample: Sample {
            files: event.sample_files.unwrap_or(usual.files),
            bytes: event.sample_bytes.unwrap_or(usual.bytes),
            seed,
        },
        deadline: Deadline::at(end),
        progress: progress.clone(),
    };
    let drilled = telemetry::heartbeat(|| (progress.done(), progress.expected()), drill.run()).await;
    drilled.with_context(|| format!("the drill of a backup of kind {}", Kind::Files))
}
