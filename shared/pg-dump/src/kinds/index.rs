//! Indexes: `pg_index`. An index that keeps a constraint comes with the constraint.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use super::relation::{self, Relation};
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Index {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) name: String,
    /// Empty for one that keeps a constraint.
    pub(crate) definition: String,
    /// Columns of the table, keys first; 0 for an expression.
    pub(crate) columns: Vec<i16>,
    pub(crate) key_columns: usize,
    pub(crate) clustered: bool,
    pub(crate) replica_identity: bool,
    pub(crate) nulls_not_distinct: bool,
    pub(crate) options: String,
    pub(crate) tablespace: String,
    /// The partitioned index that it is a partition of, or 0.
    pub(crate) parent: u32,
    /// Statistics targets by number of the index's column.
    pub(crate) statistics: Vec<(String, String)>,
    /// The constraint that it keeps, or 0.
    pub(crate) constraint: u32,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Index>, CatalogError> {
    // Only an expression has a target of its own. There are few, and very many columns.
    let statistics = |what| {
        format!(
            "CASE WHEN i.indexprs IS NOT NULL THEN (SELECT array_agg(a.{what} ORDER BY a.attnum) FROM pg_attribute a \
                 WHERE a.attrelid = i.indexrelid AND {} >= 0) END",
            reader.version.column_statistics()
        )
    };
    let sql = format!(
        "SELECT i.indexrelid AS oid, i.indrelid AS table, x.relname AS name, \
         CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid) END AS definition, \
         i.indkey AS columns, i.indnkeyatts AS key_columns, i.indisclustered AS clustered, i.indisreplident AS replica_identity, \
         {nulls_not_distinct} AS nulls_not_distinct, x.reloptions AS options, coalesce(s.spcname, '') AS tablespace, \
         h.inhparent AS parent, c.oid AS constraint, \
         {of_expressions} AS statistics_columns, {targets} AS statistics_targets \
         FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
         LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid \
         LEFT JOIN pg_constraint c \
             ON c.conrelid = i.indrelid AND c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x') \
         WHERE (i.indisvalid OR t.relkind = 'p') AND i.indisready \
         AND t.relpersistence <> 't' AND i.indexrelid >= 16384 AND t.relkind <> 't'",
        nulls_not_distinct = reader.version.index_nulls_not_distinct(),
        of_expressions = statistics("attnum"),
        targets = statistics("attstattarget"),
    );
    let mut indexes = BTreeMap::new();
    let take = |row: &Row| {
        let oid = row.oid("oid")?;
        let index = Index {
            oid,
            table: row.oid("table")?,
            name: row.text("name")?,
            definition: row.fragment("definition")?.unwrap_or_default(),
            columns: row.vector("columns")?,
            key_columns: row.number("key_columns")?,
            clustered: row.flag("clustered")?,
            replica_identity: row.flag("replica_identity")?,
            nulls_not_distinct: row.flag("nulls_not_distinct")?,
            options: relation::options(&row.list("options")?, ""),
            tablespace: row.text("tablespace")?,
            parent: row.oid("parent")?,
            statistics: row.list("statistics_columns")?.into_iter().zip(row.list("statistics_targets")?).collect(),
            constraint: row.oid("constraint")?,
        };
        indexes.insert(oid, index);
        Ok(())
    };
    reader.each("indexes", &sql, take).await?;
    Ok(indexes)
}

/// What only ALTER can say of an index, be it a constraint's or not.
pub(super) fn properties(index: &Index, relation: &Relation, out: &mut Emitter<'_>) -> String {
    let (foreign, table, name) = (relation.foreign(), relation.qualified(), identifier(&index.name));
    let mut sql = String::new();
    let qualified = qualified(&relation.schema, &index.name);
    for (column, target) in &index.statistics {
        sql.push_str(&format!("ALTER INDEX {qualified} ALTER COLUMN {column} SET STATISTICS {target};\n"));
    }
    if index.clustered {
        sql.push_str(&format!("\nALTER {foreign}TABLE {table} CLUSTER ON {name};\n"));
    }
    if index.replica_identity {
        sql.push_str(&format!("\nALTER {foreign}TABLE ONLY {table} REPLICA IDENTITY USING INDEX {name};\n"));
    }
    sql.push_str(&out.extensions_needed(index.id(), &format!("INDEX {qualified}")));
    sql
}

impl Index {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::RELATION, self.oid)
    }

    pub(crate) fn emit(&self, relation: &Relation, out: &mut Emitter<'_>) {
        out.told(self.id());
        let name = identifier(&self.name);
        if self.constraint == 0 {
            let mut definition = format!("{};\n", self.definition);
            definition.push_str(&properties(self, relation, out));
            let item = Item::new("INDEX", &*self.name).schema(&relation.schema).owner(&relation.owner);
            out.item(item.tablespace(&self.tablespace).definition(definition));
        }
        let target = Target {
            id: self.id(),
            column: 0,
            kind: "INDEX",
            name: &name,
            schema: Some(&relation.schema),
            owner: &relation.owner,
        };
        out.comment(&target);
    }
}
