//! Where a file of an older tool lies, and how it is opened.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use file_archive::{Bucket, ReadAt, StoredObject};
use legacy::{Derivation, LocalFile, OlderFile, PartName, Passwords, Plaintext, Stored, in_order};
use vault::{ObjectReader, Vault};

use crate::error::Error;
use crate::progress::Progress;

/// A file of an older tool: on this machine, or in a bucket.
#[derive(Clone)]
pub enum OlderPlace {
    /// On this machine.
    Path(PathBuf),
    /// In a bucket other than the vault.
    Object {
        /// The bucket.
        bucket: Bucket,
        /// The key.
        key: String,
    },
    /// In the vault, of which the oldest version of a key counts.
    InVault {
        /// The vault.
        vault: Vault,
        /// The whole key.
        key: String,
    },
}

/// What such files are decrypted with.
#[derive(Clone, Default)]
pub struct OlderKeys {
    /// Passwords to be tried.
    pub passwords: Passwords,
    /// How `openssl enc` made keys of them.
    pub derivation: Derivation,
}

impl OlderKeys {
    /// Passwords as a secret of Secrets Manager holds them: a JSON list, the values of a JSON object, or one on each line.
    pub fn add_secret(&mut self, text: &str) {
        match serde_json::from_str::<Several>(text) {
            Ok(Several::List(list)) => list.iter().for_each(|password| self.passwords.add(password.as_bytes())),
            Ok(Several::Named(map)) => map.values().for_each(|password| self.passwords.add(password.as_bytes())),
            Err(_) => self.passwords.add_lines(text.as_bytes()),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Several {
    List(Vec<String>),
    Named(BTreeMap<String, String>),
}

/// Bucket and key of `s3://BUCKET/KEY`.
pub fn object_of(address: &str) -> Option<(&str, &str)> {
    address.strip_prefix("s3://")?.split_once('/').filter(|(bucket, key)| !bucket.is_empty() && !key.is_empty())
}

struct Locked(ObjectReader);

#[async_trait]
impl Stored for Locked {
    fn length(&self) -> u64 {
        self.0.bytes()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.0.read_range(range).await.map_err(io::Error::other)
    }
}

struct Object(StoredObject);

#[async_trait]
impl Stored for Object {
    fn length(&self) -> u64 {
        self.0.length()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.0.read(range).await
    }
}

/// A ZIP as it is decrypted.
pub(crate) struct Decrypted(pub(crate) Plaintext, pub(crate) Progress);

#[async_trait]
impl ReadAt for Decrypted {
    fn length(&self) -> u64 {
        self.0.length()
    }

    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let bytes = self.0.read(range).await?;
        self.1.advance(bytes.len() as u64);
        Ok(bytes)
    }
}

impl OlderPlace {
    /// Its path, or `s3://bucket/key`.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Object { bucket, key } => format!("s3://{}/{key}", bucket.name()),
            Self::InVault { vault, key } => format!("s3://{}/{key}", vault.bucket()),
        }
    }

    /// Opens it for reading at any place.
    ///
    /// # Errors
    /// [`Error::Local`], [`Error::Files`], [`Error::Vault`].
    pub async fn stored(&self) -> Result<Arc<dyn Stored>, Error> {
        Ok(match self {
            Self::Path(path) => {
                let file = LocalFile::open(path).await;
                Arc::new(file.map_err(|source| Error::Local { path: path.clone(), source })?)
            }
            Self::Object { bucket, key } => Arc::new(Object(bucket.open(key).await?)),
            Self::InVault { vault, key } => Arc::new(Locked(vault.other_object(key).await?)),
        })
    }

    /// Opens it and finds its password.
    ///
    /// # Errors
    /// [`Error::Older`], and what [`OlderPlace::stored`] returns.
    pub async fn open(&self, keys: &OlderKeys) -> Result<OlderFile, Error> {
        let stored = self.stored().await?;
        Ok(OlderFile::open(&self.name(), stored, &keys.passwords, keys.derivation, false).await?)
    }

    /// All parts of the set that it is of, in the order of their numbers; it alone if its name is no part's.
    ///
    /// # Errors
    /// [`Error::OlderParts`] if one is missing in between; [`Error::Local`], [`Error::Files`], [`Error::Vault`] if they can't be listed.
    pub async fn parts(&self) -> Result<Vec<Self>, Error> {
        match self {
            Self::Object { bucket, key } => {
                let Some(part) = PartName::of(key) else { return Ok(vec![self.clone()]) };
                let keys = in_order(key, bucket.keys(&part.stem).await?)?;
                Ok(keys.into_iter().map(|key| Self::Object { bucket: bucket.clone(), key }).collect())
            }
            Self::InVault { vault, key } => {
                let Some(part) = PartName::of(key) else { return Ok(vec![self.clone()]) };
                let keys = in_order(key, vault.other_keys(&part.stem).await?)?;
                Ok(keys.into_iter().map(|key| Self::InVault { vault: vault.clone(), key }).collect())
            }
            Self::Path(path) => {
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                if PartName::of(&name).is_none() {
                    return Ok(vec![self.clone()]);
                }
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
                let failed = |source| Error::Local { path: folder.to_owned(), source };
                let mut entries = tokio::fs::read_dir(folder).await.map_err(failed)?;
                let mut names = Vec::new();
                while let Some(entry) = entries.next_entry().await.map_err(failed)? {
                    names.extend(entry.file_name().into_string());
                }
                Ok(in_order(&name, names)?.into_iter().map(|name| Self::Path(path.with_file_name(name))).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_a_bucket_and_a_key() {
        assert_eq!(object_of("s3://b/a/c d.dat"), Some(("b", "a/c d.dat")));
        for no in ["s3://b", "s3://b/", "s3:///a", "b/a", "latest", ""] {
            assert_eq!(object_of(no), None, "{no}");
        }
    }

    #[test]
    fn secret_holds_passwords_in_any_of_three_ways() {
        for (text, count) in
            [("[\"a\", \"b c\"]", 2), ("{\"db\": \"a\", \"files\": \"b\"}", 2), ("a\nb\nc", 3), ("a", 1)]
        {
            let mut keys = OlderKeys::default();
            keys.add_secret(text);
            assert_eq!(keys.passwords.len(), count, "{text}");
        }
    }
}
