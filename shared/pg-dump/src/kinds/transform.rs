//! Transforms between a type and a language's values: `pg_transform`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Transform {
    pub(crate) oid: u32,
    /// Names of the type and the language alone, for the sort.
    pub(crate) name: String,
    /// `FOR type LANGUAGE language`.
    subject: String,
    /// `FROM SQL WITH FUNCTION …` and the other way, as far as there are functions for them.
    functions: Vec<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Transform>, CatalogError> {
    let arguments = |function: &str| {
        format!(
            "ARRAY(SELECT format_type(a.type, NULL) FROM unnest({function}.proargtypes) WITH ORDINALITY a(type, place) \
             ORDER BY a.place)"
        )
    };
    let sql = format!(
        "SELECT t.oid, y.typname || ' ' || l.lanname AS name, format_type(t.trftype, NULL) AS type, l.lanname AS language, \
         fn.nspname AS from_schema, f.proname AS from_name, {from} AS from_arguments, \
         tn.nspname AS to_schema, f2.proname AS to_name, {to} AS to_arguments \
         FROM pg_transform t JOIN pg_type y ON y.oid = t.trftype JOIN pg_language l ON l.oid = t.trflang \
         LEFT JOIN pg_proc f ON f.oid = t.trffromsql LEFT JOIN pg_namespace fn ON fn.oid = f.pronamespace \
         LEFT JOIN pg_proc f2 ON f2.oid = t.trftosql LEFT JOIN pg_namespace tn ON tn.oid = f2.pronamespace \
         WHERE t.oid >= 16384",
        from = arguments("f"),
        to = arguments("f2"),
    );
    let mut transforms = BTreeMap::new();
    for row in reader.rows("transforms", &sql).await? {
        let mut functions = Vec::new();
        for (word, schema, name, arguments) in
            [("FROM", "from_schema", "from_name", "from_arguments"), ("TO", "to_schema", "to_name", "to_arguments")]
        {
            if let (Some(schema), Some(name)) = (row.optional(schema)?, row.optional(name)?) {
                let arguments = row.list(arguments)?.join(", ");
                functions.push(format!("{word} SQL WITH FUNCTION {}({arguments})", qualified(&schema, &name)));
            }
        }
        let subject = format!("FOR {} LANGUAGE {}", row.text("type")?, identifier(&row.text("language")?));
        let (oid, name) = (row.oid("oid")?, row.text("name")?);
        transforms.insert(oid, Transform { oid, name, subject, functions });
    }
    Ok(transforms)
}

impl Transform {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::TRANSFORM, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let definition = format!("CREATE TRANSFORM {} ({});\n", self.subject, self.functions.join(", "));
        out.told(self.id());
        out.item(Item::new("TRANSFORM", format!("TRANSFORM {}", self.subject)).definition(definition));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "TRANSFORM",
            name: &self.subject,
            schema: None,
            owner: "",
        });
    }
}
