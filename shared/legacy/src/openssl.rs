//! `openssl enc -aes-256-cbc -pbkdf2`: `"Salted__" | salt[8] | AES-256-CBC, PKCS#7` (openssl-enc(1)). Nothing authenticates it, and
//! neither digest nor iterations are in the file.

use std::io;
use std::sync::Arc;

use hmac::Hmac;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use crate::cbc::{BLOCK, Cbc, KEY};
use crate::content::{Content, HEAD};
use crate::error::Error;
use crate::password::Passwords;
use crate::plaintext::Plaintext;
use crate::stored::Stored;

pub(crate) const MAGIC: &[u8] = b"Salted__";
const HEADER: u64 = 16;
const IV: usize = BLOCK as usize;

/// How a password becomes a key: what `openssl enc` was told by `-md` and `-iter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Derivation {
    /// The digest.
    pub digest: Digest,
    /// Rounds of PBKDF2.
    pub iterations: u32,
}

/// A digest of PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// What `openssl enc` takes by itself, and both older tools took.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Default for Derivation {
    /// As both older tools had it.
    fn default() -> Self {
        Self { digest: Digest::Sha256, iterations: 10_000 }
    }
}

impl Derivation {
    fn cbc(self, password: &[u8], salt: &[u8]) -> Option<Cbc> {
        let mut derived = Zeroizing::new([0; KEY + IV]);
        let done = match self.digest {
            Digest::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, self.iterations, &mut *derived),
            Digest::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, self.iterations, &mut *derived),
        };
        let (key, iv) = derived.split_first_chunk()?;
        done.ok()?;
        Some(Cbc::new(key, iv.try_into().ok()?))
    }
}

/// What one password makes of a file.
enum Fit {
    /// It decrypts to what the older tools encrypted.
    Sure(Plaintext, Content),
    /// Its beginning is right, its end is not.
    CutOff,
    /// It unpads, which one wrong password in 256 does too.
    Maybe(Plaintext, Content),
    No,
}

/// Finds the password. With `anything`, what decrypts to no known content is taken, too.
pub(crate) async fn open(
    name: &str,
    stored: &Arc<dyn Stored>,
    passwords: &Passwords,
    derivation: Derivation,
    anything: bool,
) -> Result<(Plaintext, Content), Error> {
    let length = stored.length();
    if length < HEADER + BLOCK || !(length - HEADER).is_multiple_of(BLOCK) {
        let what = "its ciphertext is no whole number of blocks";
        return Err(Error::CutOff { name: name.to_owned(), what });
    }
    let read = |source| Error::Read { name: name.to_owned(), source };
    let header = stored.read(0..HEADER).await.map_err(read)?;
    let mut maybe = None;
    for password in passwords.iter() {
        let password = Zeroizing::new(password.to_vec());
        let salt = header.slice(MAGIC.len()..);
        let derived = tokio::task::spawn_blocking(move || derivation.cbc(&password, &salt));
        let Some(cbc) = derived.await.map_err(|error| read(io::Error::other(error)))? else { continue };
        match fit(stored, cbc).await.map_err(read)? {
            Fit::Sure(plaintext, content) => return Ok((plaintext, content)),
            Fit::CutOff => {
                let what = "its beginning decrypts, and its last block does not end as it must";
                return Err(Error::CutOff { name: name.to_owned(), what });
            }
            Fit::Maybe(plaintext, content) => maybe = maybe.or(Some((plaintext, content))),
            Fit::No => {}
        }
    }
    match maybe {
        Some(found) if anything => Ok(found),
        Some(_) => Err(Error::Unrecognised { name: name.to_owned() }),
        None => Err(Error::WrongPassword { name: name.to_owned(), tried: passwords.len(), may_be_damaged: true }),
    }
}

async fn fit(stored: &Arc<dyn Stored>, cbc: Cbc) -> io::Result<Fit> {
    let padded = stored.length() - HEADER;
    let all = Plaintext::decrypted(Arc::clone(stored), HEADER, padded, cbc.clone());
    let last = all.read(padded - BLOCK..padded).await?;
    let padding = padding(&last);
    let whole = Plaintext::decrypted(Arc::clone(stored), HEADER, padded - padding.unwrap_or(0), cbc);
    let content = Content::of(&whole.head(HEAD).await?);
    Ok(match (content, padding) {
        (Content::Sql | Content::Gzip, Some(_)) => Fit::Sure(whole, content),
        (Content::Sql | Content::Gzip, None) => Fit::CutOff,
        (_, Some(_)) => Fit::Maybe(whole, content),
        (_, None) => Fit::No,
    })
}

/// Bytes of PKCS#7's padding in the last block, if it is one.
fn padding(last: &[u8]) -> Option<u64> {
    let count = *last.last()?;
    let known = (1..=BLOCK as u8).contains(&count) && last.iter().rev().take(count.into()).all(|byte| *byte == count);
    known.then_some(count.into())
}
