use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};

/// The function's environment variables. An empty one counts as absent: templates can't leave one out.
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Those of the process.
    pub fn of_process() -> Self {
        std::env::vars().collect()
    }

    /// The variable's value, if it has one.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable's value.
    ///
    /// # Errors
    /// Its name, when it is absent.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.optional(name).ok_or_else(|| {
            anyhow!("the environment variable {name} is not set. HINT: The template sets it from its parameters.")
        })
    }

    /// Whether the variable is `true` or `false`, if it has a value.
    ///
    /// # Errors
    /// Its name, when it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.optional(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(anyhow!("the environment variable {name} is \"{other}\", neither true nor false")),
        }
    }

    /// The variable's value as a `T`, if it has one.
    ///
    /// # Errors
    /// Its name and what is wrong with the value.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>>
    where
        T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.optional(name)
            .map(|value| value.parse().with_context(|| format!("the environment variable {name} is \"{value}\"")))
            .transpose()
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn variables() -> Variables {
        [("PORT", "54x32"), ("EMPTY", ""), ("HOST", "db")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into_iter()
            .collect()
    }

    #[test]
    fn missing_or_empty_variable_is_named() {
        assert_eq!(variables().required("HOST").unwrap(), "db");
        for name in ["EMPTY", "MISSING"] {
            let error = variables().required(name).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            assert_eq!(variables().optional(name), None);
        }
    }

    #[test]
    fn flag_is_true_or_false_and_nothing_else() {
        let flags: Variables = [("ON", "true"), ("OFF", "false"), ("ODD", "yes")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        assert_eq!((flags.flag("ON").unwrap(), flags.flag("OFF").unwrap()), (Some(true), Some(false)));
        assert_eq!(flags.flag("MISSING").unwrap(), None);
        assert!(flags.flag("ODD").unwrap_err().to_string().contains("ODD"));
    }

    #[test]
    fn malformed_variable_is_named_with_its_value() {
        let error = format!("{:#}", variables().parsed::<u16>("PORT").unwrap_err());
        assert!(error.contains("PORT") && error.contains("54x32") && error.contains("invalid digit"), "{error}");
        assert_eq!(variables().parsed::<u16>("EMPTY").unwrap(), None);
    }
}
