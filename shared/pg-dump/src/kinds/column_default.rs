//! Defaults and generation expressions of columns: `pg_attrdef`.
//!
//! A default is part of its table's CREATE, unless it depends on something that needs the table first: then it follows
//! by ALTER TABLE. Since PostgreSQL 17, so may a generation expression.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item};
use crate::object::{ObjectId, class};

pub(crate) struct ColumnDefault {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) column: i16,
    pub(crate) expression: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, ColumnDefault>, CatalogError> {
    let sql = "SELECT d.oid, d.adrelid AS table, d.adnum AS column, \
         CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, 0) END AS expression \
         FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid \
         JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE c.relpersistence <> 't'";
    let (mut defaults, mut generated) = (BTreeMap::new(), Vec::new());
    let take = |row: &Row| {
        let oid = row.oid("oid")?;
        let (table, column, expression) = (row.oid("table")?, row.number("column")?, row.fragment("expression")?);
        if expression.is_none() {
            generated.push(oid.to_string());
        }
        defaults.insert(oid, ColumnDefault { oid, table, column, expression: expression.unwrap_or_default() });
        Ok(())
    };
    reader.beside().each("column defaults", sql, take).await?;
    // Only a generation expression names columns, for which the server locks the table and loads its description.
    if !generated.is_empty() {
        let sql = format!(
            "SELECT oid, pg_get_expr(adbin, adrelid) AS expression FROM pg_attrdef WHERE oid IN ({})",
            generated.join(", ")
        );
        for row in reader.rows("column defaults", &sql).await? {
            if let Some(default) = defaults.get_mut(&row.oid("oid")?) {
                default.expression = row.fragment("expression")?.unwrap_or_default();
            }
        }
    }
    // The server knows none of a table that is gone: what would be told of it is no SQL.
    if defaults.values().any(|default| default.expression.is_empty()) {
        let (what, column, value) = ("column defaults", "expression".to_owned(), "NULL".to_owned());
        return Err(CatalogError::Unexpected { what, column, value });
    }
    Ok(defaults)
}

impl ColumnDefault {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::COLUMN_DEFAULT, self.oid)
    }
}

/// `ALTER TABLE … SET DEFAULT`, for a default that is not in its table's CREATE.
pub(crate) fn emit(relation: &Relation, column: i16, expression: &str, out: &mut Emitter<'_>) {
    let Some(column) = relation.column(column) else { return };
    let definition = format!(
        "ALTER {}TABLE ONLY {} ALTER COLUMN {} SET {};\n",
        relation.foreign(),
        relation.qualified(),
        identifier(&column.name),
        if column.generated == ' ' { format!("DEFAULT {expression}") } else { format!("EXPRESSION AS ({expression})") }
    );
    let tag = format!("{} {}", relation.name, column.name);
    out.item(Item::new("DEFAULT", tag).schema(&relation.schema).owner(&relation.owner).definition(definition));
}
