//! AES-256-CBC, of which any block can be decrypted alone: it needs the block before.

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use zeroize::Zeroizing;

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 16;
/// Bytes of a key.
pub(crate) const KEY: usize = 32;

/// A key, and the block that stands before the first.
#[derive(Clone)]
pub(crate) struct Cbc {
    key: Zeroizing<[u8; KEY]>,
    pub(crate) iv: [u8; BLOCK as usize],
}

impl Cbc {
    pub(crate) fn new(key: &[u8; KEY], iv: [u8; BLOCK as usize]) -> Self {
        Self { key: Zeroizing::new(*key), iv }
    }

    /// Decrypts whole blocks in their place; `before` is the block of ciphertext before them.
    pub(crate) fn decrypt(&self, before: &[u8; BLOCK as usize], blocks: &mut [u8]) {
        let mut cipher = cbc::Decryptor::<Aes256>::new((&*self.key).into(), before.into());
        let (blocks, _) = Array::slice_as_chunks_mut(blocks);
        cipher.decrypt_blocks(blocks);
    }
}
