mod files;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use pg_client::ConnectOptions;
use pg_restore::{Choice, RestoreOptions};
use pipeline::{DatabaseRestore, Deadline, OlderDatabaseRestore, OlderPlace, Progress, RequestId};
use vault::BackupChoice;

use crate::database::DatabasePlace;
use crate::keys::KeyFiles;
use crate::older::{self, Chosen, OlderPasswords, Source};
use crate::place::VaultPlaceIfAny;
use crate::progress::{Line, bytes};
use crate::request::{self, Request};

/// What is restored.
#[derive(Subcommand)]
pub(crate) enum Restore {
    Database(RestoreDatabase),
    Files(files::RestoreFiles),
}

const BACKUP: &str = "`latest`; `before 2026-11-22T12:00:00Z`; a backup's id as `offsite list` shows it; the key of one of its objects; or a file of an older tool: its path, or s3://BUCKET/KEY";

/// Restore a database into a new one, and compare every row with the backup before it gets its name; or into an existing one, in one
/// transaction.
///
/// A dump of an older tool holds nothing to compare with: it is read to its end before anything is changed, and its rows are counted.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  PGPASSWORD=… DATABASE_URL=postgresql://admin@db.example.com/postgres \\\n    offsite restore database latest --into shop_restored --private-key escrow.key.pem --vault BUCKET --environment production\n  OFFSITE_PASSWORD=… PGPASSWORD=… DATABASE_URL=postgresql://admin@db.example.com/postgres \\\n    offsite restore database s3://BUCKET/defectdojo/2025/01/31/defectdojo_12:14:33Z.sql.gz.dat --into defectdojo_restored\n  offsite restore database latest --into shop --existing --content data --table orders --on-conflict truncate --private-key escrow.key.pem --vault BUCKET --environment production"
)]
#[command(mut_arg("backup", |backup| backup.help(BACKUP)))]
pub(crate) struct RestoreDatabase {
    #[command(flatten)]
    backup: BackupChoice<Source>,
    /// The name of the database. It must not exist, unless --existing says so.
    #[arg(long, value_name = "NAME")]
    into: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    request: Request,
    /// The report as one JSON object instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: DatabasePlace,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlaceIfAny,
    #[command(flatten)]
    passwords: OlderPasswords,
}

impl Restore {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Database(restore) => restore.run().await,
            Self::Files(restore) => restore.run().await,
        }
    }
}

impl RestoreDatabase {
    async fn run(self) -> Result<()> {
        let target = self.database.server().await?;
        match older::chosen(&self.backup, &self.place).await? {
            Chosen::Backup(backup) => self.stored(&target, backup).await,
            Chosen::Older(place) => self.older(&target, place).await,
        }
    }

    fn options(&self, request_id: &RequestId) -> RestoreOptions {
        let mut options = RestoreOptions::default();
        options.choice = self.choice.clone();
        options.request_id = Some(request_id.to_string());
        options
    }

    async fn older(&self, target: &ConnectOptions, place: OlderPlace) -> Result<()> {
        anyhow::ensure!(!self.choice.existing, "a file of an older tool can only be restored into a new database");
        let (progress, request_id) = (Progress::default(), self.request.id()?);
        let restore = OlderDatabaseRestore {
            place,
            keys: &self.passwords.keys().await?,
            target,
            into: self.into.clone(),
            options: self.options(&request_id),
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("restored", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        if self.json {
            return request::print(&request_id, &report);
        }
        let restored = &report.restored;
        println!(
            "database {} is what {} holds (PostgreSQL {}): {} tables, {} rows, {} of SQL, in {:.1} s",
            restored.database,
            report.file,
            report.source_version,
            restored.tables,
            restored.rows,
            bytes(restored.bytes),
            report.seconds,
        );
        if !report.authenticated {
            println!("warning: nothing in a file of this kind shows whether somebody altered it");
        }
        finish(restored, &request_id)
    }

    async fn stored(&self, target: &ConnectOptions, backup: BackupChoice) -> Result<()> {
        let vault = self.place.needed().open().await?;
        let identities = self.keys.identities().await?;
        let (progress, request_id) = (Progress::default(), self.request.id()?);
        let restore = DatabaseRestore {
            vault: &vault,
            identities: &identities,
            backup,
            target,
            into: Some(self.into.clone()),
            options: self.options(&request_id),
            deadline: Deadline::default(),
            progress: progress.clone(),
        };
        let mut line = Line::new("restored", 0);
        let report = line.follow(&progress, restore.run()).await?;
        drop(line);
        if self.json {
            return request::print(&request_id, &report);
        }
        let restored = &report.restored;
        println!(
            "database {} {} {} as of {} (backup {}): {} tables, {} rows, {} of SQL, in {:.1} s; {}",
            restored.database,
            if restored.dry_run { "would be" } else { "is" },
            report.source,
            report.snapshot,
            report.backup,
            restored.tables,
            restored.rows,
            bytes(restored.bytes),
            report.seconds,
            match (restored.equal, restored.rows_equal, report.not_in_backup.as_slice()) {
                (true, ..) => "every row was read back and is equal, and so is everything else",
                (false, true, [_, ..]) =>
                    "every row of the backup was read back and is equal, and the backup is partial",
                (false, true, []) =>
                    "every row that was restored was read back and is equal, and not all is as it was backed up",
                _ if restored.dry_run => "nothing was changed",
                _ => "rows were not read back",
            },
        );
        for what in &restored.needs_superuser {
            println!("not restored, needs superuser: {what}");
        }
        for what in &restored.left_out {
            println!("not restored, needs what was not chosen: {what}");
        }
        for what in &restored.differences {
            println!("differs from the backup: {what}");
        }
        let named = restored.differences.len() as u64;
        if restored.differing > named {
            println!("differs from the backup: {} more", restored.differing - named);
        }
        for what in &restored.not_compared {
            println!("not compared with the backup: {what}");
        }
        for finding in &report.findings {
            println!("finding: {finding}");
        }
        for warning in &report.backup_warnings {
            println!("warning of the backup: {}: {}", warning.message, warning.names.join(", "));
        }
        finish(restored, &request_id)
    }
}

fn finish(restored: &pg_restore::RestoreReport, request_id: &RequestId) -> Result<()> {
    if let Some(seconds) = restored.estimated_seconds {
        println!("it would take about {seconds} s");
    }
    for warning in &restored.warnings {
        println!("warning: {warning}");
    }
    if !restored.leftovers.is_empty() {
        println!("left over from earlier restores: {}", restored.leftovers.join(", "));
    }
    println!("request {request_id}");
    std::io::Write::flush(&mut std::io::stdout()).context("write to standard output")
}
