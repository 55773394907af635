//! Partitions are made as tables and indexes of their own, and attached: `pg_inherits`, `pg_class.relpartbound`.

use sql_text::quote::qualified;

use super::exclusion;
use super::index::Index;
use super::relation::Relation;
use crate::emit::{Emitter, Item};

/// `ALTER TABLE … ATTACH PARTITION`.
pub(crate) fn emit_table(parent: &Relation, partition: &Relation, out: &mut Emitter<'_>) {
    let bound = partition.partition_bound.as_deref().unwrap_or_default();
    let definition =
        format!("ALTER TABLE ONLY {} ATTACH PARTITION {} {bound};\n", parent.qualified(), partition.qualified());
    let item = Item::new("TABLE ATTACH", &*partition.name).schema(&partition.schema).owner(&partition.owner);
    out.item(item.definition(definition));
}

/// `ALTER INDEX … ATTACH PARTITION`.
pub(crate) fn emit_index(
    (parent, parent_table): (&Index, &Relation),
    (index, table): (&Index, &Relation),
    out: &mut Emitter<'_>,
) {
    if exclusion::goes_down(out.model, index) {
        return;
    }
    let definition = format!(
        "ALTER INDEX {} ATTACH PARTITION {};\n",
        qualified(&parent_table.schema, &parent.name),
        qualified(&table.schema, &index.name)
    );
    let item = Item::new("INDEX ATTACH", &*index.name).schema(&table.schema).owner(&table.owner);
    out.item(item.definition(definition));
}
