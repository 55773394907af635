//! A file of an older tool, from its first bytes to what is in it.

use std::sync::Arc;

use tokio::io::AsyncRead;

use crate::content::{Content, HEAD};
use crate::error::Error;
use crate::openssl::Derivation;
use crate::password::Passwords;
use crate::plaintext::Plaintext;
use crate::stored::Stored;
use crate::{aescrypt, openssl, text};

/// How a file is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It is not.
    None,
    /// By `openssl enc -pbkdf2`: nothing authenticates it.
    Openssl,
    /// By AES Crypt: whatever is decrypted is what was encrypted with this password.
    AesCrypt,
}

impl Encryption {
    fn of(head: &[u8]) -> Self {
        if head.starts_with(openssl::MAGIC) {
            Self::Openssl
        } else if head.starts_with(aescrypt::MAGIC) {
            Self::AesCrypt
        } else {
            Self::None
        }
    }
}

/// A file whose password is found. Its MAC, if its format has one, is verified.
pub struct OlderFile {
    name: String,
    encryption: Encryption,
    content: Content,
    plaintext: Plaintext,
}

impl OlderFile {
    /// Whether these first bytes of a file, 64 or all of them, are those of an older tool's.
    pub fn is_one(head: &[u8]) -> bool {
        Encryption::of(head) != Encryption::None || Content::of(head) != Content::Other
    }

    /// Tells what the file is and tries each password; `name` is for errors. With `anything`, content that no older tool encrypted
    /// with `openssl enc` is accepted, though nothing then shows that the password is right.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn open(
        name: &str,
        stored: Arc<dyn Stored>,
        passwords: &Passwords,
        derivation: Derivation,
        anything: bool,
    ) -> Result<Self, Error> {
        let read = |source| Error::Read { name: name.to_owned(), source };
        let head = stored.read(0..stored.length().min(HEAD)).await.map_err(read)?;
        let encryption = Encryption::of(&head);
        if encryption != Encryption::None && passwords.is_empty() {
            return Err(Error::NoPassword { name: name.to_owned() });
        }
        let (plaintext, content) = match encryption {
            Encryption::None => (Plaintext::of(stored), Content::of(&head)),
            Encryption::Openssl => openssl::open(name, &stored, passwords, derivation, anything).await?,
            Encryption::AesCrypt => {
                let plaintext = aescrypt::open(name, &stored, passwords).await?;
                let content = Content::of(&plaintext.head(HEAD).await.map_err(read)?);
                (plaintext, content)
            }
        };
        if encryption == Encryption::None && content == Content::Other {
            return Err(Error::Unknown { name: name.to_owned() });
        }
        Ok(Self { name: name.to_owned(), encryption, content, plaintext })
    }

    /// Its name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is encrypted.
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// What is in it.
    pub fn content(&self) -> Content {
        self.content
    }

    /// Its decrypted bytes: what the older tool's own decryption writes.
    pub fn plaintext(&self) -> &Plaintext {
        &self.plaintext
    }

    /// The SQL of a dump, decompressed. Whoever reads it finds out by [`OlderFile::check`] whether it is whole.
    ///
    /// # Errors
    /// [`Error::NoDump`].
    pub fn sql(&self) -> Result<Box<dyn AsyncRead + Send + Unpin>, Error> {
        match self.content {
            Content::Sql | Content::Gzip => Ok(text::text(&self.plaintext, self.content)),
            Content::Zip | Content::Other => Err(Error::NoDump { name: self.name.clone() }),
        }
    }

    /// Reads a dump to its end without keeping it: that it is one, whole, and what gzip's checksum and length say of it. Returns the
    /// bytes of its SQL.
    ///
    /// # Errors
    /// [`Error::NoDump`], [`Error::Incomplete`], [`Error::Gzip`], [`Error::Read`].
    pub async fn check(&self) -> Result<u64, Error> {
        match self.content {
            Content::Sql | Content::Gzip => text::check(&self.name, &self.plaintext, self.content).await,
            Content::Zip | Content::Other => Err(Error::NoDump { name: self.name.clone() }),
        }
    }
}
