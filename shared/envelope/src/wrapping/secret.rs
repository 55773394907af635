use std::fmt;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use aws_lc_rs::rand;
use serde::de::{Deserializer, MapAccess, Visitor};
use zeroize::{Zeroize, Zeroizing};

use crate::data_key::{DataKey, KEY_LENGTH};
use crate::error::{Error, KeyDefect, UnwrapError};
use crate::frame::{IV_LENGTH, TAG_LENGTH};
use crate::header::EncryptedDataKey;
use crate::wrapping::{PROVIDER, checked_name};

/// After the name in a raw AES keyring's provider info: tag length in bits and IV length in bytes, then the IV.
const TAG_BITS_AND_IV_LENGTH: [u8; 8] = [0, 0, 0, TAG_LENGTH as u8 * 8, 0, 0, 0, IV_LENGTH as u8];

/// An AES-256 wrapping key: who holds it encrypts and decrypts.
#[derive(Clone)]
pub struct SecretRecipient {
    name: String,
    key: Zeroizing<[u8; KEY_LENGTH]>,
}

impl SecretRecipient {
    /// A key of 32 random bytes.
    ///
    /// # Errors
    /// [`Error::Key`] for a name that isn't 1 to 128 printable ASCII characters.
    pub fn new(name: impl AsRef<str>, key: Zeroizing<[u8; KEY_LENGTH]>) -> Result<Self, Error> {
        Ok(Self { name: checked_name(name.as_ref())?, key })
    }

    /// From 64 hex digits.
    ///
    /// # Errors
    /// [`Error::Key`] for a bad name or other text; the text isn't repeated.
    pub fn from_hex(name: impl AsRef<str>, hex_digits: &str) -> Result<Self, Error> {
        let name = checked_name(name.as_ref())?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        hex::decode_to_slice(hex_digits, key.as_mut_slice())
            .map_err(|_| Error::Key { name: name.clone(), defect: KeyDefect::Hex })?;
        Ok(Self { name, key })
    }

    pub(crate) fn wrap(&self, data_key: &DataKey, serialized_context: &[u8]) -> Result<EncryptedDataKey, Error> {
        let mut iv = [0; IV_LENGTH];
        rand::fill(&mut iv).map_err(|_| Error::Crypto("make a random IV"))?;
        let mut ciphertext = data_key.as_bytes().to_vec();
        let sealed =
            self.cipher().encrypt_inout_detached(&iv.into(), serialized_context, ciphertext.as_mut_slice().into());
        let Ok(tag) = sealed else {
            ciphertext.zeroize();
            return Err(Error::Crypto("wrap a data key with AES-GCM"));
        };
        ciphertext.extend_from_slice(&tag);
        let provider_info = [self.name.as_bytes(), &TAG_BITS_AND_IV_LENGTH, &iv].concat();
        Ok(EncryptedDataKey { provider_id: PROVIDER.into(), provider_info, ciphertext })
    }

    pub(crate) fn fits(&self, key: &EncryptedDataKey) -> bool {
        let name = split_info(&key.provider_info).map(|(name, _)| name);
        key.provider_id == PROVIDER && name == Some(self.name.as_bytes())
    }

    pub(crate) fn unwrap(&self, key: &EncryptedDataKey, serialized_context: &[u8]) -> Result<DataKey, UnwrapError> {
        let (_, iv) = split_info(&key.provider_info).ok_or(UnwrapError::Secret)?;
        let (sealed, tag) = key.ciphertext.split_last_chunk::<TAG_LENGTH>().ok_or(UnwrapError::Secret)?;
        let mut data_key = Zeroizing::new(sealed.to_vec());
        let buffer = data_key.as_mut_slice().into();
        let opened = self.cipher().decrypt_inout_detached(&iv.into(), serialized_context, buffer, tag.into());
        opened.ok().and_then(|()| DataKey::from_slice(&data_key)).ok_or(UnwrapError::Secret)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.key).into())
    }
}

impl fmt::Display for SecretRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "secret {}", self.name)
    }
}

impl fmt::Debug for SecretRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

/// A raw AES keyring's provider info: the key's name and the IV. `None` if it is something else's.
pub(crate) fn split_info(provider_info: &[u8]) -> Option<(&[u8], [u8; IV_LENGTH])> {
    let (rest, iv) = provider_info.split_last_chunk()?;
    Some((rest.strip_suffix(&TAG_BITS_AND_IV_LENGTH)?, *iv))
}

/// The wrapping keys of a keyring. Rotation adds a key; none goes before the last backup under it has expired.
#[derive(Clone)]
pub struct WrappingKeys {
    /// By name.
    keys: Vec<SecretRecipient>,
    newest: SecretRecipient,
}

impl WrappingKeys {
    /// From `{"2026-11-22": "64 hex digits", …}`.
    ///
    /// # Errors
    /// [`Error::WrappingKeys`] for another form, [`Error::Key`] for a bad name or key, [`Error::DuplicateRecipient`]
    /// for a name that stands twice, [`Error::NoRecipients`] for an empty map. None repeats what is secret.
    pub fn from_json(json: &str) -> Result<Self, Error> {
        // serde_json's message quotes what it found, which may be a key: only the place may leave.
        let malformed = |error: serde_json::Error| Error::WrappingKeys { line: error.line(), column: error.column() };
        let mut text = serde_json::Deserializer::from_str(json);
        let pairs = text.deserialize_map(Pairs).map_err(malformed)?;
        text.end().map_err(malformed)?;
        let mut keys = Vec::with_capacity(pairs.len());
        for (name, hex_digits) in &pairs {
            keys.push(SecretRecipient::from_hex(name, hex_digits)?);
        }
        keys.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(twice) = keys.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(Error::DuplicateRecipient(twice[0].to_string()));
        }
        let newest = keys.last().cloned().ok_or(Error::NoRecipients)?;
        Ok(Self { keys, newest })
    }

    /// The key whose name sorts last: with names like `2026-11-22`, the one that rotation added.
    pub fn newest(&self) -> SecretRecipient {
        self.newest.clone()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &SecretRecipient> {
        self.keys.iter()
    }
}

impl fmt::Debug for WrappingKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.keys).finish()
    }
}

/// The pairs of a JSON map in their order, so that one that stands twice is seen.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, Zeroizing<String>)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of names to 64 hex digits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, hex_digits)) = map.next_entry::<String, String>()? {
            pairs.push((name, Zeroizing::new(hex_digits)));
        }
        Ok(pairs)
    }
}
