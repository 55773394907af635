//! An invocation: event → one look → report.

use anyhow::Result;
use lambda_host::{Metric, Variables};
use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::Value;
use vault::{BackupChoice, Kind};

use crate::check;
use crate::config::Config;
use crate::drill;
use crate::event::{self, Event};
use crate::watch;

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    #[serde(flatten)]
    report: Report,
    /// Why nobody may hear an alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<String>,
    peak_memory_bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    Watch(Box<watch::Report>),
    Check(Box<check::Report>),
    DrilledDatabase(Box<pipeline::DatabaseDrillReport>),
    DrilledFiles(Box<pipeline::FilesDrillReport>),
}

impl Response {
    /// What CloudWatch is told of the run.
    pub(crate) fn counted(&self) -> Vec<(Metric, u64)> {
        match &self.report {
            Report::Watch(report) => report.counted(),
            Report::Check(report) => report.counted(),
            Report::DrilledDatabase(report) => vec![
                (Metric::TimeToRecover, report.recovery_seconds.ceil() as u64),
                (Metric::Rows, report.restore.restored.rows),
            ],
            Report::DrilledFiles(report) => vec![(Metric::Files, report.files), (Metric::SourceBytes, report.bytes)],
        }
    }
}

pub(crate) async fn handle(
    event: LambdaEvent<Value>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    let LambdaEvent { payload, context } = event;
    let event = event::read(&payload)?;
    let alarms = lambda_host::unheard(aws, variables).await;
    let config = Config::from_variables(variables)?;
    let end = lambda_host::end_of(&context);
    let report = match event {
        Event::Watch {} => Report::Watch(Box::new(watch::run(&config, aws, end).await?)),
        Event::Check { kind, backup, source } => {
            let backup = BackupChoice { source, ..backup.into() };
            Report::Check(Box::new(check::run(kind, backup, &config, aws, end).await?))
        }
        Event::Drill(event) if event.kind == Kind::Database => {
            Report::DrilledDatabase(Box::new(drill::database(event, &config, aws, end).await?))
        }
        Event::Drill(event) => Report::DrilledFiles(Box::new(drill::files(event, &config, aws, end).await?)),
    };
    let response = Response { report, alarms, peak_memory_bytes: lambda_host::peak_resident_bytes() };
    tracing::info!(report = serde_json::to_string(&response)?, "looked");
    Ok(response)
}
