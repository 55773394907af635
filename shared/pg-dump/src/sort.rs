//! The order of a dump: by kind, schema and name, as far as dependencies allow.

use crate::catalog::CatalogError;
use crate::depend::{Graph, NodeId};

mod by_name;
mod circles;
mod repair;
mod topological;

/// All nodes in the order in which they are told. Circles are broken in the graph, which notes it at its nodes.
///
/// # Errors
/// [`CatalogError::Circle`] for a circle that no repair is known for.
pub(crate) fn sort(graph: &mut Graph) -> Result<Vec<NodeId>, CatalogError> {
    let order = by_name::sort(graph);
    loop {
        match topological::sort(graph, &order) {
            Ok(order) => return Ok(order),
            Err(stuck) => circles::break_all(graph, &stuck)?,
        }
    }
}

#[cfg(test)]
mod tests;
