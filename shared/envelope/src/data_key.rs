use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Salt};
use aws_lc_rs::{constant_time, rand};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::frame::FrameCipher;
use crate::header::{MESSAGE_ID_LENGTH, SUITE};

pub(crate) const KEY_LENGTH: usize = 32;

/// A message's own key, which the recipients' keys wrap.
pub(crate) struct DataKey(Zeroizing<[u8; KEY_LENGTH]>);

impl DataKey {
    pub(crate) fn random() -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        rand::fill(key.as_mut_slice()).map_err(|_| Error::Crypto("make a random key"))?;
        Ok(Self(key))
    }

    /// `None` unless it has 32 bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        (bytes.len() == KEY_LENGTH).then(|| {
            key.copy_from_slice(bytes);
            Self(key)
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The message's cipher and the commitment to the key: HKDF-SHA-512 with the message id as salt.
    pub(crate) fn derive(&self, message_id: &[u8; MESSAGE_ID_LENGTH]) -> Result<(FrameCipher, Commitment), Error> {
        let failed = |_| Error::Crypto("derive a key");
        let secret = Salt::new(HKDF_SHA512, message_id).extract(self.as_bytes());
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        let label = [&SUITE.to_be_bytes()[..], b"DERIVEKEY"];
        secret.expand(&label, Derived).map_err(failed)?.fill(key.as_mut_slice()).map_err(failed)?;
        let mut commitment = [0; KEY_LENGTH];
        secret.expand(&[b"COMMITKEY"], Derived).map_err(failed)?.fill(&mut commitment).map_err(failed)?;
        Ok((FrameCipher::new(&key, *message_id), Commitment(commitment)))
    }
}

/// What the header shows of the data key, so that one message can't open under two keys.
pub(crate) struct Commitment(pub(crate) [u8; KEY_LENGTH]);

impl Commitment {
    /// In constant time.
    pub(crate) fn check(&self, found: &[u8; KEY_LENGTH]) -> Result<(), Error> {
        constant_time::verify_slices_are_equal(&self.0, found).map_err(|_| Error::Commitment)
    }
}

struct Derived;

impl KeyType for Derived {
    fn len(&self) -> usize {
        KEY_LENGTH
    }
}
