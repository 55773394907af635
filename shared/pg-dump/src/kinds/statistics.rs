//! Extended statistics: `pg_statistic_ext`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Statistics {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    /// -1 by default.
    target: i32,
    definition: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Statistics>, CatalogError> {
    let sql = format!(
        "SELECT s.oid, s.stxrelid AS table, n.nspname AS schema, s.stxname AS name, r.rolname AS owner, {target} AS target, \
         pg_get_statisticsobjdef(s.oid) AS definition FROM pg_statistic_ext s \
         JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_class c ON c.oid = s.stxrelid \
         LEFT JOIN pg_roles r ON r.oid = s.stxowner WHERE c.relpersistence <> 't'",
        target = reader.version.extended_statistics_target(),
    );
    let mut statistics = BTreeMap::new();
    for row in reader.rows("extended statistics", &sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("statistics {schema}.{name}"))?;
        let (oid, table) = (row.oid("oid")?, row.oid("table")?);
        let (target, definition) = (row.number("target")?, row.fragment("definition")?.unwrap_or_default());
        statistics.insert(oid, Statistics { oid, table, schema, name, owner, target, definition });
    }
    Ok(statistics)
}

impl Statistics {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::STATISTICS, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let (name, qualified) = (identifier(&self.name), qualified(&self.schema, &self.name));
        let mut definition = format!("{};\n", self.definition);
        if self.target >= 0 {
            definition.push_str(&format!("ALTER STATISTICS {qualified} SET STATISTICS {};\n", self.target));
        }
        out.told(self.id());
        let item = Item::new("STATISTICS", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition).alter_owner(format!("STATISTICS {qualified}")));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "STATISTICS",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
