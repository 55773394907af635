//! What may be told in two parts: functions, views, generated columns.

use std::collections::HashSet;

use super::{Dependency, Graph, NodeId, Role, Subject};
use crate::catalog::Model;
use crate::kinds::relation::Relation;
use crate::object::class;

/// Gives the declarations of functions what their signatures need.
pub(super) fn declarations(model: &Model, graph: &mut Graph) {
    for dependency in model.dependencies.iter().filter(|dependency| dependency.object.class == class::FUNCTION) {
        let (Some(node), Some(other)) = (graph.object(dependency.object), graph.object(dependency.needs)) else {
            continue;
        };
        let Role::FunctionWithDeclaration(declaration) = graph.nodes[node].role else { continue };
        let types = model.declarations.get(&dependency.object.oid).map(|declaration| &declaration.types);
        let of_signature = match dependency.needs.class {
            class::SCHEMA | class::LANGUAGE => true,
            class::TYPE => types.is_some_and(|types| types.contains(&dependency.needs.oid)),
            _ => false,
        };
        if of_signature {
            graph.need(declaration, other);
        }
    }
}

/// A view that reads itself, which nobody can use, is there to be dumped: its query follows it.
pub(super) fn views_of_themselves(model: &Model, graph: &mut Graph) {
    let of_columns = |dependency: &&Dependency| dependency.column != 0 && dependency.object.class == class::RULE;
    for dependency in model.dependencies.iter().filter(of_columns) {
        let (Some(query), Some(view)) = (graph.object(dependency.object), graph.object(dependency.needs)) else {
            continue;
        };
        if graph.nodes[query].role == Role::QueryOf(view) && graph.nodes[view].role == Role::View {
            graph.split_view(view, query);
        }
    }
}

/// Tables whose generated columns can get their expressions by ALTER TABLE: it would go down to children, which have their own.
pub(super) fn generation_can_follow(model: &Model) -> impl Fn(&Relation) -> bool {
    let parents: HashSet<u32> = model.relations.values().flat_map(|relation| relation.parents.clone()).collect();
    let version = model.version;
    move |relation| version.sets_expressions() && relation.parents.is_empty() && !parents.contains(&relation.oid)
}

impl Graph {
    /// Has a view told without its query first.
    pub(crate) fn split_view(&mut self, view: NodeId, query: NodeId) {
        self.free(view, query);
        self.nodes[view].repair.dummy = true;
        self.nodes[query].repair.apart = true;
        // The two-node repair may have taken this away.
        self.need(query, view);
        if let Some(post_data) = self.find(Subject::PostData) {
            self.need(query, post_data);
        }
        for trigger in self.nodes[view].triggers.clone() {
            self.need(trigger, query);
        }
    }
}
