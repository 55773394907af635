//! Constraints that children have from their parents.

use std::collections::HashMap;

use super::{Graph, NodeId, Subject};
use crate::catalog::Model;
use crate::kinds::relation::Relation;

/// A constraint that goes down from a parent is there once the parent's is, which follows the data if it isn't valid.
pub(super) fn checks(model: &Model, graph: &mut Graph) {
    let mut by_table: HashMap<(u32, &str), NodeId> = HashMap::new();
    let mut inherited = Vec::new();
    for constraint in model.constraints.values() {
        if let Some(node) = graph.find(Subject::Constraint(constraint.oid)).filter(|_| constraint.table != 0) {
            by_table.insert((constraint.table, &constraint.name), node);
            // A partition is made with those that are valid.
            let partition = model.relations.get(&constraint.table).is_some_and(Relation::is_partition);
            let own = constraint.local || constraint.has_index() || (partition && constraint.validated);
            if !own {
                inherited.push((node, constraint));
            }
        }
    }
    let mut moved = true;
    while std::mem::take(&mut moved) {
        for (node, constraint) in &inherited {
            let parents = model.relations.get(&constraint.table).into_iter().flat_map(|table| &table.parents);
            for parent in parents.filter_map(|parent| by_table.get(&(*parent, constraint.name.as_str())).copied()) {
                let (apart, needed) = (graph.nodes[*node].repair.apart, graph.nodes[*node].needs.contains(&parent));
                if graph.nodes[parent].repair.apart && !(apart && needed) {
                    if let Some(table) = graph.find(Subject::Relation(constraint.table)) {
                        graph.free(table, *node);
                    }
                    graph.nodes[*node].repair.apart = true;
                    graph.need(*node, parent);
                    moved = true;
                }
            }
        }
    }
}
