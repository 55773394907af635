//! Comments and security labels on roles and databases: `pg_shdescription`, `pg_shseclabel`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal};

use super::readable::Readable;
use crate::catalog::{CatalogError, Reader};

pub(super) struct Remark {
    /// `None` for a comment.
    provider: Option<String>,
    text: String,
}

/// By OID.
#[derive(Default)]
pub(super) struct Remarks {
    roles: BTreeMap<u32, Vec<Remark>>,
    database: Vec<Remark>,
}

impl Remarks {
    pub(super) async fn read(
        reader: &Reader<'_>,
        readable: &Readable,
        database: u32,
        roles: &str,
    ) -> Result<Self, CatalogError> {
        let mut sources = Vec::new();
        if readable.has("pg_shdescription") {
            sources.push("SELECT objoid, classoid, NULL AS provider, description AS text FROM pg_shdescription");
        }
        if readable.has("pg_shseclabel") {
            sources.push("SELECT objoid, classoid, provider, label AS text FROM pg_shseclabel");
        }
        let mut remarks = Self::default();
        if sources.is_empty() {
            return Ok(remarks);
        }
        let sql = format!(
            "SELECT objoid AS oid, classoid = 'pg_database'::regclass AS of_database, provider, text FROM ({}) r \
             WHERE (classoid = 'pg_database'::regclass AND objoid = {database}) \
             OR (classoid = 'pg_authid'::regclass AND objoid IN ({roles})) ORDER BY provider NULLS FIRST",
            sources.join(" UNION ALL ")
        );
        for row in reader.rows("comments on roles and the database", &sql).await? {
            let remark = Remark { provider: row.optional("provider")?, text: row.text("text")? };
            if row.flag("of_database")? {
                remarks.database.push(remark);
            } else {
                remarks.roles.entry(row.oid("oid")?).or_default().push(remark);
            }
        }
        Ok(remarks)
    }

    pub(super) fn of_role(&mut self, oid: u32) -> Vec<Remark> {
        self.roles.remove(&oid).unwrap_or_default()
    }

    pub(super) fn of_database(&mut self) -> Vec<Remark> {
        std::mem::take(&mut self.database)
    }
}

impl Remark {
    /// `kind`: ROLE or DATABASE; `name` is quoted.
    pub(super) fn statement(&self, kind: &str, name: &str) -> String {
        let text = literal(&self.text);
        match &self.provider {
            None => format!("COMMENT ON {kind} {name} IS {text}"),
            Some(provider) => format!("SECURITY LABEL FOR {} ON {kind} {name} IS {text}", identifier(provider)),
        }
    }
}
