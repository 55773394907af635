use aws_lc_rs::rand;

use crate::context::EncryptionContext;
use crate::error::Error;
use crate::frame::{FRAME_LENGTH, FrameCipher};
use crate::header::{FRAMED, MESSAGE_ID_LENGTH, SUITE, VERSION};
use crate::recipients::Recipients;

/// A new message's header, with its tag, and the cipher for its frames.
pub(crate) async fn seal(
    recipients: &Recipients,
    context: &EncryptionContext,
) -> Result<(Vec<u8>, FrameCipher), Error> {
    let mut message_id = [0; MESSAGE_ID_LENGTH];
    rand::fill(&mut message_id).map_err(|_| Error::Crypto("make a random message id"))?;
    let serialized_context = context.serialize()?;
    let (data_key, encrypted) = recipients.wrap_data_key(context, &serialized_context).await?;
    let (cipher, commitment) = data_key.derive(&message_id)?;

    let mut header = vec![VERSION];
    header.extend(SUITE.to_be_bytes());
    header.extend(message_id);
    put_counted(&mut header, &serialized_context)?;
    let count = u16::try_from(encrypted.len()).map_err(|_| Error::TooManyRecipients(encrypted.len()))?;
    header.extend(count.to_be_bytes());
    for key in &encrypted {
        put_counted(&mut header, key.provider_id.as_bytes())?;
        put_counted(&mut header, &key.provider_info)?;
        put_counted(&mut header, &key.ciphertext)?;
    }
    header.push(FRAMED);
    header.extend(FRAME_LENGTH.to_be_bytes());
    header.extend(commitment.0);
    let tag = cipher.seal_header(&header)?;
    header.extend(tag);
    Ok((header, cipher))
}

fn put_counted(header: &mut Vec<u8>, field: &[u8]) -> Result<(), Error> {
    let length = u16::try_from(field.len()).map_err(|_| Error::Crypto("fit a field into the header"))?;
    header.extend(length.to_be_bytes());
    header.extend(field);
    Ok(())
}
