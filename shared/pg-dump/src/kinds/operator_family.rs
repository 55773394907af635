//! Operator families: `pg_opfamily`, with the members that are tied to none of their classes.
//!
//! Of families that initdb or an extension made, the members that users added.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use super::operator_member;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct OperatorFamily {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    /// Name of its access method.
    pub(crate) method: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, OperatorFamily>, CatalogError> {
    let sql = "SELECT f.oid, n.nspname AS schema, f.opfname AS name, r.rolname AS owner, a.amname AS method \
         FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am a ON a.oid = f.opfmethod \
         LEFT JOIN pg_roles r ON r.oid = f.opfowner \
         WHERE f.oid >= 16384 OR EXISTS (SELECT FROM pg_amop m WHERE m.amopfamily = f.oid AND m.oid >= 16384) \
         OR EXISTS (SELECT FROM pg_amproc m WHERE m.amprocfamily = f.oid AND m.oid >= 16384)";
    let mut families = BTreeMap::new();
    for row in reader.rows("operator families", sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("operator family {schema}.{name}"))?;
        let (oid, method) = (row.oid("oid")?, row.text("method")?);
        families.insert(oid, OperatorFamily { oid, schema, name, owner, method });
    }
    Ok(families)
}

impl OperatorFamily {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::OPERATOR_FAMILY, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let method = identifier(&self.method);
        let statement = format!("OPERATOR FAMILY {} USING {method}", qualified(&self.schema, &self.name));
        let item = Item::new("OPERATOR FAMILY", &*self.name).schema(&self.schema).owner(&self.owner);
        let members = out.model.operator_members.of_family.get(&self.oid).map(Vec::as_slice).unwrap_or_default();
        let of_extension = out.model.members.contains_key(&self.id());
        if !self.id().is_users() || !out.model.is_defined(self.id(), &self.schema) {
            let added = members.iter().filter(|member| member.is_added(of_extension, out.model));
            let added: Vec<_> = added.collect();
            if !added.is_empty() {
                let list = operator_member::emit(Vec::new(), added.into_iter(), out);
                out.item(item.definition(format!("ALTER {statement} ADD\n    {list};\n")));
            }
            return;
        }
        let mut definition = format!("CREATE {statement};\n");
        if !members.is_empty() {
            let list = operator_member::emit(Vec::new(), members.iter(), out);
            definition.push_str(&format!("ALTER {statement} ADD\n    {list};\n"));
        }
        out.told(self.id());
        out.item(item.definition(definition).alter_owner(statement));
        let name = format!("{} USING {method}", identifier(&self.name));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "OPERATOR FAMILY",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
