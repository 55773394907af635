//! Patterns of table names, in psql's and `pg_dump`'s language.

use std::fmt;
use std::str::FromStr;

/// Which tables, views, materialised views, sequences and foreign tables are meant, as `pg_dump --table` reads it.
///
/// Letters outside of double quotes are folded to lower case. `*` stands for any characters, `?` for one, a dot separates the
/// schema from the name, and everything else means what it means in PostgreSQL's regular expressions, but for `$`, which is
/// itself. Within double quotes all characters are themselves, and `""` is a double quote. Without a schema, what the search
/// path finds is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern {
    text: String,
    /// The database's name, not as a pattern.
    database: Option<String>,
    schema: Option<String>,
    name: String,
}

/// A pattern with more dots than `database.schema.table` has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pattern {0} has too many dots HINT: Put a name that holds a dot into double quotes.")]
pub struct PatternError(String);

/// One of the parts between the dots.
#[derive(Default)]
struct Part {
    /// As a regular expression, without anchors.
    expression: String,
    /// As a name, of which no character stands for others.
    literal: String,
}

impl Part {
    fn anchored(self) -> String {
        format!("^({})$", self.expression)
    }
}

impl TablePattern {
    /// The database that it names, which must be the one that is meant.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The schema's regular expression.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The name's regular expression.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for TablePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut parts = parts(text);
        let Some(name) = parts.pop() else { return Err(PatternError(text.to_owned())) };
        let schema = parts.pop();
        let database = parts.pop();
        if !parts.is_empty() {
            return Err(PatternError(text.to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            database: database.map(|part| part.literal),
            schema: schema.map(Part::anchored),
            name: name.anchored(),
        })
    }
}

impl fmt::Display for TablePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut quoted = false;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => {
                part.expression.push('"');
                part.literal.push('"');
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '.' if !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            '*' if !quoted => part.expression.push_str(".*"),
            '?' if !quoted => part.expression.push('.'),
            // It may stand in names, and the end is anchored anyway.
            '$' => part.expression.push_str("\\$"),
            // More likely the name of an array's type than the beginning of a set of characters.
            '[' if !quoted && rest.peek() == Some(&']') => part.expression.push_str("\\["),
            _ if quoted && "|*+?()[]{}.^\\".contains(character) => {
                part.expression.push('\\');
                part.expression.push(character);
            }
            _ if quoted => part.expression.push(character),
            _ => part.expression.push(character.to_ascii_lowercase()),
        }
        part.literal.push(if quoted { character } else { character.to_ascii_lowercase() });
    }
    parts.push(part);
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> (Option<String>, Option<String>, String) {
        let pattern: TablePattern = text.parse().unwrap();
        assert_eq!(pattern.to_string(), text);
        (pattern.database, pattern.schema, pattern.name)
    }

    fn name(text: &str) -> String {
        read(text).2
    }

    #[test]
    fn letters_are_folded_outside_of_quotes() {
        assert_eq!(name("Orders"), "^(orders)$");
        assert_eq!(name("\"Orders\""), "^(Orders)$");
        assert_eq!(name("Or\"De\"Rs"), "^(orDers)$");
        // Only ASCII's, as the server does for most encodings.
        assert_eq!(name("ÄB"), "^(Äb)$");
    }

    #[test]
    fn stars_and_question_marks_stand_for_characters() {
        assert_eq!(name("a*b?"), "^(a.*b.)$");
        assert_eq!(name("\"a*b?\""), "^(a\\*b\\?)$");
    }

    #[test]
    fn dots_separate_database_schema_and_name() {
        assert_eq!(read("s.t"), (None, Some("^(s)$".into()), "^(t)$".into()));
        assert_eq!(read("Db*.s?.t"), (Some("db*".into()), Some("^(s.)$".into()), "^(t)$".into()));
        assert_eq!(read("\"a.b\".\"c.d\""), (None, Some("^(a\\.b)$".into()), "^(c\\.d)$".into()));
        assert_eq!(read("s."), (None, Some("^(s)$".into()), "^()$".into()));
        assert_eq!(read(".t"), (None, Some("^()$".into()), "^(t)$".into()));
        assert_eq!(read(""), (None, None, "^()$".into()));
    }

    #[test]
    fn more_dots_are_refused() {
        let error = "a.b.c.d".parse::<TablePattern>().unwrap_err().to_string();
        assert!(error.contains("a.b.c.d has too many dots"), "{error}");
        assert!("a.b.\"c.d\"".parse::<TablePattern>().is_ok());
    }

    #[test]
    fn quotes_are_doubled_within_quotes() {
        assert_eq!(name("\"a\"\"b\""), "^(a\"b)$");
        assert_eq!(name("\"\"\"\""), "^(\")$");
        // Outside of quotes, two of them begin and end a name without characters.
        assert_eq!(name("a\"\"b"), "^(ab)$");
        // An end that is missing is taken for granted.
        assert_eq!(name("\"a.B"), "^(a\\.B)$");
    }

    #[test]
    fn regular_expressions_work_outside_of_quotes_only() {
        assert_eq!(name("(a|b)[0-9]+\\d{2}^"), "^((a|b)[0-9]+\\d{2}^)$");
        assert_eq!(name("\"(a|b)[0-9]+\\d{2}^\""), "^(\\(a\\|b\\)\\[0-9\\]\\+\\\\d\\{2\\}\\^)$");
        assert_eq!(name("\\D"), "^(\\d)$");
    }

    #[test]
    fn dollars_and_brackets_of_arrays_are_themselves() {
        assert_eq!(name("a$b"), "^(a\\$b)$");
        assert_eq!(name("\"a$\""), "^(a\\$)$");
        assert_eq!(name("a[]"), "^(a\\[])$");
        assert_eq!(name("a[b]"), "^(a[b])$");
    }
}
