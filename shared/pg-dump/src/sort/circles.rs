//! Finds circles among nodes that could not be sorted, and has them broken.

use super::repair::repair;
use crate::catalog::CatalogError;
use crate::depend::{Graph, NodeId};

/// Breaks circles that share no node; others are found in the next round, for one repair may break several.
pub(super) fn break_all(graph: &mut Graph, stuck: &[NodeId]) -> Result<(), CatalogError> {
    let mut done = vec![false; graph.nodes.len()];
    // The start from which a node was found to lead nowhere, so that the marks need no clearing between starts.
    let mut fruitless = vec![NodeId::MAX; graph.nodes.len()];
    let mut repaired = false;
    for start in stuck {
        match find(graph, *start, &done, &mut fruitless) {
            Some(circle) => {
                repair(graph, &circle)?;
                repaired = true;
                for node in circle {
                    done[node] = true;
                }
            }
            None => done[*start] = true,
        }
    }
    if repaired { Ok(()) } else { Err(CatalogError::Circle(stuck.iter().map(|node| graph.describe(*node)).collect())) }
}

/// A circle through `start` that passes no `done` node; each node needs the next, and the last needs the first.
///
/// Depth first with a stack of its own: a chain of dependencies may be as long as a schema is large.
fn find(graph: &Graph, start: NodeId, done: &[bool], fruitless: &mut [NodeId]) -> Option<Vec<NodeId>> {
    if done[start] {
        return None;
    }
    let mut path = vec![(start, 0usize)];
    let mut on_path = std::collections::HashSet::from([start]);
    if graph.nodes[start].needs.contains(&start) {
        return Some(vec![start]);
    }
    while let Some((node, next)) = path.last_mut() {
        let Some(need) = graph.nodes[*node].needs.get(*next).copied() else {
            fruitless[*node] = start;
            on_path.remove(node);
            path.pop();
            continue;
        };
        *next += 1;
        if done[need] || fruitless[need] == start || on_path.contains(&need) {
            continue;
        }
        path.push((need, 0));
        on_path.insert(need);
        if graph.nodes[need].needs.contains(&start) {
            return Some(path.into_iter().map(|(node, _)| node).collect());
        }
    }
    None
}
