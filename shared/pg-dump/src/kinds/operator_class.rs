//! Operator classes: `pg_opclass`, with the members that are tied to them.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use super::operator_member;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct OperatorClass {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    /// Name of its access method.
    pub(crate) method: String,
    pub(crate) family: u32,
    /// `schema.name` of its family.
    family_name: String,
    /// The type that it is for.
    pub(crate) input: u32,
    input_name: String,
    default: bool,
    /// The type that an index stores, if it is another one.
    storage: Option<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, OperatorClass>, CatalogError> {
    let sql = "SELECT c.oid, n.nspname AS schema, c.opcname AS name, r.rolname AS owner, a.amname AS method, \
         c.opcfamily AS family, fn.nspname AS family_schema, f.opfname AS family_name, c.opcintype AS input, \
         format_type(c.opcintype, NULL) AS input_name, c.opcdefault AS default, \
         CASE WHEN c.opckeytype <> 0 THEN format_type(c.opckeytype, NULL) END AS storage \
         FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am a ON a.oid = c.opcmethod \
         JOIN pg_opfamily f ON f.oid = c.opcfamily JOIN pg_namespace fn ON fn.oid = f.opfnamespace \
         LEFT JOIN pg_roles r ON r.oid = c.opcowner WHERE c.oid >= 16384";
    let mut classes = BTreeMap::new();
    for row in reader.rows("operator classes", sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("operator class {schema}.{name}"))?;
        let operator_class = OperatorClass {
            oid: row.oid("oid")?,
            schema,
            name,
            owner,
            method: row.text("method")?,
            family: row.oid("family")?,
            family_name: qualified(&row.text("family_schema")?, &row.text("family_name")?),
            input: row.oid("input")?,
            input_name: row.text("input_name")?,
            default: row.flag("default")?,
            storage: row.optional("storage")?,
        };
        classes.insert(operator_class.oid, operator_class);
    }
    Ok(classes)
}

impl OperatorClass {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::OPERATOR_CLASS, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let members = out.model.operator_members.of_class.get(&self.oid).map(Vec::as_slice).unwrap_or_default();
        // A class without members has to say something.
        let storage = self.storage.as_ref().or(members.is_empty().then_some(&self.input_name));
        let items = storage.map(|storage| format!("STORAGE {storage}")).into_iter().collect();
        let method = identifier(&self.method);
        let definition = format!(
            "CREATE OPERATOR CLASS {}\n    {}FOR TYPE {} USING {method} FAMILY {} AS\n    {};\n",
            qualified(&self.schema, &self.name),
            if self.default { "DEFAULT " } else { "" },
            self.input_name,
            self.family_name,
            operator_member::emit(items, members.iter(), out)
        );
        out.told(self.id());
        let item = Item::new("OPERATOR CLASS", &*self.name).schema(&self.schema).owner(&self.owner);
        let statement = format!("OPERATOR CLASS {} USING {method}", qualified(&self.schema, &self.name));
        out.item(item.definition(definition).alter_owner(statement));
        let name = format!("{} USING {method}", identifier(&self.name));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "OPERATOR CLASS",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
