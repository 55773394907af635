//! One frame: its layout, its place in the message, its authentication.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::data_key::KEY_LENGTH;
use crate::error::Error;
use crate::header::MESSAGE_ID_LENGTH;

/// Plaintext bytes of every frame that is written, but the final one, which has 0 up to as many. What is read may have
/// another length: the header says which.
pub const FRAME_LENGTH: u32 = 256 * 1024;

pub(crate) const TAG_LENGTH: usize = 16;
pub(crate) const IV_LENGTH: usize = 12;
/// Before a frame's ciphertext: sequence number, IV.
pub(crate) const FRAME_HEAD: usize = 4 + IV_LENGTH;
/// Before the final frame's ciphertext: end mark, sequence number, IV, length.
pub(crate) const FINAL_HEAD: usize = 4 + 4 + IV_LENGTH + 4;
/// What a frame has besides its ciphertext.
pub(crate) const FRAME_OVERHEAD: usize = FRAME_HEAD + TAG_LENGTH;
/// What the final frame has besides its ciphertext.
pub(crate) const FINAL_OVERHEAD: usize = FINAL_HEAD + TAG_LENGTH;
/// Where a frame has its sequence number, the final frame has this.
pub(crate) const END_MARK: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Regular,
    Final,
}

/// Seals and opens the parts of one message: each under its own IV and as what it is.
pub(crate) struct FrameCipher {
    key: Aes256Gcm,
    message_id: [u8; MESSAGE_ID_LENGTH],
}

impl FrameCipher {
    pub(crate) fn new(key: &[u8; KEY_LENGTH], message_id: [u8; MESSAGE_ID_LENGTH]) -> Self {
        Self { key: Aes256Gcm::new(key.into()), message_id }
    }

    /// The header's tag, under the IV 0, which no frame has.
    pub(crate) fn seal_header(&self, header: &[u8]) -> Result<[u8; TAG_LENGTH], Error> {
        let tag = self.key.encrypt_inout_detached(&nonce(0), header, (&mut [][..]).into());
        tag.map(Into::into).map_err(|_| Error::Crypto("seal the header"))
    }

    pub(crate) fn verify_header(&self, header: &[u8], tag: &[u8; TAG_LENGTH]) -> Result<(), Error> {
        let opened = self.key.decrypt_inout_detached(&nonce(0), header, (&mut [][..]).into(), tag.into());
        opened.map_err(|_| Error::HeaderNotAuthentic)
    }

    /// Encrypts `data` where it is and returns its tag.
    pub(crate) fn seal(&self, kind: Kind, sequence: u32, data: &mut [u8]) -> Result<[u8; TAG_LENGTH], Error> {
        let aad = self.aad(kind, sequence, data.len());
        let tag = self.key.encrypt_inout_detached(&nonce(sequence), aad.as_ref(), data.into());
        tag.map(Into::into).map_err(|_| Error::Crypto("seal a frame"))
    }

    /// Decrypts `data` where it is; it holds nothing of use unless this succeeds.
    pub(crate) fn open(&self, kind: Kind, sequence: u32, data: &mut [u8], tag: &[u8]) -> Result<(), Error> {
        self.open_buffer(kind, sequence, data.into(), tag)
    }

    /// Decrypts `data` into `plaintext`, of the same length, which holds nothing of use unless this succeeds.
    pub(crate) fn open_into(
        &self,
        kind: Kind,
        sequence: u32,
        data: &[u8],
        tag: &[u8],
        plaintext: &mut [u8],
    ) -> Result<(), Error> {
        let buffer =
            InOutBuf::new(data, plaintext).map_err(|_| Error::Crypto("decrypt into a buffer of its length"))?;
        self.open_buffer(kind, sequence, buffer, tag)
    }

    fn open_buffer(&self, kind: Kind, sequence: u32, data: InOutBuf<'_, '_, u8>, tag: &[u8]) -> Result<(), Error> {
        let aad = self.aad(kind, sequence, data.len());
        let tag = tag.first_chunk::<TAG_LENGTH>().ok_or(Error::TruncatedFrame(sequence))?;
        let opened = self.key.decrypt_inout_detached(&nonce(sequence), aad.as_ref(), data, tag.into());
        opened.map_err(|_| Error::FrameNotAuthentic(sequence))
    }

