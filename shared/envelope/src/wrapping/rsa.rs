use std::fmt;

use aws_lc_rs::rsa::{
    OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use zeroize::Zeroizing;

use crate::data_key::DataKey;
use crate::error::{Error, KeyDefect, UnwrapError};
use crate::header::EncryptedDataKey;
use crate::wrapping::{PROVIDER, checked_name, secret};

pub(crate) const PUBLIC_LABEL: &str = "PUBLIC KEY";
pub(crate) const PRIVATE_LABEL: &str = "PRIVATE KEY";
/// Of a recipient's key: backups outlive today's machines.
const MIN_BITS: usize = 4096;

/// An RSA public key whose private key is offline: the last resort when every account is gone.
#[derive(Clone)]
pub struct RsaRecipient {
    name: String,
    key: PublicEncryptingKey,
}

impl RsaRecipient {
    /// `public_key_pem` is a SubjectPublicKeyInfo (`BEGIN PUBLIC KEY`) of 4096 bits or more.
    ///
    /// # Errors
    /// [`Error::Key`], which says what is wrong with the name or the key.
    pub fn from_pem(name: impl AsRef<str>, public_key_pem: impl AsRef<str>) -> Result<Self, Error> {
        let name = checked_name(name.as_ref())?;
        let refused = |defect| Error::Key { name: name.clone(), defect };
        let (label, der) = decode(public_key_pem.as_ref()).map_err(refused)?;
        if label != PUBLIC_LABEL {
            return Err(refused(KeyDefect::NotPublic));
        }
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| refused(KeyDefect::Rsa))?;
        if key.key_size_bits() < MIN_BITS {
            return Err(refused(KeyDefect::RsaBits(key.key_size_bits())));
        }
        Ok(Self { name, key })
    }

    pub(crate) fn wrap(&self, data_key: &DataKey) -> Result<EncryptedDataKey, Error> {
        let failed = |_| Error::Crypto("wrap a data key with RSA");
        let key = OaepPublicEncryptingKey::new(self.key.clone()).map_err(failed)?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let length =
            key.encrypt(&OAEP_SHA256_MGF1SHA256, data_key.as_bytes(), &mut ciphertext, None).map_err(failed)?;
        let length = length.len();
        ciphertext.truncate(length);
        let provider_info = self.name.clone().into_bytes();
        Ok(EncryptedDataKey { provider_id: PROVIDER.into(), provider_info, ciphertext })
    }
}

impl fmt::Display for RsaRecipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "rsa {}", self.name)
    }
}

/// An RSA private key.
pub(crate) struct RsaIdentity {
    /// The only recipient to try; any if `None`.
    name: Option<String>,
    key: OaepPrivateDecryptingKey,
}

impl RsaIdentity {
    pub(crate) fn from_pem(name: Option<&str>, private_key_pem: &str) -> Result<Self, Error> {
        let refused = |defect| Error::Key { name: name.unwrap_or("RSA private key").into(), defect };
        let (label, der) = decode(private_key_pem).map_err(refused)?;
        if label != PRIVATE_LABEL {
            return Err(refused(KeyDefect::NotPrivate));
        }
        let key = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| refused(KeyDefect::Rsa))?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| refused(KeyDefect::Rsa))?;
        Ok(Self { name: name.map(str::to_owned), key })
    }

    pub(crate) fn fits(&self, key: &EncryptedDataKey) -> bool {
        key.provider_id == PROVIDER
            && match &self.name {
                Some(name) => name.as_bytes() == key.provider_info,
                None => secret::split_info(&key.provider_info).is_none(),
            }
    }

    pub(crate) fn unwrap(&self, key: &EncryptedDataKey) -> Result<DataKey, UnwrapError> {
        if key.ciphertext.len() != self.key.key_size_bytes() {
            return Err(UnwrapError::Rsa);
        }
        let mut plaintext = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let data_key = self.key.decrypt(&OAEP_SHA256_MGF1SHA256, &key.ciphertext, &mut plaintext, None);
        data_key.ok().and_then(|data_key| DataKey::from_slice(data_key)).ok_or(UnwrapError::Rsa)
    }

    pub(crate) fn name(&self) -> String {
        format!("rsa {}", self.name.as_deref().unwrap_or("of any name"))
    }
}

fn decode(pem: &str) -> Result<(&str, Zeroizing<Vec<u8>>), KeyDefect> {
    let (label, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).map_err(|_| KeyDefect::Pem)?;
    Ok((label, Zeroizing::new(der)))
}
