//! An invocation: event → one backup → report.

use anyhow::Result;
use lambda_host::{Secrets, Variables, telemetry};
use lambda_runtime::LambdaEvent;
use pipeline::{DatabaseBackup, DatabaseBackupReport, Deadline, Progress};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;

/// AES-256-GCM below this speed means a processor without its instructions.
const SLOW_MIB_PER_SECOND: f64 = 300.0;

/// What the schedule, or a person, says.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Event {
    /// When the schedule meant this run to be, RFC 3339.
    #[serde(default)]
    scheduled: Option<String>,
}

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    #[serde(flatten)]
    report: DatabaseBackupReport,
    peak_memory_bytes: Option<u64>,
}

pub(crate) async fn handle(
    event: LambdaEvent<Event>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    log_speed();
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
        scheduled: payload.scheduled.as_deref().and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok()),
        lock: config.lock,
        deadline: Deadline::at(lambda_host::end_of(&context)),
        progress: progress.clone(),
        volume_bytes: config.volume_bytes,
    };
    let report = telemetry::heartbeat(|| (progress.done(), progress.expected()), backup.run()).await?;
    let response = Response { report, peak_memory_bytes: lambda_host::peak_resident_bytes() };
    tracing::info!(report = serde_json::to_string(&response)?, "backed up");
    Ok(response)
}

/// The first line of every log: what everything else is measured by.
fn log_speed() {
    let speed = envelope::measure_speed();
    if speed < SLOW_MIB_PER_SECOND {
        tracing::warn!(
            aes_gcm_mib_per_second = speed,
            "encryption is slow on this machine. HINT: Use arm64, or a newer x86_64."
        );
    } else {
        tracing::info!(aes_gcm_mib_per_second = speed, "encryption speed");
    }
}
