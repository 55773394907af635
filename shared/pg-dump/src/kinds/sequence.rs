//! Sequences: `pg_sequence`. One of an identity column is made by ALTER TABLE; one that a column owns is tied to it afterwards.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use super::relation::Relation;
use super::table;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item};

pub(crate) struct Sequence {
    data_type: String,
    start: i64,
    increment: i64,
    minimum: i64,
    maximum: i64,
    cache: i64,
    cycles: bool,
}

/// By OID of the sequence's relation.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Sequence>, CatalogError> {
    let sql = "SELECT seqrelid AS oid, format_type(seqtypid, NULL) AS data_type, seqstart, seqincrement, seqmin, seqmax, seqcache, \
         seqcycle FROM pg_sequence";
    let mut sequences = BTreeMap::new();
    for row in reader.rows("sequences", sql).await? {
        let sequence = Sequence {
            data_type: row.text("data_type")?,
            start: row.number("seqstart")?,
            increment: row.number("seqincrement")?,
            minimum: row.number("seqmin")?,
            maximum: row.number("seqmax")?,
            cache: row.number("seqcache")?,
            cycles: row.flag("seqcycle")?,
        };
        sequences.insert(row.oid("oid")?, sequence);
    }
    Ok(sequences)
}

impl Sequence {
    /// START WITH … CACHE, a line each.
    fn options(&self) -> String {
        let (least, greatest) = match self.data_type.as_str() {
            "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
            "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
            _ => (i64::MIN, i64::MAX),
        };
        let (minimum, maximum) = if self.increment >= 0 { (1, greatest) } else { (least, -1) };
        let bound = |word, value, default| {
            if value == default { format!("    NO {word}\n") } else { format!("    {word} {value}\n") }
        };
        let (start, increment, cache) = (self.start, self.increment, self.cache);
        let mut sql = format!("    START WITH {start}\n    INCREMENT BY {increment}\n");
        sql.push_str(&bound("MINVALUE", self.minimum, minimum));
        sql.push_str(&bound("MAXVALUE", self.maximum, maximum));
        sql.push_str(&format!("    CACHE {cache}"));
        if self.cycles {
            sql.push_str("\n    CYCLE");
        }
        sql
    }

    pub(crate) fn emit(&self, relation: &Relation, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = relation.qualified();
        let owning = relation.owned_by.and_then(|owned| {
            let table = out.model.relations.get(&owned.table)?;
            Some((owned.identity, table, table.column(owned.column)?))
        });
        let item = |kind| Item::new(kind, &*relation.name).schema(&relation.schema).owner(&relation.owner);
        out.told(relation.id());
        match owning {
            Some((true, table, column)) => {
                let when = if column.identity == 'd' { "BY DEFAULT" } else { "ALWAYS" };
                let mut definition = format!(
                    "ALTER TABLE {} ALTER COLUMN {} ADD GENERATED {when} AS IDENTITY (\n    SEQUENCE NAME {name}\n",
                    table.qualified(),
                    identifier(&column.name)
                );
                if relation.persistence != table.persistence && out.model.version.knows_unlogged_sequences() {
                    definition.push_str(if relation.persistence == 'u' { "    UNLOGGED\n" } else { "    LOGGED\n" });
                }
                definition.push_str(&format!("{}\n);\n", self.options()));
                out.item(item("SEQUENCE").definition(definition));
            }
            owning => {
                let unlogged = if relation.persistence == 'u' { "UNLOGGED " } else { "" };
                let mut definition = format!("CREATE {unlogged}SEQUENCE {name}\n");
                if self.data_type != "bigint" {
                    definition.push_str(&format!("    AS {}\n", self.data_type));
                }
                definition.push_str(&format!("{};\n", self.options()));
                out.item(item("SEQUENCE").definition(definition).alter_owner(format!("SEQUENCE {name}")));
                if let Some((_, table, column)) = owning.filter(|(_, table, _)| !out.model.leaves_out(table.oid)) {
                    let column = format!("{}.{}", table.qualified(), identifier(&column.name));
                    let definition = format!("ALTER SEQUENCE {name} OWNED BY {column};\n");
                    out.item(item("SEQUENCE OWNED BY").definition(definition));
                }
            }
        }
        table::about(relation, out)
    }
}
