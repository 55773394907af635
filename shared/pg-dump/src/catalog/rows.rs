//! Catalog queries, whose results are text.

use std::cell::Cell;

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::array;
use crate::catalog::CatalogError;
use crate::version::Version;

/// Reads catalogs within the dump's snapshot.
pub(crate) struct Reader<'a> {
    client: &'a Client,
    beside: &'a Client,
    pub(crate) version: Version,
}

/// A row, whose columns are read by name.
pub(crate) struct Row {
    row: SimpleQueryRow,
    what: &'static str,
    /// Place after the column that was read last: most are read in their order, and there are very many rows.
    next: Cell<usize>,
}

impl<'a> Reader<'a> {
    /// `beside` shares the snapshot of `client` and not its locks, or is the same.
    pub(crate) fn new(client: &'a Client, beside: &'a Client, version: Version) -> Self {
        Self { client, beside, version }
    }

    /// Reads over the other connection, at the same time. Only for queries that touch nothing but catalogs: most `pg_get_…def`
    /// functions lock what they describe, which may wait for a session that waits for the dump's own locks.
    pub(crate) fn beside(&self) -> Self {
        Self { client: self.beside, ..*self }
    }

    /// All rows of a query; `what` names them in errors.
    pub(crate) async fn rows(&self, what: &'static str, sql: &str) -> Result<Vec<Row>, CatalogError> {
        rows(self.client, what, sql).await
    }

    /// Gives each row of a query to `take` as it comes: where there are many, they needn't all be in memory.
    pub(crate) async fn each(
        &self,
        what: &'static str,
        sql: &str,
        mut take: impl FnMut(&Row) -> Result<(), CatalogError>,
    ) -> Result<(), CatalogError> {
        let query = |source| failed(what, source);
        let messages = self.client.simple_query_raw(sql).await.map_err(query)?;
        pin_mut!(messages);
        while let Some(message) = messages.try_next().await.map_err(query)? {
            if let SimpleQueryMessage::Row(row) = message {
                take(&Row::new(row, what))?;
            }
        }
        Ok(())
    }

    /// The role in the column `owner`, which is NULL when it no longer exists.
    pub(crate) fn owner(&self, row: &Row, object: impl FnOnce() -> String) -> Result<String, CatalogError> {
        row.optional("owner")?.ok_or_else(|| CatalogError::NoOwner { object: object() })
    }
}

fn failed(what: &'static str, source: tokio_postgres::Error) -> CatalogError {
    match source.code() {
        Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) => CatalogError::NotUtf8 { what, source },
        _ => CatalogError::Query { what, source },
    }
}

/// All rows of a query; `what` names them in errors.
pub(crate) async fn rows(client: &Client, what: &'static str, sql: &str) -> Result<Vec<Row>, CatalogError> {
    let messages = client.simple_query(sql).await.map_err(|source| failed(what, source))?;
    Ok(messages
        .into_iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(Row::new(row, what)),
            _ => None,
        })
        .collect())
}

impl Row {
    fn new(row: SimpleQueryRow, what: &'static str) -> Self {
        Self { row, what, next: Cell::new(0) }
    }

    fn unexpected(&self, column: &str, value: &str) -> CatalogError {
        CatalogError::Unexpected { what: self.what, column: column.to_owned(), value: value.to_owned() }
    }

    fn get(&self, column: &str) -> Result<Option<&str>, CatalogError> {
        let (columns, next) = (self.row.columns(), self.next.get());
        let is_next = columns.get(next).is_some_and(|next| next.name() == column);
        let place = if is_next { Some(next) } else { columns.iter().position(|other| other.name() == column) };
        let value = match place {
            Some(place) => {
                self.next.set(place + 1);
                self.row.try_get(place)
            }
            None => self.row.try_get(column),
        };
        value.map_err(|source| CatalogError::Query { what: self.what, source })
    }

    /// The text of a column, if it is not NULL.
    pub(crate) fn optional(&self, column: &str) -> Result<Option<String>, CatalogError> {
        Ok(self.get(column)?.map(str::to_owned))
    }

    /// The text of a column that is never NULL.
    pub(crate) fn text(&self, column: &str) -> Result<String, CatalogError> {
        self.str(column).map(str::to_owned)
    }

    /// A part of a statement that the server wrote: it must not run into what follows it.
    pub(crate) fn fragment(&self, column: &str) -> Result<Option<String>, CatalogError> {
        self.checked(column, sql_text::check_fragment)
    }

    /// The same, checked otherwise.
    pub(crate) fn checked(
        &self,
        column: &str,
        check: fn(&str) -> Result<(), sql_text::FragmentError>,
    ) -> Result<Option<String>, CatalogError> {
        let text = self.get(column)?;
        let object = || {
            self.get("name")
                .ok()
                .flatten()
                .map_or(self.what.to_owned(), |name| format!("{name} among the {}", self.what))
        };
        text.map_or(Ok(()), check).map_err(|source| CatalogError::Fragment { object: object(), source })?;
        Ok(text.map(str::to_owned))
    }

    fn str(&self, column: &str) -> Result<&str, CatalogError> {
        self.get(column)?.ok_or_else(|| self.unexpected(column, "NULL"))
    }

    /// A number of any type.
    pub(crate) fn number<T: std::str::FromStr>(&self, column: &str) -> Result<T, CatalogError> {
        let text = self.str(column)?;
        text.parse().map_err(|_| self.unexpected(column, text))
    }

    /// An OID; NULL reads as 0, as "none" is written in catalogs.
    pub(crate) fn oid(&self, column: &str) -> Result<u32, CatalogError> {
        match self.get(column)? {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| self.unexpected(column, text)),
        }
    }

    /// A boolean.
    pub(crate) fn flag(&self, column: &str) -> Result<bool, CatalogError> {
        match self.str(column)? {
            "t" => Ok(true),
            "f" => Ok(false),
            other => Err(self.unexpected(column, other)),
        }
    }

    /// A `"char"`; the empty string, as it prints its zero byte, reads as a space.
    pub(crate) fn letter(&self, column: &str) -> Result<char, CatalogError> {
        Ok(self.str(column)?.chars().next().unwrap_or(' '))
    }

    /// A one-dimensional array; NULL reads as empty.
    pub(crate) fn list(&self, column: &str) -> Result<Vec<String>, CatalogError> {
        match self.get(column)? {
            None => Ok(Vec::new()),
            Some(text) => array::parse(text).ok_or_else(|| self.unexpected(column, text)),
        }
    }

    /// A one-dimensional array of numbers; NULL reads as empty.
    pub(crate) fn numbers<T: std::str::FromStr>(&self, column: &str) -> Result<Vec<T>, CatalogError> {
        let text = self.get(column)?.unwrap_or_default();
        let inner = text.trim_start_matches('{').trim_end_matches('}');
        let numbers = inner.split(',').filter(|number| !number.is_empty());
        numbers.map(|number| number.parse().map_err(|_| self.unexpected(column, number))).collect()
    }

    /// A list of numbers with spaces between them, as `int2vector` and `oidvector` print.
    pub(crate) fn vector<T: std::str::FromStr>(&self, column: &str) -> Result<Vec<T>, CatalogError> {
        let text = self.str(column)?;
        text.split_ascii_whitespace().map(|part| part.parse().map_err(|_| self.unexpected(column, text))).collect()
    }
}
