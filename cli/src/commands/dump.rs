use anyhow::{Context, Result};
use clap::Args;
use pg_client::ConnectOptions;
use pg_dump::DumpOptions;
use tokio::io::AsyncWriteExt;

use crate::progress;

/// Write a database as plain SQL to standard output, and nothing else.
///
/// The output is whole only if the exit status is 0; it then ends with "PostgreSQL database dump complete".
#[derive(Args)]
#[command(
    after_help = "Example:\n  PGPASSWORD=… offsite dump 'postgresql://app@db.example.com/shop?sslrootcert=ca.pem' > shop.sql"
)]
pub(crate) struct Dump {
    /// postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full&sslrootcert=FILE]; the password better from PGPASSWORD.
    #[arg(env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Connections that read at once; one more looks out for sessions that wait for them.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), value_name = "N")]
    jobs: u8,
}

impl Dump {
    pub(crate) async fn run(self) -> Result<()> {
        let source = ConnectOptions::from_url(&self.database_url)?.with_password_from_environment();
        let options = DumpOptions { connections: usize::from(self.jobs) + 1, ..DumpOptions::default() };
        let mut dump = pg_dump::Dump::open(&source, options).await?;
        let written = write(&mut dump).await;
        match written {
            Ok(()) => {
                dump.finish().await?;
                Ok(())
            }
            Err(error) => {
                dump.abort().await;
                Err(error)
            }
        }
    }
}

async fn write(dump: &mut pg_dump::Dump) -> Result<()> {
    let mut progress = progress::Line::new("dumped", dump.estimate());
    let mut out = tokio::io::stdout();
    while let Some(section) = dump.next().await? {
        out.write_all(&section.sql).await.context("write to standard output")?;
        progress.advance(section.sql.len() as u64);
    }
    out.flush().await.context("write to standard output")
}
