//! Access methods of tables and indexes: `pg_am`. They have no owner.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct AccessMethod {
    pub(crate) oid: u32,
    pub(crate) name: String,
    /// `TABLE` or `INDEX`.
    of: &'static str,
    handler: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, AccessMethod>, CatalogError> {
    let sql = "SELECT oid, amname AS name, amtype AS type, amhandler AS handler FROM pg_am WHERE oid >= 16384";
    let mut methods = BTreeMap::new();
    for row in reader.rows("access methods", sql).await? {
        let of = match row.letter("type")? {
            't' => "TABLE",
            'i' => "INDEX",
            other => {
                let (what, column) = ("access methods", "amtype".to_owned());
                return Err(CatalogError::Unexpected { what, column, value: other.to_string() });
            }
        };
        let (oid, name, handler) = (row.oid("oid")?, row.text("name")?, row.text("handler")?);
        methods.insert(oid, AccessMethod { oid, name, of, handler });
    }
    Ok(methods)
}

impl AccessMethod {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::ACCESS_METHOD, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let name = identifier(&self.name);
        let definition = format!("CREATE ACCESS METHOD {name} TYPE {} HANDLER {};\n", self.of, self.handler);
        out.told(self.id());
        out.item(Item::new("ACCESS METHOD", &*self.name).definition(definition));
        out.comment(&Target { id: self.id(), column: 0, kind: "ACCESS METHOD", name: &name, schema: None, owner: "" });
    }
}
