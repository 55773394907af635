use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::Error;

const MAX_LEN: usize = 64;

/// The first part of every key: whose backups these are, such as `production`.
///
/// 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a letter or digit: what every S3 client and policy takes as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Environment(String);

impl Environment {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Environment {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.len() <= MAX_LEN
            && name.bytes().all(safe)
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::Environment(name.to_owned()))
    }
}

impl TryFrom<String> for Environment {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Environment> for String {
    fn from(environment: Environment) -> Self {
        environment.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a backup is of; the second part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A PostgreSQL database.
    Database,
    /// A bucket's objects.
    Files,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Database, Self::Files];

    /// As in keys: `database` or `files`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Files => "files",
        }
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| Error::Kind(name.to_owned()))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_that_could_leave_its_folder_or_needs_escaping_is_refused() {
        for bad in ["", "a/b", "..", ".hidden", "-x", "späte", "a b", "a%2F", &"x".repeat(65)] {
            assert!(bad.parse::<Environment>().is_err(), "{bad}");
        }
        for good in ["production", "Staging-2", "a.b_c", &"x".repeat(64)] {
            assert!(good.parse::<Environment>().is_ok(), "{good}");
        }
    }
}
