use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use envelope::{Decryptor, ExpectedContext};
use legacy::OlderFile;
use pipeline::OlderPlace;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::keys::KeyFiles;
use crate::older::{self, OlderPasswords};

/// Decrypt one object of a backup, or a file of an older tool, into a file. A failure leaves no output file.
///
/// A volume becomes SQL in zstd (`zstd -d`), a manifest becomes JSON. Which backup the object belongs to is printed, not
/// checked: `offsite restore` checks it.
///
/// What `openssl enc -aes-256-cbc -pbkdf2` or AES Crypt encrypted, which shows in its first bytes, becomes what these decrypt it to:
/// SQL, SQL in gzip, or a ZIP. A dump that is not complete is refused.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offsite decrypt --private-key escrow.pem volume-0001.sql.zst.enc volume-0001.sql.zst\n  offsite decrypt --password-file passwords.txt 2022-07-22--13-00-41.sql.encrypted dump.sql"
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
    #[command(flatten)]
    passwords: OlderPasswords,
    /// Write what a file of an older tool decrypts to, be it a dump that is not complete, or nothing that is known.
    #[arg(long, help_heading = "Files of the older tools")]
    unchecked: bool,
}

impl Decrypt {
    pub(crate) async fn run(self) -> Result<()> {
        let reading = || format!("read {}", self.input.display());
        let mut input = tokio::fs::File::open(&self.input).await.with_context(reading)?;
        let mut head = Vec::new();
        (&mut input).take(64).read_to_end(&mut head).await.with_context(reading)?;
        if OlderFile::is_one(&head) {
            let place = OlderPlace::Path(self.input.clone());
            let file = older::open(&place, &self.passwords.keys().await?, self.unchecked).await?;
            return self.write(file.plaintext().stream()).await;
        }
        let identities = self.keys.identities().await?;
        // The head again, and what follows it.
        let input = std::io::Cursor::new(head).chain(input);
        let input = tokio::io::BufReader::with_capacity(1 << 20, input);
        let plaintext = Decryptor::new(input, &identities, ExpectedContext::Any)
            .await
            .with_context(|| format!("decrypt {}", self.input.display()))?;
        for (key, value) in plaintext.context().iter() {
            eprintln!("{key}: {value}");
        }
        self.write(plaintext).await
    }

    async fn write(&self, mut plaintext: impl AsyncRead + Unpin) -> Result<()> {
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
