//! The restore of a database.

use anyhow::Result;
use lambda_host::Secrets;
use pg_restore::RestoreOptions;
use pipeline::{DatabaseRestore, DatabaseRestoreReport};

use crate::config::Config;
use crate::event::DatabaseEvent;
use crate::handler::Run;

/// The database that is connected to while the new one does not exist.
pub(crate) const MAINTENANCE_DATABASE: &str = "postgres";

pub(crate) async fn restore(
    event: DatabaseEvent,
    run: &Run,
    config: &Config,
    aws: &aws_config::SdkConfig,
    secrets: &Secrets,
) -> Result<DatabaseRestoreReport> {
    let target = config.database()?.connect_options(aws, secrets).await?.with_dbname(MAINTENANCE_DATABASE);
    let mut options = RestoreOptions::default();
    options.choice = event.choice;
    options.request_id = Some(run.request_id.to_string());
    options.ignore_estimate = event.ignore_estimate;
    let restore = DatabaseRestore {
        vault: &run.vault,
        identities: &run.identities,
        backup: event.backup,
        target: &target,
        into: event.into,
        options,
        deadline: run.deadline,
        progress: run.progress.clone(),
    };
    Ok(restore.run().await?)
}
