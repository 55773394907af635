use std::io;

use tokio::io::AsyncReadExt;

use crate::context::{EncryptionContext, ExpectedContext};
use crate::decryptor::Decryptor;
use crate::encryptor::Encryptor;
use crate::error::Error;
use crate::identities::Identities;
use crate::recipients::Recipients;

/// Encrypts a plaintext that fits in memory, such as a manifest.
///
/// # Errors
/// As [`Encryptor::new`].
pub async fn encrypt_to_vec(
    plaintext: &[u8],
    recipients: &Recipients,
    context: EncryptionContext,
) -> Result<Vec<u8>, Error> {
    let mut encryptor = Encryptor::new(plaintext, recipients, context).await?;
    let mut message = Vec::with_capacity(plaintext.len() + 4096);
    encryptor.read_to_end(&mut message).await.map_err(|error| ours(error, "plaintext"))?;
    Ok(message)
}

/// Decrypts a message that fits in memory. All of it is verified, or nothing comes back.
///
/// # Errors
/// [`Error`]: why it was refused.
pub async fn decrypt_to_vec(
    message: &[u8],
    identities: &Identities,
    expected: impl Into<ExpectedContext>,
) -> Result<Vec<u8>, Error> {
    let mut decryptor = Decryptor::new(message, identities, expected).await?;
    let mut plaintext = Vec::with_capacity(message.len());
    decryptor.read_to_end(&mut plaintext).await.map_err(|error| ours(error, "message"))?;
    Ok(plaintext)
}

fn ours(error: io::Error, what: &'static str) -> Error {
    error.downcast().unwrap_or_else(|error| Error::Read(what, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use async_trait::async_trait;
    use bytes::Bytes;
    use zeroize::Zeroizing;

    use super::*;
    use crate::frame::{FRAME_LENGTH, Kind, final_head};
    use crate::header::seal::seal;
    use crate::random_access::{RandomAccess, RangeSource};
    use crate::wrapping::secret::SecretRecipient;

    struct Memory(Bytes);

    #[async_trait]
    impl RangeSource for Memory {
        async fn read(&self, range: std::ops::Range<u64>) -> io::Result<Bytes> {
            Ok(self.0.slice(range.start as usize..range.end as usize))
        }
    }

    /// Other writers may end a plaintext of whole frames with a full final frame, where ours writes an empty one.
    #[tokio::test]
    async fn full_final_frame_is_accepted_with_nothing_after_it() {
        let key = SecretRecipient::new("a", Zeroizing::new([1; 32])).unwrap();
        let recipients = Recipients::new().secret(key.clone());
        let (mut message, cipher) = seal(&recipients, &EncryptionContext::default()).await.unwrap();
        let mut frame = vec![7; FRAME_LENGTH as usize];
        let tag = cipher.seal(Kind::Final, 1, &mut frame).unwrap();
        message.extend(final_head(1, FRAME_LENGTH));
        message.extend(frame);
        message.extend(tag);
        let identities = Identities::new().secret(key);
        let expected = vec![7; FRAME_LENGTH as usize];
        let found = decrypt_to_vec(&message, &identities, ExpectedContext::Any).await.unwrap();
        assert!(found == expected);
        let trailed = [&message[..], b"x"].concat();
        let refused = decrypt_to_vec(&trailed, &identities, ExpectedContext::Any).await.unwrap_err();
        assert!(matches!(refused, Error::TrailingBytes), "{refused}");
        let size = message.len() as u64;
        let opened = RandomAccess::open(Memory(message.into()), size, &identities, ExpectedContext::Any).await.unwrap();
        assert!(opened.read(0..opened.plaintext_len()).await.unwrap() == expected);
    }
}
