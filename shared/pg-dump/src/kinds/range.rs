//! Range types: `pg_range`. Their multirange types and constructor functions come with them.

use std::collections::BTreeMap;

use super::types::DataType;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item};

/// Properties of a range type, a line each.
pub(crate) struct Range(Vec<String>);

/// By OID of the type.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Range>, CatalogError> {
    let sql = format!(
        "SELECT r.rngtypid AS oid, format_type(r.rngsubtype, NULL) AS subtype, \
         (SELECT quote_ident(n.nspname) || '.' || quote_ident(m.typname) FROM pg_type m \
          JOIN pg_namespace n ON n.oid = m.typnamespace WHERE m.oid = {multirange}) AS multirange, \
         CASE WHEN NOT o.opcdefault THEN \
             (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.opcname) FROM pg_namespace n WHERE n.oid = o.opcnamespace) \
             END AS operator_class, \
         CASE WHEN r.rngcollation <> s.typcollation THEN \
             (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname) FROM pg_collation c \
              JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = r.rngcollation) END AS collation, \
         r.rngcanonical AS canonical, r.rngsubdiff AS subtype_diff \
         FROM pg_range r JOIN pg_type s ON s.oid = r.rngsubtype JOIN pg_opclass o ON o.oid = r.rngsubopc \
         WHERE r.rngtypid >= 16384",
        multirange = reader.version.multirange_type(),
    );
    let mut ranges = BTreeMap::new();
    for row in reader.rows("range types", &sql).await? {
        let mut lines = vec![format!("subtype = {}", row.text("subtype")?)];
        for (word, column) in [
            ("multirange_type_name", "multirange"),
            ("subtype_opclass", "operator_class"),
            ("collation", "collation"),
            ("canonical", "canonical"),
            ("subtype_diff", "subtype_diff"),
        ] {
            if let Some(value) = row.optional(column)?.filter(|value| value != "-") {
                lines.push(format!("{word} = {value}"));
            }
        }
        ranges.insert(row.oid("oid")?, Range(lines));
    }
    Ok(ranges)
}

impl Range {
    pub(crate) fn emit(&self, data_type: &DataType, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = data_type.qualified();
        let definition = format!("CREATE TYPE {name} AS RANGE (\n    {}\n);\n", self.0.join(",\n    "));
        let item = Item::new("TYPE", &*data_type.name).schema(&data_type.schema).owner(&data_type.owner);
        out.item(item.definition(definition).alter_owner(format!("TYPE {name}")));
        data_type.about("TYPE", out)
    }
}
