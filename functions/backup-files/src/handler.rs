//! An invocation: event → one backup → report.

use anyhow::Result;
use lambda_host::{Metric, Scheduled, Secrets, Variables, telemetry};
use lambda_runtime::LambdaEvent;
use pipeline::{Deadline, FilesBackup, FilesBackupReport, Progress};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;

use crate::config::Config;

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    #[serde(flatten)]
    report: FilesBackupReport,
    /// When the schedule meant the run to be.
    #[serde(with = "rfc3339")]
    scheduled: OffsetDateTime,
    /// Why that is not the schedule's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Why nobody may hear an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<String>,
    peak_memory_bytes: Option<u64>,
}

impl Response {
    /// What CloudWatch is told of the run.
    pub(crate) fn counted(&self) -> Vec<(Metric, u64)> {
        let Self { report, .. } = self;
        vec![
            (Metric::SourceBytes, report.source_bytes),
            (Metric::StoredBytes, report.stored_bytes),
            (Metric::Files, report.files),
            (Metric::Warnings, report.warnings.len() as u64),
        ]
    }
}

pub(crate) async fn handle(
    event: LambdaEvent<Value>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    let alarms = lambda_host::unheard(aws, variables).await;
    telemetry::log_speed();
    let LambdaEvent { payload, context } = event;
    let scheduled = Scheduled::of(&payload, OffsetDateTime::now_utc());
    let config = Config::from_variables(variables)?;
    let recipients = config.keys.recipients(aws, &Secrets::new(aws)).await?;
    let progress = Progress::default();
    let backup = FilesBackup {
        vault: &config.vault.open(aws),
        recipients: &recipients,
        source: &config.source.open(aws)?,
        archive: config.archive,
        scheduled: Some(scheduled.time),
        lock: config.vault.lock(),
        deadline: Deadline::at(lambda_host::end_of(&context)),
        progress: progress.clone(),
    };
    let report = telemetry::heartbeat(|| (progress.done(), progress.expected()), backup.run()).await?;
    let response = Response {
        report,
        scheduled: scheduled.time,
        note: scheduled.note,
        alarms,
        peak_memory_bytes: lambda_host::peak_resident_bytes(),
    };
    tracing::info!(report = serde_json::to_string(&response)?, "backed up");
    Ok(response)
}
