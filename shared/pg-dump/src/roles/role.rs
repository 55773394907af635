//! Roles: `pg_roles`, which shows no passwords.

use std::collections::BTreeMap;

use sql_text::quote::{dollar_quoted, identifier, literal};

use super::remark::Remark;
use crate::catalog::{CatalogError, Reader, Row};

pub(super) struct Role {
    pub(super) oid: u32,
    pub(super) name: String,
    pub(super) logs_in: bool,
    /// As they follow CREATE ROLE … WITH.
    attributes: Vec<String>,
    /// Of the role in all databases: `SET name TO value`.
    pub(super) settings: Vec<String>,
    pub(super) remarks: Vec<Remark>,
    /// GRANT … ON PARAMETER … TO, without the role.
    pub(super) parameters: Vec<super::parameter::Privileges>,
}

pub(super) async fn read(reader: &Reader<'_>, oids: &str) -> Result<BTreeMap<u32, Role>, CatalogError> {
    let sql = format!(
        "SELECT oid, rolname AS name, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, \
         rolbypassrls, rolconnlimit AS connections, rolvaliduntil AS until FROM pg_roles WHERE oid IN ({oids})"
    );
    let mut roles = BTreeMap::new();
    for row in reader.rows("roles", &sql).await? {
        let oid = row.oid("oid")?;
        let role = Role {
            oid,
            name: row.text("name")?,
            logs_in: row.flag("rolcanlogin")?,
            attributes: attributes(&row)?,
            settings: Vec::new(),
            remarks: Vec::new(),
            parameters: Vec::new(),
        };
        roles.insert(oid, role);
    }
    Ok(roles)
}

/// What differs from a role that CREATE ROLE makes: to say that a role is no superuser takes a superuser.
fn attributes(row: &Row) -> Result<Vec<String>, CatalogError> {
    let mut words = Vec::new();
    for (column, usual, word) in [
        ("rolsuper", false, "SUPERUSER"),
        ("rolinherit", true, "NOINHERIT"),
        ("rolcreaterole", false, "CREATEROLE"),
        ("rolcreatedb", false, "CREATEDB"),
        ("rolcanlogin", false, "LOGIN"),
        ("rolreplication", false, "REPLICATION"),
        ("rolbypassrls", false, "BYPASSRLS"),
    ] {
        if row.flag(column)? != usual {
            words.push(word.to_owned());
        }
    }
    let connections = row.text("connections")?;
    if connections != "-1" {
        words.push(format!("CONNECTION LIMIT {connections}"));
    }
    if let Some(until) = row.optional("until")? {
        words.push(format!("VALID UNTIL {}", literal(&until)));
    }
    Ok(words)
}

impl Role {
    /// Makes the role with all that is its own, unless it exists.
    pub(super) fn statement(&self) -> String {
        let (name, quoted) = (identifier(&self.name), literal(&self.name));
        let with =
            if self.attributes.is_empty() { String::new() } else { format!(" WITH {}", self.attributes.join(" ")) };
        let mut statements = vec![format!("CREATE ROLE {name}{with}")];
        statements.extend(self.settings.iter().map(|set| format!("ALTER ROLE {name} {set}")));
        statements.extend(self.parameters.iter().flat_map(|privileges| privileges.statements(&name)));
        statements.extend(self.remarks.iter().map(|remark| remark.statement("ROLE", &name)));
        let body = format!(
            "\nBEGIN\n    IF EXISTS (SELECT FROM pg_temp.existing_roles WHERE rolname = {quoted}) THEN\n        \
             RAISE NOTICE 'role % exists already and stays as it is', {quoted};\n        RETURN;\n    END IF;\n    \
             {};\nEND\n",
            statements.join(";\n    ")
        );
        format!("DO {};\n", dollar_quoted(&body))
    }
}
