//! By which a restore is known: to whoever asked for it, in its log and in its report.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Longer ones are nobody's.
const LONGEST: usize = 200;

/// The id of a request. AWS Lambda gives one to every invocation, and the same to one that it tries again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new one: 16 hex digits.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn draw() -> Result<Self, Error> {
        let mut bytes = [0u8; 8];
        getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

impl FromStr for RequestId {
    type Err = Error;

    /// 1 to 200 visible characters of ASCII.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::RequestId(text.chars().take(LONGEST).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<RequestId> for String {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn request_id_is_a_word_that_a_log_can_hold() {
        for good in ["8476a536-e9f4-11e8-9739-2dfe598c3fcd", "INC-4711/2", &"x".repeat(LONGEST)] {
            assert_eq!(good.parse::<RequestId>().unwrap().to_string(), good);
        }
        for bad in ["", "two words", "line\nend", "é", &"x".repeat(LONGEST + 1)] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad}");
        }
        assert_ne!(RequestId::draw().unwrap(), RequestId::draw().unwrap());
    }
}