    /// What a frame is authenticated with: its message, kind, number and length.
    fn aad(&self, kind: Kind, sequence: u32, length: usize) -> FrameAad {
        let label: &[u8] = match kind {
            Kind::Regular => b"AWSKMSEncryptionClient Frame",
            Kind::Final => b"AWSKMSEncryptionClient Final Frame",
        };
        let mut aad = FrameAad { bytes: [0; FrameAad::CAPACITY], length: 0 };
        for part in [&self.message_id, label, &sequence.to_be_bytes(), &(length as u64).to_be_bytes()] {
            aad.bytes[aad.length..aad.length + part.len()].copy_from_slice(part);
            aad.length += part.len();
        }
        aad
    }
}

struct FrameAad {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl FrameAad {
    const CAPACITY: usize = MESSAGE_ID_LENGTH + 34 + 4 + 8;
}

impl AsRef<[u8]> for FrameAad {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn iv(sequence: u32) -> [u8; IV_LENGTH] {
    let mut iv = [0; IV_LENGTH];
    iv[IV_LENGTH - 4..].copy_from_slice(&sequence.to_be_bytes());
    iv
}

fn nonce(sequence: u32) -> aes_gcm::aead::Nonce<Aes256Gcm> {
    iv(sequence).into()
}

/// What stands before a frame's ciphertext.
pub(crate) fn frame_head(sequence: u32) -> [u8; FRAME_HEAD] {
    let mut head = [0; FRAME_HEAD];
    head[..4].copy_from_slice(&sequence.to_be_bytes());
    head[4..].copy_from_slice(&iv(sequence));
    head
}

/// What stands before the final frame's ciphertext of `length` bytes.
pub(crate) fn final_head(sequence: u32, length: u32) -> [u8; FINAL_HEAD] {
    let mut head = [0; FINAL_HEAD];
    head[..4].copy_from_slice(&END_MARK.to_be_bytes());
    head[4..20].copy_from_slice(&frame_head(sequence));
    head[20..].copy_from_slice(&length.to_be_bytes());
    head
}

/// The number that `bytes` start with, if there are four.
pub(crate) fn leading_u32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|number| u32::from_be_bytes(*number))
}

/// Whether `bytes` start as the final frame does.
pub(crate) fn is_final(bytes: &[u8]) -> bool {
    leading_u32(bytes) == Some(END_MARK)
}

/// Refuses a frame that isn't number `expected`, or has another IV than that number's.
pub(crate) fn verify_frame_head(head: &[u8], expected: u32) -> Result<(), Error> {
    let found = leading_u32(head).ok_or(Error::TruncatedFrame(expected))?;
    if found != expected {
        return Err(Error::FrameOutOfOrder { expected, found });
    }
    let found = head.get(4..FRAME_HEAD).ok_or(Error::TruncatedFrame(expected))?;
    if found == iv(expected) { Ok(()) } else { Err(Error::FrameIv(expected)) }
}

/// Splits the bytes of frame `sequence` into ciphertext and tag.
pub(crate) fn split_frame(bytes: &mut [u8], sequence: u32, frame_length: u32) -> Result<(&mut [u8], &mut [u8]), Error> {
    verify_frame_head(bytes, sequence)?;
    if bytes.len() != FRAME_OVERHEAD + frame_length as usize {
        return Err(Error::TruncatedFrame(sequence));
    }
    Ok(bytes[FRAME_HEAD..].split_at_mut(frame_length as usize))
}

/// Splits all that is left of a message, which starts with the end mark, into the final frame's ciphertext and tag.
pub(crate) fn split_final(bytes: &mut [u8], sequence: u32, frame_length: u32) -> Result<(&mut [u8], &mut [u8]), Error> {
    verify_frame_head(bytes.get(4..).unwrap_or_default(), sequence)?;
    let length = bytes.get(20..).and_then(leading_u32).ok_or(Error::TruncatedFrame(sequence))?;
    if length > frame_length {
        return Err(Error::FinalFrameTooLong { sequence, length, frame_length });
    }
    match bytes.len().cmp(&(FINAL_OVERHEAD + length as usize)) {
        std::cmp::Ordering::Less => Err(Error::TruncatedFrame(sequence)),
        std::cmp::Ordering::Greater => Err(Error::TrailingBytes),
        std::cmp::Ordering::Equal => Ok(bytes[FINAL_HEAD..].split_at_mut(length as usize)),
    }
}
