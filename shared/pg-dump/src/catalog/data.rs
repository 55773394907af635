//! What there is of data: tables with rows, and sequences with values, under the headers that pg_dump gives them.

use std::collections::{BTreeMap, BTreeSet};

use sql_text::quote::{identifiers, qualified};

use super::Model;
use crate::depend::{Graph, NodeId, Subject};
use crate::emit::Item;
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::relation::{Relation, RelationKind};

/// A table whose rows are dumped.
#[derive(Clone, Debug)]
pub(crate) struct TableData {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Columns that COPY carries, in its order.
    pub(crate) columns: Vec<String>,
    /// Columns that the restore computes again.
    pub(crate) generated: Vec<String>,
    /// The entry's header, and the line `COPY … FROM stdin;`.
    pub(crate) copy_header: String,
    /// The partitioned table whose COPY takes the rows, since their partition depends on OIDs: schema and name.
    root: Option<(String, String)>,
    /// Whether `ctid` ranges are pages.
    pub(crate) is_heap: bool,
    /// Which rows belong to the dump, beginning with `WHERE`; of an extension's configuration table.
    pub(crate) filter: Option<String>,
    /// Restored before all tables that are not, in this order: foreign keys are in force.
    pub(crate) in_order: bool,
    /// Without rows on a standby.
    pub(crate) unlogged: bool,
}

/// A sequence whose value is set.
#[derive(Clone, Debug)]
pub(crate) struct SequenceData {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The entry's header.
    pub(crate) header: String,
}

impl TableData {
    pub(crate) fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// Schema and name of the table whose totals the rows count for: that which COPY restores them into.
    pub(crate) fn counted_as(&self) -> (&str, &str) {
        self.root.as_ref().map_or((&self.schema, &self.name), |(schema, name)| (schema, name))
    }
}

/// Tables and sequences in order, configuration tables first.
pub(super) fn read(model: &Model, graph: &Graph, order: &[NodeId]) -> (Vec<TableData>, Vec<SequenceData>) {
    let (mut tables, mut sequences) = (Vec::new(), Vec::new());
    if !model.selection.rows() {
        return (tables, sequences);
    }
    for node in order {
        match graph.nodes[*node].subject {
            Subject::TableData(oid) => tables.extend(model.relations.get(&oid).map(|table| of_table(model, table))),
            Subject::SequenceValue(oid) => {
                sequences.extend(model.relations.get(&oid).map(|sequence| of_sequence(model, sequence)));
            }
            _ => {}
        }
    }
    if model.is_data_only() {
        let keys = keys(model, &tables);
        let with_keys: BTreeSet<u32> = keys.iter().flat_map(|(table, refers_to)| [*table, *refers_to]).collect();
        for table in &mut tables {
            table.in_order |= with_keys.contains(&table.oid);
        }
    }
    tables.sort_by_key(|table| !table.in_order);
    (tables, sequences)
}

/// Foreign keys from one of these tables to another: both.
fn keys(model: &Model, tables: &[TableData]) -> Vec<(u32, u32)> {
    let dumped: BTreeSet<u32> = tables.iter().map(|table| table.oid).collect();
    let keys = model.constraints.values().filter(|constraint| constraint.kind == ConstraintKind::Foreign);
    keys.map(|key| (key.table, key.refers_to))
        .filter(|(table, refers_to)| table != refers_to && dumped.contains(table) && dumped.contains(refers_to))
        .collect()
}

/// Names of the tables whose foreign keys lead to tables that come later, where these keys are in force already.
pub(super) fn in_circles(model: &Model, tables: &[TableData]) -> Vec<String> {
    let places: BTreeMap<u32, usize> = tables.iter().enumerate().map(|(place, table)| (table.oid, place)).collect();
    // An extension makes its tables with their keys, ahead of the rows.
    let in_force = |oid: &u32| model.is_data_only() || tables[places[oid]].in_order;
    let broken = keys(model, tables)
        .into_iter()
        .filter(|(table, refers_to)| places[refers_to] > places[table] && in_force(table));
    let names: BTreeSet<String> = broken.map(|(table, _)| &tables[places[&table]]).map(TableData::qualified).collect();
    names.into_iter().collect()
}

fn of_table(model: &Model, relation: &Relation) -> TableData {
    let root = root(model, relation);
    // Rows that are counted for the root are digested in its order of columns, whatever order the partition was attached with.
    let (columns, generated) = root
        .unwrap_or(relation)
        .columns
        .iter()
        .filter(|column| !column.dropped)
        .partition::<Vec<_>, _>(|column| column.generated == ' ');
    let names =
        |columns: Vec<&crate::kinds::column::Column>| columns.iter().map(|column| column.name.clone()).collect();
    let (columns, generated): (Vec<String>, Vec<String>) = (names(columns), names(generated));

    let target = root.map_or_else(|| relation.qualified(), |root| qualified(&root.schema, &root.name));
    let mut header = item(model, "TABLE DATA", relation).header("Data for ");
    if root.is_some() {
        header.push_str(&format!("-- load via partition root {}\n\n", sql_text::quote::comment(&target)));
    }
    let list = if columns.is_empty() { String::new() } else { format!("({})", identifiers(&columns)) };
    header.push_str(&format!("COPY {target} {list} FROM stdin;\n"));

    let condition = model.configuration(relation.oid);
    TableData {
        oid: relation.oid,
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        columns,
        generated,
        copy_header: header,
        root: root.map(|root| (root.schema.clone(), root.name.clone())),
        is_heap: relation.access_method.as_deref() == Some("heap"),
        filter: condition.filter(|condition| !condition.is_empty()).map(str::to_owned),
        in_order: condition.is_some(),
        unlogged: relation.persistence == 'u',
    }
}

/// The root of a tree of partitions, if some table on the way to it places rows by the OIDs of enum labels.
fn root<'a>(model: &'a Model, relation: &'a Relation) -> Option<&'a Relation> {
    let (mut root, mut by_enum) = (relation, false);
    while root.is_partition() {
        root = model.relations.get(root.parents.first()?)?;
        by_enum |= root.kind == RelationKind::Partitioned && model.partitioned_by_enum.contains(&root.oid);
    }
    by_enum.then_some(root)
}

fn of_sequence(model: &Model, relation: &Relation) -> SequenceData {
    SequenceData {
        oid: relation.oid,
        schema: relation.schema.clone(),
        name: relation.name.clone(),
        header: item(model, "SEQUENCE SET", relation).header(""),
    }
}

fn item(model: &Model, kind: &'static str, relation: &Relation) -> Item {
    let item = Item::new(kind, &*relation.name).schema(&relation.schema);
    if model.no_owner() { item } else { item.owner(&relation.owner) }
}
