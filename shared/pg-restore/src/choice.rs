use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use sql_text::TablePattern;

/// What of a backup is restored, and as whose: the same in a function's event and in the flags of the command line.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Choice {
    /// `all`; `schema`: no rows, no values of sequences, no large objects; `data`: these only, into tables that are there.
    #[cfg_attr(feature = "clap", arg(long, value_name = "WHAT", default_value = "all"))]
    pub content: Content,
    /// Only tables, views and sequences that this matches, as `offsite dump --table` reads it; may be given again. A pattern without
    /// a schema means schema public. Each must match something.
    #[cfg_attr(feature = "clap", arg(long = "table", value_name = "PATTERN"))]
    #[serde(deserialize_with = "patterns")]
    pub tables: Vec<TablePattern>,
    /// Nothing is given an owner: all is the restoring role's.
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_owner: bool,
    /// Nothing is granted or revoked.
    #[cfg_attr(feature = "clap", arg(long))]
    pub no_privileges: bool,
    /// A role of the backup, and the one that takes its place; may be given again.
    #[cfg_attr(feature = "clap", arg(long = "role", value_name = "OLD=NEW"))]
    #[serde(deserialize_with = "roles")]
    pub roles: Vec<RenamedRole>,
    /// Make the roles that are missing as they were, but without passwords. They stay, whatever becomes of the restore.
    #[cfg_attr(feature = "clap", arg(long))]
    pub create_roles: bool,
    /// The database is there: all is done in one transaction, after everything was verified, and tables that get rows must be empty.
    #[cfg_attr(feature = "clap", arg(long))]
    pub existing: bool,
    /// What happens to rows that tables of an existing database have: `fail`, or `truncate`, which empties these tables first.
    #[cfg_attr(feature = "clap", arg(long, value_name = "WHAT", default_value = "fail"))]
    pub on_conflict: OnConflict,
    /// Only look whether it can be done, and say what would be.
    #[cfg_attr(feature = "clap", arg(long))]
    pub dry_run: bool,
}

/// What happens to rows that are there before rows are restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnConflict {
    /// Nothing is restored.
    #[default]
    Fail,
    /// They go, unless a table that gets no rows refers to them.
    Truncate,
}

impl FromStr for OnConflict {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "fail" => Ok(Self::Fail),
            "truncate" => Ok(Self::Truncate),
            _ => Err(format!("{word:?} is neither fail nor truncate")),
        }
    }
}

/// What of the definitions and rows is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Content {
    /// Definitions and rows.
    #[default]
    All,
    /// Definitions: no rows, no values of sequences, no large objects, and materialised views stay empty.
    Schema,
    /// Rows, values of sequences and large objects: into tables that are there.
    Data,
}

impl FromStr for Content {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "all" => Ok(Self::All),
            "schema" => Ok(Self::Schema),
            "data" => Ok(Self::Data),
            _ => Err(format!("{word:?} is none of all, schema and data")),
        }
    }
}

/// A role of the backup, and the one that takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamedRole {
    /// In the backup.
    pub old: String,
    /// At the target.
    pub new: String,
}

impl FromStr for RenamedRole {
    type Err = String;

    /// `OLD=NEW`: a name that holds an equals sign can only be the new one.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok(Self { old: old.into(), new: new.into() }),
            _ => Err(format!("{text:?} is not OLD=NEW")),
        }
    }
}

fn patterns<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TablePattern>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(serde::de::Error::custom)).collect()
}

fn roles<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RenamedRole>, D::Error> {
    let names = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(names.into_iter().map(|(old, new)| RenamedRole { old, new }).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn renamed_roles_are_two_names() {
        assert_eq!("a=b=c".parse(), Ok(RenamedRole { old: "a".into(), new: "b=c".into() }));
        for text in ["", "a", "=b", "a="] {
            assert!(text.parse::<RenamedRole>().is_err(), "{text}");
        }
    }

    #[test]
    fn words_that_mean_nothing_are_refused() {
        assert_eq!("schema".parse(), Ok(Content::Schema));
        assert!("structure".parse::<Content>().unwrap_err().contains("structure"));
    }
}
