//! An invocation: event → one restore → report.

use anyhow::Result;
use lambda_host::{Secrets, Variables, telemetry};
use lambda_runtime::LambdaEvent;
use pg_restore::RestoreOptions;
use pipeline::{DatabaseRestore, DatabaseRestoreReport, Deadline, Progress};
use serde::{Deserialize, Serialize};
use vault::Selector;

use crate::config::Config;

/// The database that is connected to while the new one does not exist.
const MAINTENANCE_DATABASE: &str = "postgres";

/// What to restore, and to where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Event {
    Database {
        /// `latest`, `before T`, or a backup's id.
        backup: String,
        /// The name of the new database; the source's if absent.
        #[serde(default)]
        into: Option<String>,
    },
}

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    #[serde(flatten)]
    report: DatabaseRestoreReport,
    peak_memory_bytes: Option<u64>,
}

pub(crate) async fn handle(
    event: LambdaEvent<Event>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    let LambdaEvent { payload: Event::Database { backup, into }, context } = event;
    let config = Config::from_variables(variables)?;
    let selector: Selector = backup.parse()?;
    let secrets = Secrets::new(aws);
    let identities = config.keys.identities(aws, &secrets).await?;
    let target = config.database.connect_options(&secrets).await?.with_dbname(MAINTENANCE_DATABASE);
    let progress = Progress::default();
    let restore = DatabaseRestore {
        vault: &config.vault.open(aws),
        identities: &identities,
        backup: selector,
        target: &target,
        into,
        options: RestoreOptions::default(),
        deadline: Deadline::at(lambda_host::end_of(&context)),
        progress: progress.clone(),
    };
    let report = telemetry::heartbeat(|| (progress.done(), progress.expected()), restore.run()).await?;
    let response = Response { report, peak_memory_bytes: lambda_host::peak_resident_bytes() };
    tracing::info!(report = serde_json::to_string(&response)?, "restored");
    Ok(response)
}
