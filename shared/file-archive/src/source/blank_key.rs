//! Keys of nothing but white space: S3 has them, and the SDK takes them for missing.
//!
//! They are sent under a stand-in, which gives way to the key itself just before the request is signed.

use std::borrow::Cow;

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const STAND_IN: &str = "offsite-stands-for-";
/// As the SDK writes keys, and as signatures want them.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What the SDK is told as the key. A key in which the stand-in's name occurs has one too, so that none is taken for another.
pub(crate) fn sendable(key: &str) -> Cow<'_, str> {
    if key.trim().is_empty() || key.contains(STAND_IN) {
        return format!("{STAND_IN}{}", hex::encode(key)).into();
    }
    key.into()
}

/// To be given to a client once: twice would replace the name of a stand-in that is part of a key.
#[derive(Debug)]
pub(crate) struct TrueKeys;

impl Intercept for TrueKeys {
    fn name(&self) -> &'static str {
        "TrueKeys"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        if let Some(uri) = true_uri(request.uri())? {
            request.set_uri(uri)?;
        }
        Ok(())
    }
}

/// The URI with the key itself, if it has a stand-in.
fn true_uri(uri: &str) -> Result<Option<String>, BoxError> {
    let (path, query) = uri.split_at(uri.find('?').unwrap_or(uri.len()));
    let Some((bucket, last)) = path.rsplit_once('/') else { return Ok(None) };
    let Some(encoded) = last.strip_prefix(STAND_IN) else { return Ok(None) };
    let key = String::from_utf8(hex::decode(encoded)?)?;
    Ok(Some(format!("{bucket}/{}{query}", utf8_percent_encode(&key, ENCODED))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sent(key: &str) -> String {
        let uri = format!("https://s3/bucket/{}?x-id=GetObject", sendable(key));
        true_uri(&uri).unwrap().unwrap_or(uri)
    }

    #[test]
    fn blank_key_is_sent_as_itself_and_not_as_what_stands_for_it() {
        assert_eq!(sent(" "), "https://s3/bucket/%20?x-id=GetObject");
        assert_eq!(sent("\t\u{a0}"), "https://s3/bucket/%09%C2%A0?x-id=GetObject");
        assert_eq!(sent("a b"), "https://s3/bucket/a b?x-id=GetObject", "which the SDK encodes by itself");
    }

    #[test]
    fn key_that_looks_like_a_stand_in_is_not_taken_for_one() {
        for key in ["offsite-stands-for-20", "folder/offsite-stands-for-20", "offsite-stands-for-zz"] {
            assert_eq!(sent(key), format!("https://s3/bucket/{key}?x-id=GetObject"));
        }
    }
}
