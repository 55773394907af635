//! Extensions: `pg_extension`. Their members come with them; what users changed on members is told apart.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{FIRST_USER_OID, ObjectId, class};

pub(crate) struct Extension {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) schema: String,
    /// Tables whose rows belong to the database, with the conditions that select them (empty for all rows).
    pub(crate) configuration: Vec<(u32, String)>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Extension>, CatalogError> {
    let sql = "SELECT x.oid, x.extname AS name, n.nspname AS schema, x.extconfig::text[] AS tables, x.extcondition AS conditions \
         FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace";
    let mut extensions = BTreeMap::new();
    for row in reader.rows("extensions", sql).await? {
        let oid = row.oid("oid")?;
        let tables = row.list("tables")?.into_iter().filter_map(|oid| oid.parse().ok());
        let configuration = tables.zip(row.list("conditions")?).collect();
        extensions.insert(oid, Extension { oid, name: row.text("name")?, schema: row.text("schema")?, configuration });
    }
    Ok(extensions)
}

impl Extension {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::EXTENSION, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        // initdb makes plpgsql's.
        if self.oid < FIRST_USER_OID {
            return;
        }
        let name = identifier(&self.name);
        let definition = format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {};\n", identifier(&self.schema));
        out.told(self.id());
        out.item(Item::new("EXTENSION", &*self.name).definition(definition));
        let target = Target { id: self.id(), column: 0, kind: "EXTENSION", name: &name, schema: None, owner: "" };
        out.comment(&target);
    }
}
