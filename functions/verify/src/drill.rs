//! The weekly drill: a backup restored to see that it comes back, and how long that takes.

use std::time::SystemTime;

use anyhow::{Context, Result};
use lambda_host::{Secrets, telemetry};
use pipeline::{DatabaseDrill, DatabaseDrillReport, Deadline, FilesDrill, FilesDrillReport, Progress, Sample};
use time::OffsetDateTime;
use vault::{BackupChoice, Expected, Kind, Selector, Vault};

use crate::config::Config;
use crate::event::DrillEvent;

/// What is asked for; or else the newest backup of that source of which a drill is longest ago.
async fn due(
    vault: &Vault,
    config: &Config,
    kind: Kind,
    source: Option<String>,
    backup: Selector,
) -> Result<BackupChoice> {
    if source.is_some() || backup != Selector::Latest {
        return Ok(BackupChoice { source, ..backup.into() });
    }
    let promise = &config.promise;
    let hours = promise.hours.get(&kind).copied().unwrap_or_default();
    let expected = Expected { hours, lock_days: Some(promise.lock_days), ended: &promise.ended };
    let sources = vault.sources(kind, expected, OffsetDateTime::now_utc()).await?;
    let last = vault.last_drills(kind).await?;
    // Never comes before any time, and of equals the first is taken: the one that has been backed up the longest.
    let source = sources.into_iter().min_by_key(|name| last.get(name).copied());
    Ok(BackupChoice { source, ..backup.into() })
}

pub(crate) async fn database(
    event: DrillEvent,
    config: &Config,
    aws: &aws_config::SdkConfig,
    end: SystemTime,
) -> Result<DatabaseDrillReport> {
    let (vault, secrets, progress) = (config.vault.open(aws), Secrets::new(aws), Progress::default());
    let mut checks = config.drill_checks.clone();
    checks.extend(event.checks);
    let drill = DatabaseDrill {
        vault: &vault,
        identities: &config.keys.identities(aws, &secrets).await?,
        backup: due(&vault, config, Kind::Database, event.source, event.backup).await?,
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
    let vault = config.vault.open(aws);
    let drill = FilesDrill {
        vault: &vault,
        identities: &config.keys.identities(aws, &Secrets::new(aws)).await?,
        backup: due(&vault, config, Kind::Files, event.source, event.backup).await?,
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
