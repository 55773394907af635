//! An invocation: event → one backup → report.

use anyhow::Result;
use lambda_host::{Scheduled, Secrets, Variables, telemetry};
use lambda_runtime::LambdaEvent;
use pipeline::{DatabaseBackup, DatabaseBackupReport, Deadline, Progress};
use serde::Serialize;

use crate::config::Config;

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    #[serde(flatten)]
    report: DatabaseBackupReport,
    peak_memory_bytes: Option<u64>,
}

pub(crate) async fn handle(
    event: LambdaEvent<Scheduled>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    telemetry::log_speed();
    let LambdaEvent { payload, context } = event;
    let config = Config::from_variables(variables)?;
    let secrets = Secrets::new(aws);
    let recipients = config.keys.recipients(aws, &secrets).await?;
    let source = config.database.connect_options(&secrets).await?;
    let progress = Progress::default();
    let backup = DatabaseBackup {
        vault: &config.vault.open(aws),
        recipients: &recipients,
        source: &source,
        dump: config.dump,
        scheduled: payload.time(),
        lock: config.vault.lock(),
        deadline: Deadline::at(lambda_host::end_of(&context)),
        progress: progress.clone(),
        volume_bytes: config.volume_bytes,
    };
    let report = telemetry::heartbeat(|| (progress.done(), progress.expected()), backup.run()).await?;
    let response = Response { report, peak_memory_bytes: lambda_host::peak_resident_bytes() };
    tracing::info!(report = serde_json::to_string(&response)?, "backed up");
    Ok(response)
}
