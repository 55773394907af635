//! The database's own properties: `pg_database`.

use sql_text::quote::{dollar_quoted, identifier, literal};
use sql_text::{Statement, split};
use sql_volume::DatabaseProperties;

use super::remark::Remark;
use super::setting::DatabaseSettings;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{AccessList, database_privileges};
use crate::version::Version;

pub(super) struct Database {
    pub(super) oid: u32,
    owner: String,
    connections: String,
    is_template: bool,
    /// `None` for the default.
    tablespace: Option<String>,
    /// GRANT and REVOKE, each without its semicolon.
    privileges: Vec<String>,
    pub(super) settings: DatabaseSettings,
    pub(super) remarks: Vec<Remark>,
}

pub(super) async fn read(reader: &Reader<'_>, properties: &DatabaseProperties) -> Result<Database, CatalogError> {
    let sql = "SELECT d.oid, r.rolname AS owner, d.datacl AS acl, acldefault('d', d.datdba) AS acldefault, \
         d.datconnlimit AS connections, d.datistemplate AS is_template, nullif(t.spcname, 'pg_default') AS tablespace \
         FROM pg_database d LEFT JOIN pg_roles r ON r.oid = d.datdba LEFT JOIN pg_tablespace t ON t.oid = d.dattablespace \
         WHERE d.datname = current_database()";
    let what = "the database's properties";
    let unexpected = || CatalogError::Unexpected { what, column: "rows".to_owned(), value: "none".to_owned() };
    let row = reader.rows(what, sql).await?.into_iter().next().ok_or_else(unexpected)?;
    let name = &properties.name;
    let owner = reader.owner(&row, || format!("database {name}"))?;
    let privileges = database_privileges(&identifier(name), &owner, &AccessList::read(&row)?)?;
    Ok(Database {
        oid: row.oid("oid")?,
        owner,
        connections: row.text("connections")?,
        is_template: row.flag("is_template")?,
        tablespace: row.optional("tablespace")?,
        privileges: statements(&privileges, name)?,
        settings: DatabaseSettings::default(),
        remarks: Vec::new(),
    })
}

/// The statements of a text, without their semicolons: names may hold line ends.
fn statements(sql: &str, database: &str) -> Result<Vec<String>, CatalogError> {
    let unreadable =
        || CatalogError::AccessList { object: format!("DATABASE {}", identifier(database)), list: sql.to_owned() };
    split(sql.as_bytes())
        .map(|statement| match statement {
            Ok(Statement::Sql(text)) => {
                let text = std::str::from_utf8(text.text).map_err(|_| unreadable())?;
                Ok(text.trim_end_matches(';').to_owned())
            }
            _ => Err(unreadable()),
        })
        .collect()
}

impl Database {
    /// Sets what pg_dump doesn't, in the database that we are connected to, if that is the one.
    pub(super) fn statement(&self, name: &str) -> String {
        let (database, quoted) = (identifier(name), literal(name));
        let mut statements = vec![format!("ALTER DATABASE {database} OWNER TO {}", identifier(&self.owner))];
        if self.is_template {
            statements.push(format!("ALTER DATABASE {database} WITH IS_TEMPLATE true"));
        }
        if self.connections != "-1" {
            statements.push(format!("ALTER DATABASE {database} WITH CONNECTION LIMIT {}", self.connections));
        }
        statements.extend_from_slice(&self.privileges);
        statements.extend(self.settings.all.iter().map(|set| format!("ALTER DATABASE {database} {set}")));
        for (role, settings) in &self.settings.roles {
            let role = identifier(role);
            statements.extend(settings.iter().map(|set| format!("ALTER ROLE {role} IN DATABASE {database} {set}")));
        }
        statements.extend(self.remarks.iter().map(|remark| remark.statement("DATABASE", &database)));
        let body = format!(
            "\nBEGIN\n    IF pg_catalog.current_database() <> {quoted} THEN\n        \
             RAISE NOTICE 'database % gets its owner, privileges and settings when this is run in it', {quoted};\n        \
             RETURN;\n    END IF;\n    {};\nEND\n",
            statements.join(";\n    ")
        );
        format!("DO {};\n", dollar_quoted(&body))
    }

    /// CREATE DATABASE on one line, whatever its names hold, so that it can stand in a comment.
    pub(super) fn creation(&self, properties: &DatabaseProperties, version: Version) -> String {
        let quoted = |text: &str| on_one_line(literal(text));
        let name = on_one_line(identifier(&properties.name).into_owned());
        let mut sql =
            format!("CREATE DATABASE {name} WITH TEMPLATE = template0 ENCODING = {}", quoted(&properties.encoding));
        if version.knows_locale_providers() {
            sql.push_str(&format!(" LOCALE_PROVIDER = {}", identifier(&properties.locale_provider)));
        }
        sql.push_str(&format!(
            " LC_COLLATE = {} LC_CTYPE = {}",
            quoted(&properties.collate),
            quoted(&properties.ctype)
        ));
        if let Some(locale) = &properties.locale {
            let option = if properties.locale_provider == "builtin" { "BUILTIN_LOCALE" } else { "ICU_LOCALE" };
            sql.push_str(&format!(" {option} = {}", quoted(locale)));
        }
        if let Some(rules) = &properties.icu_rules {
            sql.push_str(&format!(" ICU_RULES = {}", quoted(rules)));
        }
        if let Some(tablespace) = &self.tablespace {
            sql.push_str(&format!(" TABLESPACE = {}", on_one_line(identifier(tablespace).into_owned())));
        }
        sql.push(';');
        sql
    }
}

/// A quoted identifier or literal with its line ends as escapes.
fn on_one_line(quoted: String) -> String {
    if !quoted.contains(['\n', '\r']) {
        return quoted;
    }
    format!("U&{}", quoted.replace('\\', "\\\\").replace('\n', "\\000a").replace('\r', "\\000d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_escaped_and_nothing_else_changes() {
        assert_eq!(on_one_line("'a\\b'".to_owned()), "'a\\b'");
        assert_eq!(on_one_line("\"a\\\n\"\"b\r\"".to_owned()), "U&\"a\\\\\\000a\"\"b\\000d\"");
    }
}
