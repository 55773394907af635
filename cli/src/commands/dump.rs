use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use pg_client::ConnectOptions;
use pg_dump::{Content, DumpOptions, TablePattern, Warning};

use crate::progress;

/// Write a database as plain SQL to standard output, and nothing else.
///
/// The output is whole only if the exit status is 0; it then ends with "PostgreSQL database dump complete".
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dump {
    /// postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full&sslrootcert=FILE]; the password better from PGPASSWORD.
    #[arg(env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Connections that read at once; one more looks out for sessions that wait for them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    jobs: u8,
    /// Definitions only: no rows, no values of sequences, no large objects; materialised views stay empty.
    #[arg(long, short, conflicts_with = "data_only")]
    schema_only: bool,
    /// Rows, values of sequences and large objects only. Tables with foreign keys come in the order of these.
    #[arg(long, short = 'a')]
    data_only: bool,
    /// Only tables, views, materialised views, sequences and foreign tables that PATTERN matches, with what belongs to them, and
    /// nothing that they need. May be given several times; each PATTERN must match something.
    #[arg(long, short, value_name = "PATTERN")]
    table: Vec<TablePattern>,
    /// Not what PATTERN matches, nor what belongs to it. May be given several times, and wins over --table.
    #[arg(long, short = 'T', value_name = "PATTERN")]
    exclude_table: Vec<TablePattern>,
    /// Give nothing an owner: whoever restores owns it.
    #[arg(long, short = 'O')]
    no_owner: bool,
    /// Grant and revoke nothing.
    #[arg(long, short = 'x', visible_alias = "no-acl")]
    no_privileges: bool,
    /// Leave out what this version can't dump or the role may not read, and name it on standard error. Otherwise it is an error.
    #[arg(long)]
    allow_partial: bool,
}

const EXAMPLES: &str = r#"Patterns are psql's: * stands for any characters and ? for one, "schema.table" names the schema, letters are folded to
lower case unless they are in double quotes, and the rest is a regular expression. Without a schema, a pattern means what the
search path finds. The system's own tables, and those that extensions bring, are never meant.

Examples:
  PGPASSWORD=… offsite dump 'postgresql://app@db.example.com/shop?sslrootcert=ca.pem' > shop.sql
  offsite dump --schema-only --no-owner --no-privileges "$DATABASE_URL" > schema.sql
  offsite dump --table 'sales.order*' --exclude-table sales.order_log "$DATABASE_URL" > orders.sql
  offsite dump --table '"Mixed Case"' --data-only "$DATABASE_URL" > rows.sql"#;

/// Jobs that a thread reads for.
const JOBS_PER_THREAD: usize = 4;
/// Sections are written as they come: small ones stay in the processor's cache on their way.
const SECTION_BYTES: usize = 1 << 20;

/// Whether one full section follows the other.
static FLOWING: AtomicBool = AtomicBool::new(false);
/// How long rows gather: a connection holds more than comes meanwhile.
const GATHER: Duration = Duration::from_micros(100);

/// What a thread does that has read all there is. The server sends a few rows at a time: to be woken for each of these takes
/// longer than to read them, and holds up the server too.
pub(crate) fn let_rows_gather() {
    if FLOWING.load(Relaxed) {
        std::thread::sleep(GATHER);
    }
}

impl Dump {
    /// Threads that are worth their hand-overs: one reads faster than a few sessions of a server send.
    pub(crate) fn threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        usize::from(self.jobs).div_ceil(JOBS_PER_THREAD).min(processors)
    }

    pub(crate) async fn run(self) -> Result<()> {
        let source = ConnectOptions::from_url(&self.database_url)?.with_password_from_environment();
        let options = DumpOptions {
            content: match (self.schema_only, self.data_only) {
                (true, _) => Content::Schema,
                (_, true) => Content::Data,
                _ => Content::All,
            },
            tables: self.table,
            exclude_tables: self.exclude_table,
            no_owner: self.no_owner,
            no_privileges: self.no_privileges,
            allow_partial: self.allow_partial,
            connections: usize::from(self.jobs) + 1,
            section_bytes: SECTION_BYTES,
            ..DumpOptions::default()
        };
        let mut dump = pg_dump::Dump::open(&source, options).await?;
        let written = write(&mut dump).await;
        match written {
            Ok(()) => {
                warn(&dump.finish().await?.warnings);
                Ok(())
            }
            Err(error) => {
                dump.abort().await;
                Err(error)
            }
        }
    }
}

/// What isn't in the dump is told where its reader is, and not where the dump goes.
fn warn(warnings: &[Warning]) {
    for warning in warnings {
        let what = match warning.code {
            "not-dumped" => "not in the dump",
            "rows-not-dumped" => "in the dump without rows or values, which the role may not read",
            "unlogged-on-standby" => "in the dump without rows, which a standby doesn't have",
            "circular-foreign-keys" => {
                "refers to rows that come later, so that its foreign keys must be dropped to restore it"
            }
            other => other,
        };
        eprintln!("offsite: warning: {what}: {}", warning.objects.join(", "));
    }
}

async fn write(dump: &mut pg_dump::Dump) -> Result<()> {
    let mut progress = progress::Line::new("dumped", dump.estimate());
    // The file itself: whole sections come, which want no buffer in between.
    let mut out = File::from(std::io::stdout().as_fd().try_clone_to_owned().context("write to standard output")?);
    while let Some(section) = dump.next().await? {
        // This thread is none of those that read and watch: it may wait for whoever reads the dump.
        out.write_all(&section.sql).context("write to standard output")?;
        FLOWING.store(section.sql.len() >= SECTION_BYTES, Relaxed);
        progress.advance(section.sql.len() as u64);
        dump.recycle(section.sql);
    }
    Ok(())
}
