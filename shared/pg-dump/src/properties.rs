//! The database itself: how it was made, and the settings under which its dump is read.

use sql_text::quote::literal;
use sql_volume::DatabaseProperties;
use tokio_postgres::Client;

use crate::catalog::{CatalogError, rows};
use crate::version::Version;

/// Reads `pg_database` and the server's version.
pub(crate) async fn read(client: &Client) -> Result<(DatabaseProperties, Version), CatalogError> {
    let what = "the server's version";
    let sql = "SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS text";
    let unexpected = || CatalogError::Unexpected { what, column: "rows".to_owned(), value: "none".to_owned() };
    let row = rows(client, what, sql).await?.into_iter().next().ok_or_else(unexpected)?;
    let (version, server_version) = (Version::new(row.number("number")?)?, row.text("text")?);

    let sql = format!(
        "SELECT d.datname AS name, pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype, \
         {provider} AS provider, {locale} AS locale, {rules} AS icu_rules FROM pg_database d WHERE d.datname = current_database()",
        provider = version.locale_provider(),
        locale = version.database_locale(),
        rules = version.icu_rules(),
    );
    let row = rows(client, "the database", &sql).await?.into_iter().next().ok_or_else(unexpected)?;
    let properties = DatabaseProperties {
        name: row.text("name")?,
        // Builds say more in parentheses.
        server_version: server_version.split(' ').next().unwrap_or_default().to_owned(),
        server_version_num: version.number(),
        encoding: row.text("encoding")?,
        collate: row.text("collate")?,
        ctype: row.text("ctype")?,
        locale_provider: row.text("provider")?,
        locale: row.optional("locale")?,
        icu_rules: row.optional("icu_rules")?,
    };
    Ok((properties, version))
}

/// The banner, and the settings that a restoring session takes over.
pub(crate) fn preamble(database: &DatabaseProperties, version: Version) -> String {
    let transaction_timeout = if version.knows_transaction_timeout() { "SET transaction_timeout = 0;\n" } else { "" };
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version {server}\n-- Dumped by offsite {ours}\n\n\
         SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET idle_in_transaction_session_timeout = 0;\n{transaction_timeout}\
         SET client_encoding = {encoding};\nSET standard_conforming_strings = on;\n\
         SELECT pg_catalog.set_config('search_path', '', false);\nSET check_function_bodies = false;\n\
         SET xmloption = content;\nSET client_min_messages = warning;\nSET row_security = off;\n\n",
        server = sql_text::quote::comment(&database.server_version),
        ours = env!("CARGO_PKG_VERSION"),
        encoding = literal(&database.encoding),
    )
}
