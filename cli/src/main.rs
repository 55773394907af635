//! `offsite`: the functions' flows from a laptop, a container or cron.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod commands;
mod container;
mod database;
mod exit;
mod keys;
mod older;
mod place;
mod progress;
mod request;
mod selection;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Make encrypted backups of PostgreSQL databases and buckets in a bucket that nobody can delete from, and bring them back.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit status: 0 done, 1 failed (the reason is on standard error), 2 wrong usage, 3 `status` found something wrong in the vault."
)]
struct Arguments {
    /// Show no progress.
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a backup.
    #[command(subcommand)]
    Backup(commands::backup::Backup),
    Cat(commands::cat::Cat),
    Dump(commands::dump::Dump),
    Hold(commands::hold::Hold),
    Keygen(commands::keygen::Keygen),
    List(commands::list::List),
    Ls(commands::ls::Ls),
    Decrypt(commands::decrypt::Decrypt),
    RecoveryDrill(commands::recovery_drill::RecoveryDrillCommand),
    /// Restore a backup.
    #[command(subcommand)]
    Restore(commands::restore::Restore),
    Roles(commands::roles::Roles),
    Status(commands::status::Status),
}

fn main() -> ExitCode {
    let arguments = match given() {
        Ok(arguments) => arguments,
        Err(error) => return failed(&error),
    };
    if arguments.quiet {
        progress::show_nothing();
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .init();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Command::Dump(dump) = &arguments.command {
        runtime.worker_threads(dump.threads()).on_thread_park(commands::dump::let_rows_gather);
    }
    let done = runtime.enable_all().build().map_err(anyhow::Error::from);
    match done.and_then(|runtime| runtime.block_on(run(arguments.command))) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

/// The arguments; without any, those that the environment stands for.
fn given() -> anyhow::Result<Arguments> {
    if std::env::args_os().len() == 1
        && let Some(arguments) = container::arguments(|name| std::env::var(name).ok())?
    {
        return Ok(Arguments::parse_from(arguments));
    }
    Ok(Arguments::parse())
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("offsite: {error:#}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Status(status) => return status.run().await,
        Command::RecoveryDrill(drill) => return drill.run().await,
        Command::Cat(cat) => cat.run().await,
        Command::Backup(backup) => backup.run().await,
        Command::Dump(dump) => dump.run().await,
        Command::Hold(hold) => hold.run().await,
        Command::Keygen(keygen) => keygen.run(),
        Command::List(list) => list.run().await,
        Command::Ls(ls) => ls.run().await,
        Command::Decrypt(decrypt) => decrypt.run().await,
        Command::Restore(restore) => restore.run().await,
        Command::Roles(roles) => roles.run().await,
    };
    done.map(|()| ExitCode::SUCCESS)
}
