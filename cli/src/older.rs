//! Files of the older tools: where they are, and their passwords.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use file_archive::Bucket;
use legacy::{Derivation, Digest, OlderFile};
use pipeline::{OlderKeys, OlderPlace};
use vault::{BackupChoice, Selector};
use zeroize::Zeroizing;

use crate::place::{VaultPlaceIfAny, aws_config};

/// A backup in the vault, or a file of an older tool.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Backup(Selector),
    Path(PathBuf),
    Object { bucket: String, key: String },
}

impl FromStr for Source {
    type Err = vault::Error;

    /// What is no selector is a path, if something is there. A file called `latest` is `./latest`.
    fn from_str(text: &str) -> Result<Self, vault::Error> {
        let error = match text.parse() {
            Ok(selector) => return Ok(Self::Backup(selector)),
            Err(error) => error,
        };
        if let Some((bucket, key)) = pipeline::object_of(text) {
            return Ok(Self::Object { bucket: bucket.to_owned(), key: key.to_owned() });
        }
        if std::path::Path::new(text).exists() { Ok(Self::Path(text.into())) } else { Err(error) }
    }
}

/// What was chosen.
pub(crate) enum Chosen {
    /// A backup in the vault.
    Backup(BackupChoice),
    /// A file.
    Older(OlderPlace),
}

/// Passwords of a file that an older tool encrypted. `OFFSITE_PASSWORD` and `AES_KEY` of the environment are tried, too.
#[derive(Args)]
#[command(next_help_heading = "Files of the older tools")]
pub(crate) struct OlderPasswords {
    /// File with one password on each line, to be tried one after the other; may be given again.
    #[arg(long, value_name = "FILE")]
    password_file: Vec<PathBuf>,
    /// Secret of Secrets Manager with passwords: a JSON list, the values of a JSON object, or one on each line.
    #[arg(long, value_name = "SECRET")]
    password_secret: Vec<String>,
    /// Iterations that `openssl enc -iter` was told.
    #[arg(long, value_name = "NUMBER", default_value_t = Derivation::default().iterations)]
    pbkdf2_iterations: u32,
    /// Digest that `openssl enc -md` was told.
    #[arg(long, value_name = "DIGEST", value_enum, default_value_t = DigestName::Sha256)]
    pbkdf2_digest: DigestName,
}

#[derive(Clone, Copy, ValueEnum)]
enum DigestName {
    Sha256,
    Sha512,
}

impl OlderPasswords {
    pub(crate) async fn keys(&self) -> Result<OlderKeys> {
        let mut keys = OlderKeys::default();
        for name in ["OFFSITE_PASSWORD", "AES_KEY"] {
            if let Some(password) = std::env::var_os(name) {
                keys.passwords.add(password.as_bytes());
            }
        }
        for path in &self.password_file {
            let text = std::fs::read(path).map(Zeroizing::new);
            keys.passwords.add_lines(&text.with_context(|| format!("read {}", path.display()))?);
        }
        if !self.password_secret.is_empty() {
            let secrets = lambda_host::Secrets::new(&aws_config().await);
            for id in &self.password_secret {
                keys.add_secret(&secrets.read(id).await?);
            }
        }
        let digest = match self.pbkdf2_digest {
            DigestName::Sha256 => Digest::Sha256,
            DigestName::Sha512 => Digest::Sha512,
        };
        keys.derivation = Derivation { digest, iterations: self.pbkdf2_iterations.max(1) };
        Ok(keys)
    }
}

/// A backup, or where the file is.
pub(crate) async fn chosen(choice: &BackupChoice<Source>, vault: &VaultPlaceIfAny) -> Result<Chosen> {
    if let Source::Backup(selector) = &choice.backup {
        return Ok(Chosen::Backup(choice.of(selector.clone())));
    }
    if choice.source.is_some() || choice.version_id.is_some() {
        bail!("--source and --version-id choose a backup of the vault, and a file of an older tool is named");
    }
    Ok(Chosen::Older(match &choice.backup {
        Source::Path(path) => OlderPlace::Path(path.clone()),
        Source::Object { bucket, key } => match vault.of_bucket(bucket) {
            Some(vault) => OlderPlace::InVault { vault: vault.open().await?, key: key.clone() },
            None => {
                let bucket = Bucket::connect(&aws_config().await, bucket, None);
                OlderPlace::Object { bucket, key: key.clone() }
            }
        },
        Source::Backup(_) => bail!("neither a backup nor a file is given"),
    }))
}

/// Opens a file to be decrypted: with `unchecked`, whatever it seems to hold; otherwise a dump only if it is complete.
pub(crate) async fn open(place: &OlderPlace, keys: &OlderKeys, unchecked: bool) -> Result<OlderFile> {
    let name = place.name();
    let file = OlderFile::open(&name, place.stored().await?, &keys.passwords, keys.derivation, unchecked).await?;
    if file.encryption() == legacy::Encryption::None {
        bail!("{name} is not encrypted HINT: `offsite restore` reads it as it is.");
    }
    if !unchecked && matches!(file.content(), legacy::Content::Sql | legacy::Content::Gzip) {
        file.check().await?;
    }
    Ok(file)
}
