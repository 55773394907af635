//! A topological sort that keeps the given order wherever it can.

use std::collections::BinaryHeap;

use crate::depend::{Graph, NodeId};

/// `order` rearranged so that every node comes after what it needs.
///
/// It is filled from its end: of the nodes that nothing left needs, the last of `order` comes next. So a node moves to the
/// front only as far as what needs it.
///
/// # Errors
/// The nodes that circles keep from being sorted: those in a circle, and those that they need.
pub(super) fn sort(graph: &Graph, order: &[NodeId]) -> Result<Vec<NodeId>, Vec<NodeId>> {
    let mut needed_by = vec![0usize; graph.nodes.len()];
    for need in graph.nodes.iter().flat_map(|node| &node.needs) {
        needed_by[*need] += 1;
    }
    let mut place = vec![0usize; graph.nodes.len()];
    for (index, node) in order.iter().enumerate() {
        place[*node] = index;
    }
    let mut ready: BinaryHeap<usize> = (0..order.len()).filter(|index| needed_by[order[*index]] == 0).collect();
    let mut sorted = Vec::with_capacity(order.len());
    while let Some(index) = ready.pop() {
        let node = order[index];
        sorted.push(node);
        for need in &graph.nodes[node].needs {
            needed_by[*need] -= 1;
            if needed_by[*need] == 0 {
                ready.push(place[*need]);
            }
        }
    }
    if sorted.len() < order.len() {
        return Err((0..graph.nodes.len()).filter(|node| needed_by[*node] > 0).collect());
    }
    sorted.reverse();
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::depend::Subject;

    fn graph(nodes: usize, needs: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::default();
        for oid in 0..nodes {
            graph.add(Subject::Relation(u32::try_from(oid).unwrap_or_default()), None, None, oid.to_string());
        }
        for (node, need) in needs {
            graph.need(*node, *need);
        }
        graph
    }

    #[test]
    fn an_order_without_contradiction_is_kept() {
        assert_eq!(sort(&graph(4, &[(3, 0), (2, 1)]), &[0, 1, 2, 3]), Ok(vec![0, 1, 2, 3]));
    }

    #[test]
    fn what_is_needed_moves_before_what_needs_it() {
        assert_eq!(sort(&graph(4, &[(0, 3)]), &[0, 1, 2, 3]), Ok(vec![3, 0, 1, 2]));
        assert_eq!(sort(&graph(4, &[(1, 3), (0, 2)]), &[0, 1, 2, 3]), Ok(vec![2, 0, 3, 1]));
    }

    #[test]
    fn a_circle_names_those_it_keeps_back() {
        assert_eq!(sort(&graph(4, &[(0, 1), (1, 0), (1, 2)]), &[0, 1, 2, 3]), Err(vec![0, 1, 2]));
    }
}
