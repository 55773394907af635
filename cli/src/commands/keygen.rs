use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

/// Make a key pair for the escrow: an RSA public key for the backups, and its private key to keep offline.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  offsite keygen escrow-2026            writes escrow-2026.pub.pem and escrow-2026.key.pem, prints a template's parameter\n  offsite keygen --wrapping trial-1     writes trial-1.json, the content of a secret of wrapping keys"
)]
pub(crate) struct Keygen {
    /// The key's name, which the backups carry.
    name: String,
    /// Make a symmetric wrapping key instead, for trials in one account.
    #[arg(long)]
    wrapping: bool,
    /// The folder to write to.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    out: PathBuf,
}

impl Keygen {
    pub(crate) fn run(self) -> Result<()> {
        if self.wrapping {
            let key = envelope::keygen::wrapping_key()?;
            let json = zeroize::Zeroizing::new(serde_json::json!({ self.name.clone(): key.as_str() }).to_string());
            return self.write(&format!("{}.json", self.name), json.as_bytes(), true);
        }
        let pair = envelope::keygen::rsa_pair()?;
        self.write(&format!("{}.key.pem", self.name), pair.private_pem.as_bytes(), true)?;
        self.write(&format!("{}.pub.pem", self.name), pair.public_pem.as_bytes(), false)?;
        // As a parameters.yaml takes it.
        let recipients = serde_json::json!({ self.name.clone(): pair.public_pem }).to_string();
        println!("RsaRecipients: '{}'", recipients.replace('\'', "''"));
        eprintln!("Keep the private key offline, in two places: it is the last resort when every AWS account is gone.");
        Ok(())
    }

    /// Never over an existing file: it might be the only copy of a key.
    fn write(&self, file: &str, content: &[u8], private: bool) -> Result<()> {
        let path = self.out.join(file);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        let mut out = options.open(&path).with_context(|| format!("write {}", path.display()))?;
        out.write_all(content).and_then(|()| out.sync_all()).with_context(|| format!("write {}", path.display()))?;
        println!("{}", path.display());
        Ok(())
    }
}
