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
