//! The daily check of backups: of every source the newest one, or of the one that is asked for.

use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use envelope::Identities;
use lambda_host::{Metric, Secrets, telemetry};
use pipeline::{BackupCheck, CheckReport, Deadline, Progress, Share};
use serde::Serialize;
use time::OffsetDateTime;
use vault::{BackupChoice, Expected, Kind, Selector, Vault};

use crate::config::Config;

const DAY: i64 = 24 * 60 * 60;
/// Of those that are not sound, so many are told one by one.
const NAMED: usize = 10;

/// What was looked at, all of it sound.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `ok`: what is not sound is an error instead.
    status: &'static str,
    /// A backup each.
    checks: Vec<CheckReport>,
}

impl Report {
    pub(crate) fn counted(&self) -> Vec<(Metric, u64)> {
        let sum = |of: fn(&CheckReport) -> u64| self.checks.iter().map(of).fold(0, u64::saturating_add);
        vec![
            (Metric::StoredBytes, sum(|check| check.stored_bytes)),
            (Metric::SourceBytes, sum(|check| check.source_bytes)),
            (Metric::Rows, sum(|check| check.rows)),
            (Metric::Files, sum(|check| check.files)),
            (Metric::Sections, sum(|check| check.sections)),
        ]
    }
}

pub(crate) async fn run(
    kind: Kind,
    backup: BackupChoice,
    config: &Config,
    aws: &aws_config::SdkConfig,
    end: SystemTime,
) -> Result<Report> {
    let (vault, now) = (config.vault.open(aws), OffsetDateTime::now_utc());
    let check = Check {
        vault: &vault,
        identities: &config.keys.identities(aws, &Secrets::new(aws)).await?,
        kind,
        share: Share {
            budget: config.check_bytes,
            turn: u64::try_from(now.unix_timestamp() / DAY).unwrap_or_default(),
        },
        deadline: Deadline::at(end),
    };
    let failed = || format!("the check of the backup of kind {kind} failed");
    let sources = if backup.backup == Selector::Latest && backup.source.is_none() && backup.version_id.is_none() {
        let promise = &config.promise;
        let hours = promise.hours.get(&kind).copied().unwrap_or_default();
        let expected = Expected { hours, lock_days: Some(promise.lock_days), ended: &promise.ended };
        vault.sources(kind, expected, now).await.with_context(failed)?
    } else {
        Vec::new()
    };
    let checks = match &sources[..] {
        [] => vec![check.of(backup).await.with_context(failed)?],
        [only] => vec![check.of(latest(only)).await.with_context(failed)?],
        several => check.each(several).await?,
    };
    Ok(Report { status: "ok", checks })
}

fn latest(source: &str) -> BackupChoice {
    BackupChoice { source: Some(source.to_owned()), ..Selector::Latest.into() }
}

struct Check<'a> {
    vault: &'a Vault,
    identities: &'a Identities,
    kind: Kind,
    share: Share,
    deadline: Deadline,
}

impl Check<'_> {
    /// The newest backup of each source: what is wrong with one is no reason not to look at the others.
    async fn each(&self, sources: &[String]) -> Result<Vec<CheckReport>> {
        let (all, mut checks, mut unsound) = (sources.len(), Vec::new(), Vec::new());
        for source in sources {
            match self.of(latest(source)).await {
                Ok(check) => {
                    tracing::info!(check = serde_json::to_string(&check)?, "the newest backup of {source} is sound");
                    checks.push(check);
                }
                Err(error) => {
                    tracing::warn!("the newest backup of {source} could not be shown to be sound: {error:#}");
                    unsound.push(format!("{source}: {error:#}"));
                }
            }
        }
        if unsound.is_empty() {
            return Ok(checks);
        }
        let (kind, failed) = (self.kind, unsound.len());
        unsound.truncate(NAMED);
        if failed > NAMED {
            unsound.push(format!("and {} more, which the log names", failed - NAMED));
        }
        bail!(
            "of {all} sources of kind {kind}, the newest backups of {failed} could not be shown to be sound: {}",
            unsound.join("; ")
        )
    }

    async fn of(&self, backup: BackupChoice) -> Result<CheckReport> {
        let progress = Progress::default();
        let check = BackupCheck {
            vault: self.vault,
            identities: self.identities,
            kind: self.kind,
            backup,
            share: self.share,
            deadline: self.deadline,
            progress: progress.clone(),
        };
        Ok(telemetry::heartbeat(|| (progress.done(), progress.expected()), check.run()).await?)
    }
}
