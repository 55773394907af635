use std::collections::BTreeMap;

use crate::error::{Error, HeaderDefect};

/// The AWS Encryption SDK keeps pairs of its own under this prefix.
const RESERVED_PREFIX: &str = "aws-crypto-";

/// Public pairs that a message is bound to: authenticated, readable by anyone, sorted by the key's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// A pair's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Pairs by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As in the header and as the AAD of a *secret* recipient: nothing if empty, else `u16` count and per pair
    /// `u16` length and UTF-8 of key and value.
    ///
    /// # Errors
    /// [`Error::Context`] if it is longer than 65,535 bytes or a key is empty or reserved.
    pub fn serialize(&self) -> Result<Vec<u8>, Error> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let too_long = |_| Error::Context("is longer than 65535 bytes");
        let mut bytes = u16::try_from(self.0.len()).map_err(too_long)?.to_be_bytes().to_vec();
        for (key, value) in &self.0 {
            if key.is_empty() {
                return Err(Error::Context("has a pair without a key"));
            }
            if key.starts_with(RESERVED_PREFIX) {
                return Err(Error::Context("has a key with the reserved prefix aws-crypto-"));
            }
            for text in [key, value] {
                bytes.extend(u16::try_from(text.len()).map_err(too_long)?.to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
        u16::try_from(bytes.len()).map_err(too_long)?;
        Ok(bytes)
    }

    /// The reverse of [`Self::serialize`]. Strict: the pairs fill `bytes`, sorted, each key once.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderDefect> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut rest = bytes;
        let count = take_u16(&mut rest)?;
        let mut pairs = BTreeMap::new();
        for _ in 0..count {
            let key = take_text(&mut rest)?;
            let value = take_text(&mut rest)?;
            if pairs.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(HeaderDefect::Context);
            }
            pairs.insert(key, value);
        }
        if rest.is_empty() && count > 0 { Ok(Self(pairs)) } else { Err(HeaderDefect::Context) }
    }
}

fn take_u16(rest: &mut &[u8]) -> Result<u16, HeaderDefect> {
    let (number, after) = rest.split_first_chunk().ok_or(HeaderDefect::Context)?;
    *rest = after;
    Ok(u16::from_be_bytes(*number))
}

fn take_text(rest: &mut &[u8]) -> Result<String, HeaderDefect> {
    let length = usize::from(take_u16(rest)?);
    let (text, after) = rest.split_at_checked(length).ok_or(HeaderDefect::Context)?;
    *rest = after;
    String::from_utf8(text.to_vec()).map_err(|_| HeaderDefect::Context)
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for EncryptionContext {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for EncryptionContext {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// What a reader insists on before it asks for any key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExpectedContext {
    /// These pairs and no others. What restores use.
    Exactly(EncryptionContext),
    /// At least these pairs.
    Containing(EncryptionContext),
    /// Whatever the message says: for someone who looks at a file without knowing where it belongs. The caller should
    /// show [`crate::Decryptor::context`].
    Any,
}

impl ExpectedContext {
    pub(crate) fn check(&self, found: &EncryptionContext) -> Result<(), Error> {
        let (expected, others_allowed) = match self {
            Self::Exactly(expected) => (expected, false),
            Self::Containing(expected) => (expected, true),
            Self::Any => return Ok(()),
        };
        for (key, value) in expected.iter() {
            if found.get(key) != Some(value) {
                return Err(mismatch(key, found.get(key), Some(value)));
            }
        }
        match found.iter().find(|(key, _)| expected.get(key).is_none()) {
            Some((key, value)) if !others_allowed => Err(mismatch(key, Some(value), None)),
            _ => Ok(()),
        }
    }
}

fn mismatch(key: &str, found: Option<&str>, expected: Option<&str>) -> Error {
    let quoted = |value: Option<&str>| value.map_or_else(|| "nothing".into(), |value| format!("{value:?}"));
    Error::ContextMismatch { key: format!("{key:?}"), found: quoted(found), expected: quoted(expected) }
}

impl From<EncryptionContext> for ExpectedContext {
    fn from(context: EncryptionContext) -> Self {
        Self::Exactly(context)
    }
}

impl From<&EncryptionContext> for ExpectedContext {
    fn from(context: &EncryptionContext) -> Self {
        Self::Exactly(context.clone())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn serialized_context_parses_to_itself() {
        for context in [
            EncryptionContext::default(),
            [("offsite-part", "volume-0001"), ("offsite-backup", ""), ("é", "日本")].into(),
        ] {
            assert_eq!(EncryptionContext::parse(&context.serialize().unwrap()), Ok(context));
        }
    }

    #[test]
    fn pairs_are_sorted_by_bytes() {
        let context = EncryptionContext::from([("b", "2"), ("a", "1")]);
        assert_eq!(context.serialize().unwrap(), b"\0\x02\0\x01a\0\x011\0\x01b\0\x012");
    }

    #[test]
    fn parse_refuses_what_serialize_never_writes() {
        for bytes in [
            &b"\0"[..],
            b"\0\0",
            b"\0\x01\0\x01a\0\x01",
            b"\0\x01\0\x01a\0\x011+",
            b"\0\x02\0\x01b\0\x012\0\x01a\0\x011",
            b"\0\x02\0\x01a\0\x011\0\x01a\0\x011",
            b"\0\x01\0\x01\xff\0\x011",
        ] {
            assert_eq!(EncryptionContext::parse(bytes), Err(HeaderDefect::Context), "{bytes:?}");
        }
    }

    #[test]
    fn serialize_refuses_reserved_empty_and_oversized() {
        assert!(EncryptionContext::from([("aws-crypto-public-key", "x")]).serialize().is_err());
        assert!(EncryptionContext::from([("", "x")]).serialize().is_err());
        assert!(EncryptionContext::from([("a", "x".repeat(65_535))]).serialize().is_err());
        assert!(EncryptionContext::from([("a", "x".repeat(65_528))]).serialize().is_ok());
        assert!(EncryptionContext::from([("a", "x".repeat(65_529))]).serialize().is_err());
    }

    #[test]
    fn exactly_refuses_missing_other_and_further_pairs() {
        let expected: ExpectedContext = EncryptionContext::from([("a", "1"), ("b", "2")]).into();
        let says = |found: EncryptionContext| expected.check(&found).map_err(|error| error.to_string());
        assert_eq!(says([("a", "1"), ("b", "2")].into()), Ok(()));
        let hint =
            "HINT: It is not what its backup stored there: restore another backup, and keep this one for examination.";
        let refused = |text: &str| Err(format!("the message's encryption context has {text} {hint}"));
        assert_eq!(says([("a", "1")].into()), refused(r#"nothing for "b", not "2""#));
        assert_eq!(says([("a", "1"), ("b", "3")].into()), refused(r#""3" for "b", not "2""#));
        assert_eq!(says([("a", "1"), ("b", "2"), ("c", "3")].into()), refused(r#""3" for "c", not nothing"#));
    }

    #[test]
    fn containing_allows_further_pairs_only() {
        let expected = ExpectedContext::Containing([("a", "1")].into());
        assert!(expected.check(&[("a", "1"), ("c", "3")].into()).is_ok());
        assert!(expected.check(&[("c", "3")].into()).is_err());
        assert!(ExpectedContext::Any.check(&[("c", "3")].into()).is_ok());
    }
}
