//! The header of a message: which suite, bound to what, for whom, and the commitment to its data key.

pub(crate) mod open;
pub(crate) mod seal;

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::context::EncryptionContext;
use crate::data_key::KEY_LENGTH;
use crate::error::{Error, HeaderDefect};
use crate::frame::TAG_LENGTH;

pub(crate) const MESSAGE_ID_LENGTH: usize = 32;
/// AES-256-GCM, HKDF-SHA-512, key commitment, no signature.
pub(crate) const SUITE: u16 = 0x0478;
const VERSION: u8 = 2;
const FRAMED: u8 = 2;

/// Recipients that a message may have.
pub const MAX_ENCRYPTED_DATA_KEYS: u16 = 20;
/// Bytes that a header may have: twice the largest encryption context.
pub const MAX_HEADER_LENGTH: usize = 128 * 1024;
/// Plaintext bytes that a frame may have in a message that is read: the buffer that a header can ask for.
pub const MAX_FRAME_LENGTH: u32 = 16 * 1024 * 1024;

/// The data key, wrapped for one recipient.
#[derive(Clone)]
pub(crate) struct EncryptedDataKey {
    pub(crate) provider_id: String,
    pub(crate) provider_info: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

/// A header as read: well-formed, nothing verified.
pub(crate) struct Header {
    /// All that the tag authenticates.
    pub(crate) authenticated: Vec<u8>,
    pub(crate) message_id: [u8; MESSAGE_ID_LENGTH],
    pub(crate) context: EncryptionContext,
    /// As in the header: the AAD of *secret* recipients.
    pub(crate) serialized_context: Vec<u8>,
    pub(crate) data_keys: Vec<EncryptedDataKey>,
    pub(crate) frame_length: u32,
    pub(crate) commitment: [u8; KEY_LENGTH],
    pub(crate) tag: [u8; TAG_LENGTH],
}

impl Header {
    /// Reads exactly the header's bytes.
    pub(crate) async fn read(source: &mut (impl AsyncRead + Unpin)) -> Result<Self, Error> {
        let mut fields = Fields { source, bytes: Vec::with_capacity(2048) };
        match fields.u8().await? {
            VERSION => {}
            1 => return Err(Error::Header(HeaderDefect::Version1)),
            other => return Err(Error::Header(HeaderDefect::NoMessage(other))),
        }
        let suite = fields.u16().await?;
        if suite != SUITE {
            return Err(Error::Header(HeaderDefect::Suite(suite)));
        }
        let message_id = fields.array().await?;
        let serialized_context = fields.counted().await?;
        let context = EncryptionContext::parse(&serialized_context).map_err(Error::Header)?;
        let count = fields.u16().await?;
        if !(1..=MAX_ENCRYPTED_DATA_KEYS).contains(&count) {
            return Err(Error::Header(HeaderDefect::DataKeys(count)));
        }
        let mut data_keys = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let provider_id = fields.counted().await?;
            let provider_id = String::from_utf8(provider_id).map_err(|_| Error::Header(HeaderDefect::DataKey))?;
            let (provider_info, ciphertext) = (fields.counted().await?, fields.counted().await?);
            data_keys.push(EncryptedDataKey { provider_id, provider_info, ciphertext });
        }
        let content = fields.u8().await?;
        if content != FRAMED {
            return Err(Error::Header(HeaderDefect::ContentType(content)));
        }
        let frame_length = u32::from_be_bytes(fields.array().await?);
        if !(1..=MAX_FRAME_LENGTH).contains(&frame_length) {
            return Err(Error::Header(HeaderDefect::FrameLength(frame_length)));
        }
        let commitment = fields.array().await?;
        let authenticated = std::mem::take(&mut fields.bytes);
        let tag = fields.array().await?;
        Ok(Self { authenticated, message_id, context, serialized_context, data_keys, frame_length, commitment, tag })
    }

    /// Bytes of the whole header.
    pub(crate) fn length(&self) -> usize {
        self.authenticated.len() + TAG_LENGTH
    }
}

/// Takes fields off the source and keeps their bytes.
struct Fields<'a, R> {
    source: &'a mut R,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Fields<'_, R> {
    /// The next `length` bytes.
    async fn next(&mut self, length: usize) -> Result<&[u8], Error> {
        let start = self.bytes.len();
        if start + length > MAX_HEADER_LENGTH {
            return Err(Error::Header(HeaderDefect::TooLong));
        }
        self.bytes.resize(start + length, 0);
        self.source.read_exact(&mut self.bytes[start..]).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::Header(HeaderDefect::Truncated),
            _ => Error::Read("message's header", error),
        })?;
        Ok(&self.bytes[start..])
    }

    async fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.next(N).await?);
        Ok(array)
    }

    async fn u8(&mut self) -> Result<u8, Error> {
        self.array().await.map(u8::from_be_bytes)
    }

    async fn u16(&mut self) -> Result<u16, Error> {
        self.array().await.map(u16::from_be_bytes)
    }

    /// A field behind its `u16` length.
    async fn counted(&mut self) -> Result<Vec<u8>, Error> {
        let length = self.u16().await?;
        self.next(usize::from(length)).await.map(<[u8]>::to_vec)
    }
}
