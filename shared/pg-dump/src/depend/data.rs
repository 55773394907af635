//! The data in the graph: between the definitions that it needs and those that need it.

use super::{Graph, Subject};
use crate::catalog::Model;
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::relation::RelationKind;

/// Rows, values of sequences, and large objects.
pub(super) fn add(model: &Model, graph: &mut Graph) {
    for relation in model.relations.values() {
        let subject = match relation.kind {
            RelationKind::Table => Subject::TableData(relation.oid),
            RelationKind::Sequence => Subject::SequenceValue(relation.oid),
            RelationKind::Materialized if model.is_defined(relation.id(), &relation.schema) => {
                Subject::Refresh(relation.oid)
            }
            _ => continue,
        };
        let configuration = matches!(subject, Subject::TableData(_) | Subject::SequenceValue(_))
            && model.configuration(relation.oid).is_some()
            && model.is_named(relation.oid);
        if !configuration && !model.is_defined(relation.id(), &relation.schema) {
            continue;
        }
        let node = graph.add(subject, None, Some(&relation.schema), &*relation.name);
        if let Some(table) = graph.find(Subject::Relation(relation.oid)) {
            graph.need(node, table);
        }
    }
    // Rows of configuration tables, and all rows without definitions, are restored with their foreign keys in force.
    for key in model.constraints.values().filter(|constraint| constraint.kind == ConstraintKind::Foreign) {
        let in_force = |oid: &u32| model.configuration(*oid).is_some() || model.is_data_only();
        let both = [key.table, key.refers_to]
            .map(|oid| Some(oid).filter(in_force).and_then(|oid| graph.find(Subject::TableData(oid))));
        if let [Some(node), Some(other)] = both
            && node != other
        {
            graph.need(node, other);
        }
    }
    for (number, group) in model.large_objects.iter().enumerate() {
        graph.add(Subject::LargeObjects(number), None, None, group.name());
    }
}

/// A materialised view is refreshed after those that its query reads, and after their indexes.
pub(super) fn refreshes(model: &Model, graph: &mut Graph) {
    for (view, read) in &model.refresh_order {
        let Some(node) = graph.find(Subject::Refresh(*view)) else { continue };
        if let Some(other) = graph.find(Subject::Refresh(*read)) {
            graph.need(node, other);
        }
    }
}

/// Everything of the definitions before the data, the data, everything after it.
pub(super) fn boundaries(graph: &mut Graph) {
    let pre_data = graph.add(Subject::PreData, None, None, "");
    let post_data = graph.add(Subject::PostData, None, None, "");
    for node in 0..graph.nodes.len() {
        match graph.nodes[node].subject {
            Subject::PreData | Subject::PostData => {}
            Subject::TableData(_) | Subject::SequenceValue(_) => {
                graph.need(node, pre_data);
                graph.need(post_data, node);
            }
            subject if subject.is_pre_data() => graph.need(pre_data, node),
            // Those that come with their table, domain or view are wherever it is.
            Subject::Constraint(_) | Subject::Rule(_) if !graph.nodes[node].repair.apart => {}
            _ => graph.need(node, post_data),
        }
    }
    graph.need(post_data, pre_data);
}
