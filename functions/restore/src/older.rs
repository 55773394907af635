//! The restore of what the older tools left in a bucket.

use anyhow::{Context, Result};
use file_archive::{Selection, Target};
use lambda_host::Secrets;
use pg_restore::RestoreOptions;
use pipeline::{OlderDatabaseReport, OlderDatabaseRestore, OlderFilesReport, OlderFilesRestore, OlderKeys, OlderPlace};

use crate::config::Config;
use crate::database::MAINTENANCE_DATABASE;
use crate::event::{OlderDatabaseEvent, OlderFilesEvent};
use crate::handler::Run;

pub(crate) async fn database(
    event: OlderDatabaseEvent,
    run: &Run,
    config: &Config,
    aws: &aws_config::SdkConfig,
    secrets: &Secrets,
) -> Result<OlderDatabaseReport> {
    let target = config.database()?.connect_options(aws, secrets).await?.with_dbname(MAINTENANCE_DATABASE);
    let mut options = RestoreOptions::default();
    options.request_id = Some(run.request_id.to_string());
    let restore = OlderDatabaseRestore {
        place: place(&event.file, run, config, aws)?,
        keys: &keys(config, secrets).await?,
        target: &target,
        into: event.into,
        options,
        deadline: run.deadline,
        progress: run.progress.clone(),
    };
    Ok(restore.run().await?)
}

pub(crate) async fn files(
    event: OlderFilesEvent,
    run: &Run,
    config: &Config,
    aws: &aws_config::SdkConfig,
    secrets: &Secrets,
) -> Result<OlderFilesReport> {
    let target = match &event.into {
        Some(bucket) => config.files.other(bucket, aws),
        None => config.files.open(aws).context("the event has no `into`")?,
    };
    let restore = OlderFilesRestore {
        place: place(&event.file, run, config, aws)?,
        vault: Some(run.vault.bucket()),
        keys: &keys(config, secrets).await?,
        selection: Selection::of(event.keys, event.prefixes, &event.patterns)?,
        target: Target::Bucket(target),
        overwrite: event.overwrite,
        dry_run: event.dry_run,
        deadline: run.deadline,
        progress: run.progress.clone(),
    };
    Ok(restore.run().await?)
}

fn place(file: &str, run: &Run, config: &Config, aws: &aws_config::SdkConfig) -> Result<OlderPlace> {
    let (bucket, key) = pipeline::object_of(file)
        .with_context(|| format!("the event's `file` is {file:?}, and not s3://BUCKET/KEY"))?;
    let key = key.to_owned();
    if bucket == run.vault.bucket() {
        return Ok(OlderPlace::InVault { vault: run.vault.clone(), key });
    }
    Ok(OlderPlace::Object { bucket: config.files.other(bucket, aws), key })
}

/// Without a secret, only what is not encrypted can be read.
async fn keys(config: &Config, secrets: &Secrets) -> Result<OlderKeys> {
    let mut keys = OlderKeys::default();
    if let Some(secret) = &config.older_passwords {
        keys.add_secret(&secrets.read(secret).await?);
    }
    Ok(keys)
}
