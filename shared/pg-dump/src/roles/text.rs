//! The text: what to do with it, the roles, their memberships, the database.

use sql_text::quote::{comment, identifier};
use sql_volume::DatabaseProperties;

use super::Known;
use super::membership;
use crate::catalog::CatalogError;
use crate::version::Version;

pub(super) fn compose(
    known: &Known,
    properties: &DatabaseProperties,
    version: Version,
) -> Result<String, CatalogError> {
    let mut roles: Vec<_> = known.made().collect();
    roles.sort_by(|a, b| a.name.cmp(&b.name));

    let mut text = introduction(properties);
    let passwords: Vec<_> = roles.iter().filter(|role| role.logs_in).collect();
    if !passwords.is_empty() {
        text.push_str("--\n-- No backup has passwords. These roles log in, and need one if they are new:\n");
        for role in passwords {
            text.push_str(&format!("--     ALTER ROLE {} PASSWORD '...';\n", comment(&identifier(&role.name))));
        }
    }
    if !known.unread.is_empty() {
        text.push_str("--\n-- MISSING here, because the role that made the backup may not read it:\n");
        for what in &known.unread {
            text.push_str(&format!("--     {what}\n"));
        }
    }
    text.push_str(PREAMBLE);

    for role in roles {
        text.push_str(&title("Role", &role.name));
        push(&mut text, &format!("role {}", role.name), &role.statement())?;
    }
    if let Some(statement) = membership::statement(&known.memberships, &known.roles) {
        text.push_str("--\n-- Memberships\n--\n\n");
        push(&mut text, "the memberships of roles", &statement)?;
    }

    let name = &properties.name;
    text.push_str(&title("Database", name));
    text.push_str(&format!(
        "-- A restore creates it. By hand, outside of this transaction:\n-- {}\n\n",
        known.database.creation(properties, version)
    ));
    push(&mut text, &format!("database {name}"), &known.database.statement(name))?;
    text.push_str("COMMIT;\n\n--\n-- PostgreSQL roles and database properties complete\n--\n\n");
    Ok(text)
}

fn introduction(properties: &DatabaseProperties) -> String {
    format!(
        "--\n-- PostgreSQL roles and database properties\n--\n\n\
         -- Of database {name}, PostgreSQL {server}, by offsite {ours}\n--\n\
         -- Run this with psql (-X -v ON_ERROR_STOP=1 -f FILE) as a superuser, or as whoever administers roles,\n\
         --   1. before the restore, in another database of the server, such as postgres: it creates the roles;\n\
         --   2. after the restore, in the restored database: it sets that database's owner, privileges and settings.\n\
         --      If it was restored under another name, replace the name in the last block.\n\
         -- It is one transaction: if it stops at something that you may not do, take that out and run it again.\n\
         -- A role that exists already stays as it is, and a notice says so.\n",
        name = comment(&properties.name),
        server = comment(&properties.server_version),
        ours = env!("CARGO_PKG_VERSION"),
    )
}

const PREAMBLE: &str = "
SET default_transaction_read_only = off;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

BEGIN;

CREATE TEMPORARY TABLE existing_roles ON COMMIT DROP AS SELECT rolname FROM pg_catalog.pg_roles;

";

fn title(kind: &str, name: &str) -> String {
    format!("--\n-- {kind} {}\n--\n\n", comment(name))
}

/// Adds one statement. psql must find nothing in it but one statement.
fn push(text: &mut String, object: &str, statement: &str) -> Result<(), CatalogError> {
    sql_text::check_statement(statement)
        .map_err(|source| CatalogError::Fragment { object: object.to_owned(), source })?;
    text.push_str(statement);
    text.push('\n');
    Ok(())
}
