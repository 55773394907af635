//! Exclusion constraints and keys WITHOUT OVERLAPS of partitioned tables: `pg_constraint`, `pg_index`.
//!
//! The server attaches no index of a partition to theirs ("the index definitions do not match"), so that pg_dump's text of them can't
//! be restored. Ours has the partitioned table make those of its partitions, and gives them their names back.

use sql_text::quote::{dollar_quoted, literal, qualified};

use super::constraint::Constraint;
use super::index::Index;
use super::relation::Relation;
use crate::catalog::Model;
use crate::emit::Emitter;

/// Whether the index keeps such a constraint, and is or has a partition's.
pub(crate) fn goes_down(model: &Model, index: &Index) -> bool {
    let kept = model.constraints.get(&index.constraint).is_some_and(Constraint::excludes);
    kept && (index.parent != 0 || model.partitions_of_index(index.oid).next().is_some())
}

/// What a partition has instead of its constraint's definition: the name.
pub(super) fn partitions_own(index: &Index, relation: &Relation, out: &mut Emitter<'_>) -> Option<String> {
    let parent = out.model.indexes.get(&index.parent)?;
    let parent_schema = &out.model.relations.get(&parent.table)?.schema;
    if index.tablespace != parent.tablespace || index.options != parent.options {
        out.refuse(format!(
            "tablespace and parameters of index {}, which are not those of {}",
            qualified(&relation.schema, &index.name),
            qualified(parent_schema, &parent.name)
        ));
    }
    let (of_parent, of_table) = (literal(&qualified(parent_schema, &parent.name)), literal(&relation.qualified()));
    let (schema, name) = (literal(&relation.schema), literal(&index.name));
    let body = format!(
        "
DECLARE
    given pg_catalog.text := (SELECT c.relname FROM pg_catalog.pg_inherits h
        JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) h.inhrelid
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) h.inhrelid
        WHERE h.inhparent OPERATOR(pg_catalog.=) {of_parent}::pg_catalog.regclass
        AND i.indrelid OPERATOR(pg_catalog.=) {of_table}::pg_catalog.regclass);
BEGIN
    IF given OPERATOR(pg_catalog.<>) {name} THEN
        EXECUTE pg_catalog.format('ALTER INDEX %I.%I RENAME TO %I', {schema}, given, {name});
    END IF;
END;
"
    );
    Some(format!("DO {};\n", dollar_quoted(&body)))
}

/// Whether every partition has its own: else the table could not make them again as they are.
pub(super) fn is_whole(index: &Index, out: &Emitter<'_>) -> bool {
    let partitions = out
        .model
        .relations
        .values()
        .filter(|relation| relation.is_partition() && relation.parents.first() == Some(&index.table));
    partitions.count() == out.model.partitions_of_index(index.oid).count()
}
