//! Domains: `pg_type`, with their constraints from `pg_constraint`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use super::constraint::ConstraintKind;
use super::types::DataType;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item};

pub(crate) struct Domain {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    base_type: String,
    collation: Option<String>,
    pub(crate) default: Option<String>,
    not_null: bool,
}

/// By OID of the type.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Domain>, CatalogError> {
    let sql = "SELECT t.oid, n.nspname AS schema, t.typname AS name, r.rolname AS owner, \
         format_type(t.typbasetype, t.typtypmod) AS base_type, t.typnotnull AS not_null, \
         coalesce(pg_get_expr(t.typdefaultbin, 'pg_type'::regclass), quote_literal(t.typdefault)) AS default, \
         CASE WHEN t.typcollation <> b.typcollation THEN \
             (SELECT quote_ident(cn.nspname) || '.' || quote_ident(c.collname) FROM pg_collation c \
              JOIN pg_namespace cn ON cn.oid = c.collnamespace WHERE c.oid = t.typcollation) END AS collation \
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace JOIN pg_type b ON b.oid = t.typbasetype \
         LEFT JOIN pg_roles r ON r.oid = t.typowner WHERE t.typtype = 'd' AND t.oid >= 16384";
    let mut domains = BTreeMap::new();
    for row in reader.rows("domains", sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("domain {schema}.{name}"))?;
        let domain = Domain {
            schema,
            name,
            owner,
            base_type: row.fragment("base_type")?.unwrap_or_default(),
            collation: row.optional("collation")?,
            default: row.fragment("default")?,
            not_null: row.flag("not_null")?,
        };
        domains.insert(row.oid("oid")?, domain);
    }
    Ok(domains)
}

impl Domain {
    /// `inline` are the constraints that belong into CREATE DOMAIN, in order of their names; the default does unless it is `apart`.
    pub(crate) fn emit(
        &self,
        data_type: &DataType,
        inline: &[u32],
        apart: bool,
        out: &mut Emitter<'_>,
    ) -> Result<(), CatalogError> {
        let name = qualified(&self.schema, &self.name);
        let constraints: Vec<_> = inline.iter().filter_map(|oid| out.model.constraints.get(oid)).collect();

        let mut definition = format!("CREATE DOMAIN {name} AS {}", self.base_type);
        if let Some(collation) = &self.collation {
            definition.push_str(&format!(" COLLATE {collation}"));
        }
        if self.not_null {
            // Servers before 17 have no name for it.
            let named = constraints.iter().find(|constraint| constraint.kind == ConstraintKind::NotNull);
            if let Some(named) = named.filter(|constraint| constraint.name != format!("{}_not_null", self.name)) {
                definition.push_str(&format!(" CONSTRAINT {}", identifier(&named.name)));
            }
            definition.push_str(" NOT NULL");
        }
        if let Some(default) = self.default.as_ref().filter(|_| !apart) {
            definition.push_str(&format!(" DEFAULT {default}"));
        }
        for constraint in &constraints {
            out.told(constraint.id());
            if constraint.kind == ConstraintKind::Check {
                definition.push_str(&format!("\n\t{}", constraint.inline()));
            }
        }
        definition.push_str(";\n");
        let item = Item::new("DOMAIN", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition).alter_owner(format!("DOMAIN {name}")));
        data_type.about("DOMAIN", out)?;
        for constraint in constraints {
            constraint.comment_of_domain(self, out);
        }
        Ok(())
    }

    /// `ALTER DOMAIN … SET DEFAULT`, for a default that is not in CREATE DOMAIN.
    pub(crate) fn emit_default(&self, out: &mut Emitter<'_>) {
        let default = self.default.as_deref().unwrap_or_default();
        let definition = format!("ALTER DOMAIN {} SET DEFAULT {default};\n", qualified(&self.schema, &self.name));
        let item = Item::new("DEFAULT", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition));
    }
}
