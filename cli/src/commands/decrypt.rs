use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use envelope::{Decryptor, ExpectedContext};
use tokio::io::AsyncWriteExt;

use crate::keys::KeyFiles;

/// Decrypt one object of a backup into a file. A failure leaves no output file.
///
/// A volume becomes SQL in zstd (`zstd -d`), a manifest becomes JSON. Which backup the object belongs to is printed, not
/// checked: `offsite restore` checks it.
#[derive(Args)]
#[command(
    after_help = "Example:\n  offsite decrypt --private-key escrow.pem volume-0001.sql.zst.enc volume-0001.sql.zst"
)]
pub(crate) struct Decrypt {
    /// The encrypted file.
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The file to write; it must not exist.
    #[arg(value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    keys: KeyFiles,
}

impl Decrypt {
    pub(crate) async fn run(self) -> Result<()> {
        let identities = self.keys.identities().await?;
        let input =
            tokio::fs::File::open(&self.input).await.with_context(|| format!("read {}", self.input.display()))?;
        let input = tokio::io::BufReader::with_capacity(1 << 20, input);
        let mut plaintext = Decryptor::new(input, &identities, ExpectedContext::Any)
            .await
            .with_context(|| format!("decrypt {}", self.input.display()))?;
        for (key, value) in plaintext.context().iter() {
            eprintln!("{key}: {value}");
        }
        // Beside the output, so that it gets its name in one step, whole or not at all.
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let writing = || format!("write {}", self.output.display());
        let unfinished = tempfile::NamedTempFile::new_in(folder).with_context(writing)?;
        let mut file = tokio::fs::File::from_std(unfinished.reopen().with_context(writing)?);
        tokio::io::copy(&mut plaintext, &mut file)
            .await
            .with_context(|| format!("decrypt {} to {}", self.input.display(), self.output.display()))?;
        file.flush().await.with_context(writing)?;
        file.sync_all().await.with_context(writing)?;
        unfinished.persist_noclobber(&self.output).map_err(|refused| refused.error).with_context(writing)?;
        Ok(())
    }
}
