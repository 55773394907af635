//! An invocation: event → one restore → report.

use anyhow::{Context, Result, bail};
use lambda_host::{Metric, Secrets, Variables, telemetry};
use lambda_runtime::LambdaEvent;
use pipeline::{Deadline, Progress, RequestId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Config;
use crate::database;
use crate::event::Event;
use crate::files;
use crate::older;

/// What a run answers.
#[derive(Debug, Serialize)]
pub(crate) struct Response {
    request_id: String,
    #[serde(flatten)]
    report: Report,
    peak_memory_bytes: Option<u64>,
}

impl Response {
    /// What CloudWatch is told of the run.
    pub(crate) fn counted(&self) -> Vec<(Metric, u64)> {
        match &self.report {
            Report::Database(report) => {
                vec![(Metric::Rows, report.restored.rows), (Metric::Sections, report.restored.sections)]
            }
            Report::Files(report) => vec![(Metric::Files, report.restored.written)],
            Report::OlderDatabase(report) => {
                vec![(Metric::Rows, report.restored.rows), (Metric::Sections, report.restored.sections)]
            }
            Report::OlderFiles(report) => vec![(Metric::Files, report.restored.written)],
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Report {
    Database(pipeline::DatabaseRestoreReport),
    Files(pipeline::FilesRestoreReport),
    OlderDatabase(pipeline::OlderDatabaseReport),
    OlderFiles(pipeline::OlderFilesReport),
}

impl Report {
    /// Files that were not restored.
    fn failed(&self) -> u64 {
        match self {
            Self::Database(_) | Self::OlderDatabase(_) => 0,
            Self::Files(report) => report.restored.failed,
            Self::OlderFiles(report) => report.restored.failed,
        }
    }
}

pub(crate) async fn handle(
    event: LambdaEvent<Value>,
    aws: &aws_config::SdkConfig,
    variables: &Variables,
) -> Result<Response> {
    let LambdaEvent { mut payload, context } = event;
    let request_id = request_id(&mut payload, &context.request_id)?;
    let event = Event::deserialize(&payload).context("the event")?;
    let config = Config::from_variables(variables)?;
    let secrets = Secrets::new(aws);
    let run = Run {
        vault: config.vault.open(aws),
        identities: config.keys.identities(aws, &secrets).await?,
        deadline: Deadline::at(lambda_host::end_of(&context)),
        progress: Progress::default(),
        request_id: request_id.clone(),
    };
    let progress = run.progress.clone();
    let restore = async {
        Ok(match event {
            Event::Database(event) => Report::Database(database::restore(event, &run, &config, aws, &secrets).await?),
            Event::Files(event) => Report::Files(files::restore(event, &run, &config, aws).await?),
            Event::OlderDatabase(event) => {
                Report::OlderDatabase(older::database(event, &run, &config, aws, &secrets).await?)
            }
            Event::OlderFiles(event) => Report::OlderFiles(older::files(event, &run, &config, aws, &secrets).await?),
        })
    };
    let report = telemetry::heartbeat(|| (progress.done(), progress.expected()), restore).await;
    let report: Result<Report> = report;
    let report = report.with_context(|| format!("restore request {request_id}"))?;
    let response =
        Response { request_id: request_id.to_string(), report, peak_memory_bytes: lambda_host::peak_resident_bytes() };
    let text = serde_json::to_string(&response)?;
    tracing::info!(report = text, "restored");
    // Whoever looks at nothing but the status of the invocation must see it, too.
    if response.report.failed() > 0 {
        bail!(
            "not every file was restored. HINT: See `failures` of this report, mend what they name and restore again: what is there is not written twice. Report: {text}"
        );
    }
    Ok(response)
}

/// What both kinds of restores need.
pub(crate) struct Run {
    pub(crate) vault: vault::Vault,
    pub(crate) identities: envelope::Identities,
    pub(crate) deadline: Deadline,
    pub(crate) progress: Progress,
    pub(crate) request_id: RequestId,
}

/// Of the event, if it has one; otherwise the invocation's, which AWS Lambda repeats when it tries an event again.
fn request_id(event: &mut Value, invocation: &str) -> Result<RequestId> {
    match event.as_object_mut().and_then(|event| event.remove("request_id")) {
        None | Some(Value::Null) => Ok(invocation.parse()?),
        Some(Value::String(id)) => Ok(id.parse()?),
        Some(other) => bail!("the event's `request_id` is {other}, and not a text"),
    }
}
