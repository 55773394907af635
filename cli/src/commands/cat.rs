use std::io::{BufWriter, IsTerminal, Write};

use anyhow::{Context, Result};
use clap::Args;
use pipeline::{Progress, StoredTable};
use vault::BackupChoice;

use crate::keys::KeyFiles;
use crate::place::VaultPlace;
use crate::progress::Line;

/// Write the rows of one table of a backup to standard output, as COPY has them: values between tabs, `\N` for NULL.
///
/// Of the volumes little more is fetched than the sections of that table. Each is verified; the output is whole only if the exit
/// status is 0.
#[derive(Args)]
#[command(after_help = "Examples:
  offsite cat latest public.orders --header --private-key escrow.key.pem --vault BUCKET --environment production > orders.tsv
  offsite cat latest public.orders --sql --private-key escrow.key.pem --vault BUCKET --environment production > orders.sql && psql -X -1 -v ON_ERROR_STOP=1 -f orders.sql shop")]
pub(crate) struct Cat {
    #[command(flatten)]
    backup: BackupChoice,
    /// SCHEMA.TABLE, or TABLE if only one schema has it; without quotes. Partitions have rows of their own.
    table: String,
    /// First, a line with the names of the columns.
    #[arg(long, conflicts_with = "sql")]
    header: bool,
    /// SQL for psql, which loads the rows into a table that is there, in place of the rows alone.
    #[arg(long)]
    sql: bool,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlace,
}

impl Cat {
    pub(crate) async fn run(self) -> Result<()> {
        let identities = self.keys.identities().await?;
        let vault = self.place.open().await?;
        let progress = Progress::default();
        let table = StoredTable::find(&vault, &identities, &self.backup, &self.table, progress.clone()).await?;
        // Where rows scroll by, nothing is to be seen between them.
        let mut line = (!std::io::stdout().is_terminal()).then(|| Line::new("read", 0));
        let work = self.write(&table);
        match &mut line {
            Some(line) => line.follow(&progress, work).await?,
            None => work.await?,
        }
        drop(line);
        let (rows, name, id, stored) = (table.rows(), table.name(), table.backup(), table.stored_bytes());
        eprintln!("{rows} rows of table {name} of backup {id} ({stored} bytes stored)");
        Ok(())
    }

    async fn write(&self, table: &StoredTable) -> Result<()> {
        let writing = || "write to standard output";
        let mut out = BufWriter::new(std::io::stdout());
        if self.header {
            writeln!(out, "{}", table.columns().join("\t")).with_context(writing)?;
        }
        if self.sql {
            out.write_all(&table.preamble().await?).with_context(writing)?;
        }
        table
            .read(|section| {
                let bytes = if self.sql { &section.sql[..] } else { &section.sql[section.rows.clone()] };
                out.write_all(bytes).with_context(writing)
            })
            .await?;
        out.flush().with_context(writing)
    }
}
