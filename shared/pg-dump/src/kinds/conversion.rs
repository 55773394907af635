//! Conversions between encodings: `pg_conversion`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal, qualified};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Conversion {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    default: bool,
    from: String,
    to: String,
    function: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Conversion>, CatalogError> {
    let sql = "SELECT c.oid, n.nspname AS schema, c.conname AS name, r.rolname AS owner, c.condefault AS default, \
         pg_encoding_to_char(c.conforencoding) AS from, pg_encoding_to_char(c.contoencoding) AS to, c.conproc AS function \
         FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace LEFT JOIN pg_roles r ON r.oid = c.conowner \
         WHERE c.oid >= 16384";
    let mut conversions = BTreeMap::new();
    for row in reader.rows("conversions", sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("conversion {schema}.{name}"))?;
        let conversion = Conversion {
            oid: row.oid("oid")?,
            schema,
            name,
            owner,
            default: row.flag("default")?,
            from: row.text("from")?,
            to: row.text("to")?,
            function: row.text("function")?,
        };
        conversions.insert(conversion.oid, conversion);
    }
    Ok(conversions)
}

impl Conversion {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::CONVERSION, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let (name, qualified) = (identifier(&self.name), qualified(&self.schema, &self.name));
        let default = if self.default { "DEFAULT " } else { "" };
        let (from, to) = (literal(&self.from), literal(&self.to));
        let definition = format!("CREATE {default}CONVERSION {qualified} FOR {from} TO {to} FROM {};\n", self.function);
        out.told(self.id());
        let item = Item::new("CONVERSION", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition).alter_owner(format!("CONVERSION {qualified}")));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "CONVERSION",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
