use pg_client::ConnectOptions;

use crate::error::Error;

/// PostgreSQL's limit, in bytes (`NAMEDATALEN` − 1).
const LONGEST_NAME: usize = 63;
/// Between a database's name and the run's number, while it is restored.
const RESTORING: &str = "__restoring_";
/// Hex digits of a run's number.
const RUN_DIGITS: usize = 12;

/// Where a backup is restored to.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server, the role, and a database to be connected to while the new one isn't there, such as `postgres`.
    pub options: ConnectOptions,
    /// Name of the new database, without quotes.
    pub name: String,
}

impl Target {
    /// Whether a database can have the name.
    pub(crate) fn check_name(&self) -> Result<(), Error> {
        let reason = match self.name.as_str() {
            "" => "it is empty",
            name if name.len() > LONGEST_NAME => "it is longer than 63 bytes",
            name if name.contains('\0') => "it holds a NUL",
            name if name.contains(['\n', '\r']) => "it holds a line end",
            _ => return Ok(()),
        };
        Err(Error::Name { name: self.name.clone(), reason })
    }

    /// The provisional name of a run: `{name}__restoring_{run}`, the name's beginning only where it would get too long.
    pub(crate) fn provisional_name(&self) -> Result<String, Error> {
        let mut run = [0u8; RUN_DIGITS / 2];
        getrandom::fill(&mut run).map_err(|error| Error::Random(error.to_string()))?;
        let mut end = self.name.len().min(LONGEST_NAME - RESTORING.len() - RUN_DIGITS);
        while !self.name.is_char_boundary(end) {
            end -= 1;
        }
        Ok(format!("{}{RESTORING}{}", &self.name[..end], hex::encode(run)))
    }

    /// A regular expression of PostgreSQL that finds provisional names.
    pub(crate) fn provisional_pattern() -> String {
        format!("{RESTORING}[0-9a-f]{{{RUN_DIGITS}}}$")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(name: &str) -> Target {
        Target { options: ConnectOptions::new("h", 5432, "u", "postgres"), name: name.to_owned() }
    }

    #[test]
    fn provisional_name_fits_and_is_new_every_time() {
        for name in ["shop", &"x".repeat(63), &"é".repeat(31)] {
            let provisional = target(name).provisional_name().unwrap();
            assert!(provisional.len() <= 63 && provisional.contains("__restoring_"), "{provisional}");
            assert_ne!(provisional, target(name).provisional_name().unwrap());
        }
        assert!(target("shop").provisional_name().unwrap().starts_with("shop__restoring_"));
    }

    #[test]
    fn names_that_no_database_can_have_are_refused() {
        for name in ["", "a\0b", "a\nb", &"x".repeat(64)] {
            assert!(matches!(target(name).check_name(), Err(Error::Name { .. })));
        }
        assert!(target("Shop \"x\" 'y'").check_name().is_ok());
    }
}
