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
    // Only a generation expression names columns, for which the server locks the table and loads its description.
    let beside = reader.beside();
    let (mut defaults, generated) = tokio::try_join!(biased; of(&beside, "0", "a.attgenerated = ''"), of(reader, "d.adrelid", "a.attgenerated <> ''"))?;
    defaults.extend(generated);
    Ok(defaults)
}

/// The expressions that mean columns of `relation`, of those columns that `condition` is true for.
async fn of(
    reader: &Reader<'_>,
    relation: &str,
    condition: &str,
) -> Result<BTreeMap<u32, ColumnDefault>, CatalogError> {
    let sql = format!(
        "SELECT d.oid, d.adrelid AS table, d.adnum AS column, pg_get_expr(d.adbin, {relation}) AS expression \
         FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid \
         JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
         WHERE c.relpersistence <> 't' AND {condition}"
    );
    let mut defaults = BTreeMap::new();
    let take = |row: &Row| {
        let oid = row.oid("oid")?;
        let (table, column, expression) =
            (row.oid("table")?, row.number("column")?, row.fragment("expression")?.unwrap_or_default());
        defaults.insert(oid, ColumnDefault { oid, table, column, expression });
        Ok(())
    };
    reader.each("column defaults", &sql, take).await?;
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
