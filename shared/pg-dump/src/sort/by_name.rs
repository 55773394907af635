//! By kind, schema, name: the same for the same schema, whatever its OIDs.

use std::cmp::Ordering;

use crate::depend::{Graph, Node, NodeId};

pub(super) fn sort(graph: &Graph) -> Vec<NodeId> {
    let mut order: Vec<NodeId> = (0..graph.nodes.len()).collect();
    order.sort_by(|a, b| compare(&graph.nodes[*a], &graph.nodes[*b]));
    order
}

fn compare(a: &Node, b: &Node) -> Ordering {
    // Objects in a schema come before those without one.
    let schemaless = |node: &Node| node.schema.is_none();
    a.subject
        .rank()
        .cmp(&b.subject.rank())
        .then_with(|| schemaless(a).cmp(&schemaless(b)))
        .then_with(|| a.schema.cmp(&b.schema))
        .then_with(|| a.name.cmp(&b.name))
        .then_with(|| a.subject.kind().cmp(&b.subject.kind()))
        .then_with(|| a.ties.cmp(&b.ties))
}
