use serde::{Deserialize, Serialize};

use crate::checksum::hex256;

/// An object that S3 has confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// The whole key.
    pub key: String,
    /// Of the object as stored, that is of ciphertext.
    pub bytes: u64,
    /// Of all those bytes, computed here.
    #[serde(with = "hex256")]
    pub sha256: [u8; 32],
    /// CRC-64/NVME of all those bytes, computed here and by S3, as S3 writes it (base64).
    pub checksum: String,
    /// `None` in an unversioned bucket, or if the answer that would have told it was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Parts of the multipart upload; 1 if it was written at once.
    pub parts: u32,
}

impl StoredObject {
    /// The last part of the key: `volume-0001.sql.zst.enc`.
    pub fn name(&self) -> &str {
        self.key.rsplit_once('/').map_or(&self.key, |(_, name)| name)
    }
}
