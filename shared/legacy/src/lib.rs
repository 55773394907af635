//! What the two older backup tools left behind, to be read: nothing here writes their formats.
//!
//! ```text
//! stored bytes ─► what is it? ─► password ─► decrypt ─► what is in it? ─► SQL text, or a ZIP
//! ```
//! Files are told apart by their content, never by their names. Everything is read by ranges and in bounded memory. What a file of
//! either kind can prove of itself is said in `docs/format/older.md`.

mod aescrypt;
mod cbc;
mod content;
mod error;
mod file;
mod openssl;
mod parts;
mod password;
mod plaintext;
mod stored;
mod text;

pub use content::Content;
pub use error::Error;
pub use file::{Encryption, OlderFile};
pub use openssl::{Derivation, Digest};
pub use parts::{PartName, PartsError, in_order};
pub use password::Passwords;
pub use plaintext::Plaintext;
pub use stored::{LocalFile, Stored};
