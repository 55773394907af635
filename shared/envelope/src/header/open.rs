use tokio::io::AsyncRead;

use crate::context::ExpectedContext;
use crate::error::Error;
use crate::frame::FrameCipher;
use crate::header::Header;
use crate::identities::Identities;

impl Header {
    /// Reads a header, insists on its context, unwraps the data key and verifies the commitment and the header's tag.
    pub(crate) async fn open(
        source: &mut (impl AsyncRead + Unpin),
        identities: &Identities,
        expected: &ExpectedContext,
    ) -> Result<(Self, FrameCipher), Error> {
        let header = Self::read(source).await?;
        expected.check(&header.context)?;
        let data_key = identities.unwrap_data_key(&header).await?;
        let (cipher, commitment) = data_key.derive(&header.message_id)?;
        commitment.check(&header.commitment)?;
        cipher.verify_header(&header.authenticated, &header.tag)?;
        Ok((header, cipher))
    }
}
