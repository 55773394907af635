use anyhow::{Context, Result};
use clap::Args;
use pipeline::DatabaseRoles;
use tokio::io::AsyncWriteExt;
use vault::BackupChoice;

use crate::keys::KeyFiles;
use crate::place::VaultPlace;

/// Print the roles of a backup as SQL for psql: without passwords, with memberships and settings, and the database's own properties.
///
/// A restore needs the roles to be there before it begins. The text says how to run it; of the backup, nothing else is read.
#[derive(Args)]
#[command(
    after_help = "Example:\n  offsite roles latest --private-key escrow.key.pem --vault BUCKET --environment production > roles.sql\n  psql -X -v ON_ERROR_STOP=1 -d postgres -f roles.sql"
)]
pub(crate) struct Roles {
    #[command(flatten)]
    backup: BackupChoice,
    #[command(flatten)]
    keys: KeyFiles,
    #[command(flatten)]
    place: VaultPlace,
}

impl Roles {
    pub(crate) async fn run(self) -> Result<()> {
        let identities = self.keys.identities().await?;
        let roles = DatabaseRoles { vault: &self.place.open().await?, identities: &identities, backup: self.backup };
        let sql = roles.read().await?;
        let mut out = tokio::io::stdout();
        out.write_all(&sql).await.context("write to standard output")?;
        out.flush().await.context("write to standard output")
    }
}
