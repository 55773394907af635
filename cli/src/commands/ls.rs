use std::io::Write;

use anyhow::Result;
use clap::Args;
use pipeline::{Progress, StoredFiles};
use time::format_description::well_known::Rfc3339;
use vault::BackupChoice;

use crate::keys::KeyFiles;
use crate::place::VaultPlace;
use crate::selection::Select;

/// Show the files of a backup: when each was stored, its size in bytes, its key.
#[derive(Args)]
#[command(
    after_help = "Example:\n  offsite ls latest --prefix invoices/ --private-key escrow.key.pem --vault BUCKET --environment production"
)]
pub(crate) struct Ls {
    #[command(flatten)]
    backup: BackupChoice,
    #[command(flatten)]
    select: Select,
    /// One JSON object a file, with all that is kept of it, instead of lines for people.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlace,
}

impl Ls {
    pub(crate) async fn run(self) -> Result<()> {
        let selection = self.select.selection()?;
        let vault = self.place.open().await?;
        let identities = self.keys.identities().await?;
        let files = StoredFiles::find(&vault, &identities, &self.backup, Progress::default()).await?;
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        files
            .list(&selection, |file| {
                if self.json {
                    serde_json::to_writer(&mut out, &file)?;
                    writeln!(out)?;
                } else {
                    let stored = file.last_modified.replace_nanosecond(0)?.format(&Rfc3339)?;
                    // A key may hold what a terminal would obey.
                    writeln!(out, "{stored}  {:>14}  {}", file.bytes, file.key.escape_debug())?;
                }
                anyhow::Ok(())
            })
            .await?;
        Ok(out.flush()?)
    }
}
