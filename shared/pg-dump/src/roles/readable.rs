//! Catalogs of the cluster that everyone may read, unless somebody took that away.

use std::collections::BTreeMap;

use crate::catalog::{CatalogError, Reader};

/// Without the others, which the rest of the dump can't do without either.
const OPTIONAL: [(&str, &str); 6] = [
    ("pg_auth_members", "memberships of roles"),
    ("pg_db_role_setting", "settings of roles and of the database"),
    ("pg_parameter_acl", "privileges of roles on parameters"),
    ("pg_shdepend", "roles that the dump itself doesn't mention"),
    ("pg_shdescription", "comments on roles and on the database"),
    ("pg_shseclabel", "security labels on roles and on the database"),
];

pub(super) struct Readable(BTreeMap<String, bool>);

impl Readable {
    pub(super) async fn read(reader: &Reader<'_>) -> Result<Self, CatalogError> {
        let names: Vec<_> = OPTIONAL.iter().map(|(name, _)| sql_text::quote::literal(name)).collect();
        let sql = format!(
            "SELECT c.relname AS name, has_table_privilege(c.oid, 'SELECT') AS readable FROM pg_class c \
             WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname IN ({})",
            names.join(", ")
        );
        let rows = reader.rows("what may be read of roles", &sql).await?;
        rows.iter().map(|row| Ok((row.text("name")?, row.flag("readable")?))).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a catalog exists and may be read.
    pub(super) fn has(&self, catalog: &str) -> bool {
        self.0.get(catalog) == Some(&true)
    }

    /// What is not known because a catalog exists and may not be read.
    pub(super) fn missing(&self) -> Vec<String> {
        let denied = OPTIONAL.iter().filter(|(name, _)| self.0.get(*name) == Some(&false));
        denied.map(|(name, what)| format!("{what} ({name})")).collect()
    }
}
