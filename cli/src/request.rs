//! By which a restore is known.

use anyhow::Result;
use clap::Args;
use pipeline::RequestId;
use serde::Serialize;

/// The id of a restore.
#[derive(Args)]
pub(crate) struct Request {
    /// By which the restore is known in its report; drawn at random if absent. While one with this id is under way on the same server, a second
    /// one is refused.
    #[arg(long, value_name = "ID")]
    request_id: Option<RequestId>,
}

impl Request {
    pub(crate) fn id(&self) -> Result<RequestId> {
        Ok(match &self.request_id {
            Some(id) => id.clone(),
            None => RequestId::draw()?,
        })
    }
}

/// A report with the id, as one JSON object.
pub(crate) fn print<R: Serialize>(request_id: &RequestId, report: &R) -> Result<()> {
    #[derive(Serialize)]
    struct Known<'a, R> {
        request_id: String,
        #[serde(flatten)]
        report: &'a R,
    }
    println!("{}", serde_json::to_string(&Known { request_id: request_id.to_string(), report })?);
    Ok(())
}
