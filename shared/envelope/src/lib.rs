//! The envelope around every object of a backup: the AWS Encryption SDK's message format, version 2, as a stream.
//!
//! ```text
//! source ─► Encryptor ─► vault          vault ─► Decryptor ─► plaintext, in order
//!                                       vault ─► RandomAccess ─► any range of the plaintext
//! ```
//!
//! One suite is written and read: `0x0478`, AES-256-GCM with a key derived by HKDF-SHA-512 and committed to, without
//! signature, in frames. Every official AWS Encryption SDK reads it. `docs/format/envelope.md` has the layout byte by byte.
//!
//! A reader never hands out a byte of a frame that it hasn't verified, and never reports the end of a message
//! without its verified final frame.

mod context;
mod data_key;
mod decryptor;
mod encryptor;
mod error;
mod frame;
mod header;
mod identities;
pub mod keygen;
mod message;
mod random_access;
mod recipients;
mod speed;
mod wrapping;

pub use context::{EncryptionContext, ExpectedContext};
pub use decryptor::Decryptor;
pub use encryptor::Encryptor;
pub use error::{Error, HeaderDefect, KeyDefect, UnwrapError};
pub use frame::FRAME_LENGTH;
pub use header::{MAX_ENCRYPTED_DATA_KEYS, MAX_FRAME_LENGTH, MAX_HEADER_LENGTH};
pub use identities::Identities;
pub use message::{decrypt_to_vec, encrypt_to_vec};
pub use random_access::{RandomAccess, RangeSource};
pub use recipients::Recipients;
pub use speed::measure_speed;
pub use wrapping::kms::KmsRecipient;
pub use wrapping::rsa::RsaRecipient;
pub use wrapping::secret::{SecretRecipient, WrappingKeys};
