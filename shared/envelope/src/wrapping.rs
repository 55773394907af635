//! How a data key is wrapped for a recipient, and unwrapped: one file per kind.

pub(crate) mod kms;
pub(crate) mod rsa;
pub(crate) mod secret;

use crate::error::{Error, KeyDefect};
use crate::header::EncryptedDataKey;

/// The provider id of the recipients that aren't KMS keys: the namespace of their names.
pub(crate) const PROVIDER: &str = "offsite";

/// The longest name of an RSA or wrapping key.
const MAX_NAME_LENGTH: usize = 128;

/// Names stand readable in every message: printable, so that they can be shown as they are.
fn checked_name(name: &str) -> Result<String, Error> {
    let fits = (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if fits { Ok(name.into()) } else { Err(Error::Key { name: format!("{name:?}"), defect: KeyDefect::Name }) }
}

/// A message's recipient as people know it, from what an unverified header says.
pub(crate) fn describe(key: &EncryptedDataKey) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match key.provider_id.as_str() {
        kms::PROVIDER => format!("kms {}", text(&key.provider_info)),
        PROVIDER => match secret::split_info(&key.provider_info) {
            Some((name, _)) => format!("secret {}", text(name)),
            None => format!("rsa {}", text(&key.provider_info)),
        },
        other => format!("{} {}", other.escape_debug(), text(&key.provider_info)),
    }
}
