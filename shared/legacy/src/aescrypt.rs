//! AES Crypt, version 2, as pyAesCrypt writes it. The session key and the ciphertext are authenticated; the extensions and the byte that
//! tells the last block's length are not.
//!
//! ```text
//! "AES" | 02 | 00
//! repeat: u16 BE length (0 = end) | that many bytes
//! IV1[16] | EK[48] | MAC1[32] | ciphertext[n*16] | m[1] | MAC2[32]
//! ```

use std::io;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cbc::{BLOCK, Cbc, KEY};
use crate::error::Error;
use crate::password::Passwords;
use crate::plaintext::Plaintext;
use crate::stored::{PIECE, Stored};

pub(crate) const MAGIC: &[u8] = b"AES";
const VERSION: u8 = 2;
const IV: usize = BLOCK as usize;
const MAC: usize = 32;
/// IV1, the encrypted session key with its IV, and their MAC.
const KEYS: usize = IV + IV + KEY + MAC;
/// The length of the last block, and the ciphertext's MAC.
const END: u64 = 1 + MAC as u64;
const ROUNDS: usize = 8192;
/// More extensions than any writer makes: pyAesCrypt writes two, the second of them 128 bytes long.
const EXTENSIONS: usize = 1024;

/// Finds the password, and verifies all of the ciphertext before anything of it is decrypted.
pub(crate) async fn open(name: &str, stored: &Arc<dyn Stored>, passwords: &Passwords) -> Result<Plaintext, Error> {
    let read = |source| Error::Read { name: name.to_owned(), source };
    let cut = |what| Error::CutOff { name: name.to_owned(), what };
    let header = stored.read(0..stored.length().min(5)).await.map_err(read)?;
    match header.get(3) {
        Some(&VERSION) if header.len() == 5 => {}
        Some(&version) if version != VERSION => return Err(Error::Version { name: name.to_owned(), version }),
        _ => return Err(cut("its header is not whole")),
    }
    let at = extensions_end(name, stored).await?;
    let start = at + KEYS as u64;
    let Some(length) = stored.length().checked_sub(start + END) else {
        return Err(cut("its keys are not whole"));
    };
    if !length.is_multiple_of(BLOCK) {
        return Err(cut("its ciphertext is no whole number of blocks"));
    }
    let keys: [u8; KEYS] = array(&stored.read(at..start).await.map_err(read)?).map_err(read)?;
    let mut session = None;
    for password in passwords.iter() {
        let Some(password) = utf_16(password) else { continue };
        let unlocked = tokio::task::spawn_blocking(move || unlock(&keys, &password));
        session = unlocked.await.map_err(|error| read(io::Error::other(error)))?;
        if session.is_some() {
            break;
        }
    }
    let Some(Session { iv, key }) = session else {
        return Err(Error::WrongPassword { name: name.to_owned(), tried: passwords.len(), may_be_damaged: false });
    };
    let end = stored.read(start + length..start + length + END).await.map_err(read)?;
    if !verify(stored, start..start + length, &*key, &end[1..]).await.map_err(read)? {
        let what = "its ciphertext does not have the MAC at its end, so it is cut off, too, maybe";
        return Err(Error::Damaged { name: name.to_owned(), what });
    }
    let cbc = Cbc::new(&key, iv);
    let missing = (BLOCK - u64::from(end[0]) % BLOCK) % BLOCK;
    if length == 0 || missing == 0 {
        return Ok(Plaintext::decrypted(Arc::clone(stored), start, length, cbc));
    }
    // Nothing authenticates how long the last block is. pyAesCrypt fills it with bytes that say so, too.
    let padded = Plaintext::decrypted(Arc::clone(stored), start, length, cbc.clone());
    let padding = padded.read(length - missing..length).await.map_err(read)?;
    if padding.iter().any(|byte| u64::from(*byte) != missing) {
        return Err(Error::Damaged { name: name.to_owned(), what: "its last block is not as long as it says" });
    }
    Ok(Plaintext::decrypted(Arc::clone(stored), start, length - missing, cbc))
}

/// Where the keys begin.
async fn extensions_end(name: &str, stored: &Arc<dyn Stored>) -> Result<u64, Error> {
    let mut at = 5;
    for _ in 0..EXTENSIONS {
        if stored.length() < at + 2 {
            return Err(Error::CutOff { name: name.to_owned(), what: "its header is not whole" });
        }
        let length = stored.read(at..at + 2).await.and_then(|bytes| array(&bytes));
        let length = length.map_err(|source| Error::Read { name: name.to_owned(), source })?;
        at += 2 + u64::from(u16::from_be_bytes(length));
        if length == [0, 0] {
            return Ok(at);
        }
    }
    Err(Error::Damaged { name: name.to_owned(), what: "its header never ends" })
}

struct Session {
    iv: [u8; IV],
    key: Zeroizing<[u8; KEY]>,
}

fn unlock(keys: &[u8; KEYS], password: &[u8]) -> Option<Session> {
    let (iv, rest) = keys.split_first_chunk::<IV>()?;
    let (encrypted, mac) = rest.split_first_chunk::<{ IV + KEY }>()?;
    let mut key = Zeroizing::new([0; KEY]);
    key[..IV].copy_from_slice(iv);
    for _ in 0..ROUNDS {
        *key = Sha256::new().chain_update(*key).chain_update(password).finalize().into();
    }
    let expected = Hmac::<Sha256>::new_from_slice(&*key).ok()?.chain_update(encrypted);
    expected.verify_slice(mac).ok()?;
    let mut session = Zeroizing::new(*encrypted);
    Cbc::new(&key, *iv).decrypt(iv, &mut *session);
    let (iv, key) = session.split_first_chunk()?;
    Some(Session { iv: *iv, key: Zeroizing::new(key.try_into().ok()?) })
}

async fn verify(
    stored: &Arc<dyn Stored>,
    ciphertext: std::ops::Range<u64>,
    key: &[u8],
    mac: &[u8],
) -> io::Result<bool> {
    let mut expected = Hmac::<Sha256>::new_from_slice(key).map_err(io::Error::other)?;
    let mut at = ciphertext.start;
    while at < ciphertext.end {
        let end = ciphertext.end.min(at + PIECE);
        let piece = stored.read(at..end).await?;
        let hashed = tokio::task::spawn_blocking(move || expected.chain_update(&piece));
        expected = hashed.await.map_err(io::Error::other)?;
        at = end;
    }
    Ok(expected.verify_slice(mac).is_ok())
}

/// A password as AES Crypt takes it: UTF-16LE, without a byte order mark.
fn utf_16(password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(password).ok()?;
    Some(Zeroizing::new(text.encode_utf16().flat_map(u16::to_le_bytes).collect()))
}

fn array<const N: usize>(bytes: &[u8]) -> io::Result<[u8; N]> {
    bytes.try_into().map_err(|_| io::ErrorKind::UnexpectedEof.into())
}
