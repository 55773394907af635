//! Casts: `pg_cast`. Those from a range to its multirange come with the range.

use std::collections::BTreeMap;

use sql_text::quote::qualified;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Cast {
    pub(crate) oid: u32,
    /// Names of the two types alone, for the sort.
    pub(crate) name: String,
    /// `(source AS target)`.
    types: String,
    /// `WITH FUNCTION …` and so on.
    method: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Cast>, CatalogError> {
    let sql = format!(
        "SELECT c.oid, s.typname || ' ' || t.typname AS name, format_type(s.oid, NULL) AS source, format_type(t.oid, NULL) AS target, \
         c.castmethod AS method, c.castcontext AS context, n.nspname AS function_schema, p.proname AS function, \
         ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place) ORDER BY a.place) \
             AS arguments \
         FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource JOIN pg_type t ON t.oid = c.casttarget \
         LEFT JOIN pg_proc p ON p.oid = c.castfunc LEFT JOIN pg_namespace n ON n.oid = p.pronamespace \
         WHERE c.oid >= 16384 AND {explicit}",
        explicit = reader.version.cast_is_explicit(),
    );
    let mut casts = BTreeMap::new();
    for row in reader.rows("casts", &sql).await? {
        let mut method = match (row.letter("method")?, row.optional("function_schema")?) {
            ('f', Some(schema)) => {
                let arguments = row.list("arguments")?.join(", ");
                format!("WITH FUNCTION {}({arguments})", qualified(&schema, &row.text("function")?))
            }
            ('i', _) => "WITH INOUT".to_owned(),
            _ => "WITHOUT FUNCTION".to_owned(),
        };
        method.push_str(match row.letter("context")? {
            'a' => " AS ASSIGNMENT",
            'i' => " AS IMPLICIT",
            _ => "",
        });
        let types = format!("({} AS {})", row.text("source")?, row.text("target")?);
        let (oid, name) = (row.oid("oid")?, row.text("name")?);
        casts.insert(oid, Cast { oid, name, types, method });
    }
    Ok(casts)
}

impl Cast {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::CAST, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let definition = format!("CREATE CAST {} {};\n", self.types, self.method);
        out.told(self.id());
        out.item(Item::new("CAST", format!("CAST {}", self.types)).definition(definition));
        out.comment(&Target { id: self.id(), column: 0, kind: "CAST", name: &self.types, schema: None, owner: "" });
    }
}
