//! The restore of files.

use anyhow::Result;
use file_archive::{Selection, Target};
use pipeline::{FilesRestore, FilesRestoreReport};

use crate::config::Config;
use crate::event::FilesEvent;
use crate::handler::Run;

pub(crate) async fn restore(
    event: FilesEvent,
    run: &Run,
    config: &Config,
    aws: &aws_config::SdkConfig,
) -> Result<FilesRestoreReport> {
    let target = |source: &str| Target::Bucket(config.files.other(event.into.as_deref().unwrap_or(source), aws));
    let restore = FilesRestore {
        vault: &run.vault,
        identities: &run.identities,
        backup: event.backup,
        selection: Selection::of(event.keys, event.prefixes, &event.patterns)?,
        target: &target,
        overwrite: event.overwrite,
        dry_run: event.dry_run,
        ignore_estimate: event.ignore_estimate,
        deadline: run.deadline,
        progress: run.progress.clone(),
    };
    Ok(restore.run().await?)
}
