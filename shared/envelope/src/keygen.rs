//! New keys for *rsa* and *secret* recipients.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use crate::data_key::KEY_LENGTH;
use crate::error::Error;
use crate::wrapping::rsa::{PRIVATE_LABEL, PUBLIC_LABEL};

/// An RSA key pair of 4096 bits.
pub struct RsaPair {
    /// SubjectPublicKeyInfo as PEM: for the writer.
    pub public_pem: String,
    /// PKCS #8 without a password as PEM: to be kept offline.
    pub private_pem: Zeroizing<String>,
}

/// Makes an RSA key pair. Takes seconds of processor time: call it off the async threads.
///
/// # Errors
/// [`Error::Crypto`].
pub fn rsa_pair() -> Result<RsaPair, Error> {
    let failed = |_| Error::Crypto("make an RSA key pair");
    let private = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(failed)?;
    let public: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(failed)?;
    let private: Pkcs8V1Der<'_> = private.as_der().map_err(failed)?;
    Ok(RsaPair {
        public_pem: pem(PUBLIC_LABEL, public.as_ref())?,
        private_pem: Zeroizing::new(pem(PRIVATE_LABEL, private.as_ref())?),
    })
}

/// A wrapping key: 64 random hex digits.
///
/// # Errors
/// [`Error::Crypto`].
pub fn wrapping_key() -> Result<Zeroizing<String>, Error> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    rand::fill(key.as_mut_slice()).map_err(|_| Error::Crypto("make a random key"))?;
    Ok(Zeroizing::new(hex::encode(key.as_slice())))
}

fn pem(label: &str, der: &[u8]) -> Result<String, Error> {
    pem_rfc7468::encode_string(label, LineEnding::LF, der).map_err(|_| Error::Crypto("write a key as PEM"))
}
