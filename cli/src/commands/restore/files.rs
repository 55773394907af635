use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use file_archive::{Bucket, Folder, Overwrite, RestoreReport, Target};
use pipeline::{Deadline, FilesRestore, FilesRestoreReport, OlderFilesReport, OlderFilesRestore, OlderPlace, Progress};
use vault::BackupChoice;

use crate::keys::KeyFiles;
use crate::older::{self, Chosen, OlderPasswords, Source};
use crate::place::{VaultPlaceIfAny, aws_config};
use crate::progress::{Line, bytes};
use crate::request::{self, Request};
use crate::selection::Select;

const BACKUP: &str = "`latest`; `before 2026-11-22T12:00:00Z`; a backup's id as `offsite list` shows it; the key of one of its objects; or a file of the older job: its path, or s3://BUCKET/KEY";

/// Restore files into a bucket or a folder. Each is compared with its SHA-256 before it is there.
///
/// Of an older backup that was cut into parts, name any: all are restored, in the order of their numbers. It knows no headers of files, and
/// a file without bytes, which may stand for one that could not be read, never replaces another.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offsite restore files latest --into-folder ./restored --prefix invoices/ --private-key escrow.key.pem --vault BUCKET --environment production\n  offsite restore files latest --into-bucket shop-files --overwrite if-different --private-key escrow.key.pem --vault BUCKET --environment production\n  offsite restore files 2022-07-22--13-00-41--part-1.zip.encrypted --into-folder ./restored --password-file passwords.txt"
)]
#[command(mut_arg("backup", |backup| backup.help(BACKUP)))]
pub(crate) struct RestoreFiles {
    #[command(flatten)]
    backup: BackupChoice<Source>,
    /// The bucket that files are written to, with their metadata and tags.
    #[arg(long, value_name = "BUCKET", conflicts_with = "into_folder", required_unless_present = "into_folder")]
    into_bucket: Option<String>,
    /// The folder that files are written to.
    #[arg(long, value_name = "FOLDER")]
    into_folder: Option<PathBuf>,
    #[command(flatten)]
    select: Select,
    #[command(flatten)]
    request: Request,
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
    place: VaultPlaceIfAny,
    #[command(flatten)]
    passwords: OlderPasswords,
}

impl RestoreFiles {
    pub(crate) async fn run(self) -> Result<()> {
        let target = match (&self.into_bucket, &self.into_folder) {
            (Some(name), _) => Target::Bucket(Bucket::connect(&aws_config().await, name, None)),
            (None, Some(path)) => Target::Folder(Folder::open(path)?),
            (None, None) => bail!("neither --into-bucket nor --into-folder is given"),
        };
        match older::chosen(&self.backup, &self.place).await? {
            Chosen::Backup(backup) => self.stored(target, backup).await,
            Chosen::Older(place) => self.older(target, place).await,
        }
    }

    async fn older(self, target: Target, place: OlderPlace) -> Result<()> {
        let (progress, request_id) = (Progress::default(), self.request.id()?);
        let restore = OlderFilesRestore {
            place,
            vault: self.place.bucket(),
            keys: &self.passwords.keys().await?,
            selection: self.select.selection()?,
            target,
            overwrite: self.overwrite,
            dry_run: self.dry_run,
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("read", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        if self.json {
            request::print(&request_id, &report)?;
        } else {
            print_older(&report);
            println!("request {request_id}");
        }
        all_restored(&report.restored)
    }

    async fn stored(self, target: Target, backup: BackupChoice) -> Result<()> {
        let vault = self.place.needed().open().await?;
        let identities = self.keys.identities().await?;
        let (progress, request_id) = (Progress::default(), self.request.id()?);
        let restore = FilesRestore {
            vault: &vault,
            identities: &identities,
            backup,
            selection: self.select.selection()?,
            target: &|_| target.clone(),
            overwrite: self.overwrite,
            dry_run: self.dry_run,
            ignore_estimate: false,
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("read", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        if self.json {
            request::print(&request_id, &report)?;
        } else {
            print(&report);
            println!("request {request_id}");
        }
        all_restored(&report.restored)
    }
}

fn all_restored(files: &RestoreReport) -> Result<()> {
    if files.failed > 0 {
        bail!("{} of {} files were not restored", files.failed, files.selected);
    }
    Ok(())
}

fn print_older(report: &OlderFilesReport) {
    let files = &report.restored;
    println!(
        "{}{} of {} files ({}) of {} are {}in {}, in {:.1} s; {} were there already, {} of them compared and the same",
        if report.dry_run { "would be: " } else { "" },
        files.written,
        files.selected,
        bytes(files.written_bytes),
        report.files.join(", "),
        if report.dry_run { "" } else { "now " },
        report.target,
        report.seconds,
        files.existing + files.unchanged,
        files.unchanged,
    );
    print_files(files);
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    for name in &report.empty_files {
        println!("without bytes: {name:?}");
    }
}

fn print_files(files: &RestoreReport) {
    for file in &files.renamed_files {
        println!("key {:?} can't be a path, and lies at {:?}", file.key, file.name);
    }
    for file in &files.failures {
        println!("failed: {:?}: {}", file.key, file.why);
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
    if let Some(seconds) = report.estimated_seconds {
        println!("it would take {seconds} s or more");
    }
    print_files(files);
    for finding in &report.findings {
        println!("finding: {finding}");
    }
    for warning in &report.backup_warnings {
        println!("warning of the backup: {}: {}", warning.message, warning.names.join(", "));
    }
}
