use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use file_archive::{Bucket, Folder, Overwrite, Target};
use pipeline::{Deadline, FilesRestore, FilesRestoreReport, Progress};
use vault::Selector;

use crate::keys::KeyFiles;
use crate::place::{VaultPlace, aws_config};
use crate::progress::{Line, bytes};
use crate::selection::Select;

/// Restore files into a bucket or a folder. Each is compared with its SHA-256 before it is there.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offsite restore files latest --into-folder ./restored --prefix invoices/ --private-key escrow.key.pem --vault BUCKET --environment production\n  offsite restore files latest --into-bucket shop-files --overwrite if-different --private-key escrow.key.pem --vault BUCKET --environment production"
)]
pub(crate) struct RestoreFiles {
    /// `latest`, `before 2026-11-22T12:00:00Z`, or a backup's id as `offsite list` shows it.
    backup: Selector,
    /// The bucket that files are written to, with their metadata and tags.
    #[arg(long, value_name = "BUCKET", conflicts_with = "into_folder", required_unless_present = "into_folder")]
    into_bucket: Option<String>,
    /// The folder that files are written to.
    #[arg(long, value_name = "FOLDER")]
    into_folder: Option<PathBuf>,
    #[command(flatten)]
    select: Select,
    /// What happens to files that are there already: never, if-different or always.
    #[arg(long, default_value = "never", value_name = "WHEN")]
    overwrite: Overwrite,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// The report as one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlace,
}

impl RestoreFiles {
    pub(crate) async fn run(self) -> Result<()> {
        let target = match (&self.into_bucket, &self.into_folder) {
            (Some(name), _) => Target::Bucket(Bucket::connect(&aws_config().await, name, None)),
            (None, Some(path)) => Target::Folder(Folder::open(path)?),
            (None, None) => bail!("neither --into-bucket nor --into-folder is given"),
        };
        let identities = self.keys.identities().await?;
        let progress = Progress::default();
        let restore = FilesRestore {
            vault: &self.place.open().await?,
            identities: &identities,
            backup: self.backup,
            selection: self.select.selection()?,
            target: &|_| target.clone(),
            overwrite: self.overwrite,
            dry_run: self.dry_run,
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("read", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else {
            print(&report);
        }
        if report.restored.failed > 0 {
            bail!("{} of {} files were not restored", report.restored.failed, report.restored.selected);
        }
        Ok(())
    }
}

fn print(report: &FilesRestoreReport) {
    let files = &report.restored;
    println!(
        "{}{} of {} files ({}) of bucket {} as of {} are {}in {} (backup {}), in {:.1} s; {} were there already, {} of them compared and the same",
        if report.dry_run { "would be: " } else { "" },
        files.written,
        files.selected,
        bytes(files.written_bytes),
        report.source,
        report.snapshot,
        if report.dry_run { "" } else { "now " },
        report.target,
        report.backup,
        report.seconds,
        files.existing + files.unchanged,
        files.unchanged,
    );
    for file in &files.renamed_files {
        println!("key {:?} can't be a path, and lies at {:?}", file.key, file.name);
    }
    for file in &files.failures {
        println!("failed: {:?}: {}", file.key, file.why);
    }
    for finding in &report.findings {
        println!("finding: {finding}");
    }
    for warning in &report.backup_warnings {
        println!("warning of the backup: {}: {}", warning.message, warning.names.join(", "));
    }
}
