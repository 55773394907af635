//! The circles of dependencies that a schema may have, and how each is broken.

use crate::catalog::CatalogError;
use crate::depend::{Graph, NodeId, Role, Subject};

/// Breaks a circle: each node needs the next, and the last needs the first.
///
/// Where pg_dump knows a repair, it is the same one. It breaks others anywhere, and its file fails.
///
/// # Errors
/// [`CatalogError::Circle`] if none of the known repairs fits.
pub(super) fn repair(graph: &mut Graph, circle: &[NodeId]) -> Result<(), CatalogError> {
    let repaired = match circle {
        [only] => itself(graph, *only) || declared(graph, circle),
        [a, b] => {
            two(graph, *a, *b)
                || two(graph, *b, *a)
                || generation(graph, circle)
                || declared(graph, circle)
                || domain_default(graph, circle)
                || data(graph, circle)
        }
        _ => {
            view_query(graph, circle)
                || generation(graph, circle)
                || across_boundary(graph, circle)
                || check(graph, circle)
                || default(graph, circle)
                || declared(graph, circle)
                || domain_default(graph, circle)
                || data(graph, circle)
        }
    };
    if repaired {
        return Ok(());
    }
    Err(CatalogError::Circle(circle.iter().map(|node| graph.describe(*node)).collect()))
}

/// A table's column depends on the whole table (a partition key does) or on another column.
fn itself(graph: &mut Graph, node: NodeId) -> bool {
    let fits = matches!(graph.nodes[node].subject, Subject::Relation(_));
    if fits {
        graph.free(node, node);
    }
    fits
}

/// Two nodes that need each other.
fn two(graph: &mut Graph, a: NodeId, b: NodeId) -> bool {
    match (graph.nodes[a].role, graph.nodes[a].subject, graph.nodes[b].role, graph.nodes[b].subject) {
        // A type and one of its functions: the function makes do with the shell.
        (Role::TypeWithShell(shell), _, _, Subject::Function(_)) => {
            graph.free(b, a);
            graph.need(b, shell);
            graph.nodes[shell].repair.needed = true;
            true
        }
        // A check, a default, a query that are told within what they belong to.
        (
            _,
            _,
            Role::CheckOf(owner) | Role::DefaultOf(owner) | Role::GenerationOf(owner, _) | Role::QueryOf(owner),
            _,
        ) if owner == a => {
            graph.free(b, a);
            true
        }
        // An index of a partitioned table and a partition's.
        (_, Subject::Index(_), Role::PartOf(parent), _) if parent == a => {
            graph.free(a, b);
            true
        }
        _ => false,
    }
}

/// The query of a view needs what needs the view: the view is told without it first.
fn view_query(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for query in circle {
        let Role::QueryOf(view) = graph.nodes[*query].role else { continue };
        if graph.nodes[view].role == Role::View && circle.contains(&view) {
            graph.split_view(view, *query);
            return true;
        }
    }
    false
}

/// A materialised view or a function that needs something told after the data (a primary key, by GROUP BY) follows it.
fn across_boundary(graph: &mut Graph, circle: &[NodeId]) -> bool {
    let Some(boundary) = circle.iter().position(|node| graph.nodes[*node].subject == Subject::PreData) else {
        return false;
    };
    let postponed = |node: &&NodeId| {
        graph.nodes[**node].role == Role::Materialized || matches!(graph.nodes[**node].subject, Subject::Function(_))
    };
    // Materialised views first.
    let materialized = circle.iter().find(|node| graph.nodes[**node].role == Role::Materialized);
    let Some(node) = materialized.or_else(|| circle.iter().find(postponed)).copied() else { return false };
    // What the boundary needs may be the view's row type and not the view.
    let next = circle[(boundary + 1) % circle.len()];
    graph.free(circle[boundary], next);
    graph.nodes[node].repair.postponed = true;
    true
}

/// A check that needs what needs its table (or domain): it is told after the data.
fn check(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for node in circle {
        let Role::CheckOf(owner) = graph.nodes[*node].role else { continue };
        if circle.contains(&owner) {
            take_apart(graph, *node, owner);
            if let Some(post_data) = graph.find(Subject::PostData) {
                graph.need(*node, post_data);
            }
            return true;
        }
    }
    false
}

/// A default that needs what needs its table, as a sequence that the column owns does: it is told after both.
fn default(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for node in circle {
        let Role::DefaultOf(owner) = graph.nodes[*node].role else { continue };
        if circle.contains(&owner) {
            take_apart(graph, *node, owner);
            return true;
        }
    }
    false
}

/// A generation expression that needs what needs its table. The rows are computed with it, so if it has to wait until after the
/// data, it is set then; what is merely declared would not do.
fn generation(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for node in circle {
        let Role::GenerationOf(owner, can_follow) = graph.nodes[*node].role else { continue };
        if circle.contains(&owner) {
            let after_data = circle.iter().any(|node| graph.nodes[*node].subject == Subject::PostData);
            if !after_data && declared(graph, circle) {
                return true;
            }
            if can_follow {
                take_apart(graph, *node, owner);
                return true;
            }
        }
    }
    false
}

/// A function whose body, or whose argument's default, needs what needs the function: that makes do with a declaration.
fn declared(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for (place, function) in circle.iter().enumerate() {
        let Role::FunctionWithDeclaration(declaration) = graph.nodes[*function].role else { continue };
        let needing = circle[(place + circle.len() - 1) % circle.len()];
        let within = graph.nodes[declaration].needs.iter().any(|need| circle.contains(need));
        if within || matches!(graph.nodes[needing].subject, Subject::PreData | Subject::PostData) {
            continue;
        }
        graph.free(needing, *function);
        graph.need(needing, declaration);
        graph.need(*function, declaration);
        graph.nodes[declaration].repair.needed = true;
        graph.nodes[*function].repair.dummy = true;
        return true;
    }
    false
}

/// A domain's default that needs what needs the domain, as a function that returns it: it is told after both.
fn domain_default(graph: &mut Graph, circle: &[NodeId]) -> bool {
    for (place, domain) in circle.iter().enumerate() {
        let Role::DomainWithDefault(default) = graph.nodes[*domain].role else { continue };
        let next = circle[(place + 1) % circle.len()];
        // Of these, only the default may need any.
        if matches!(
            graph.nodes[next].subject,
            Subject::Function(_)
                | Subject::Aggregate(_)
                | Subject::Operator(_)
                | Subject::Relation(_)
                | Subject::Cast(_)
        ) {
            graph.free(*domain, next);
            graph.need(default, next);
            graph.nodes[default].repair.apart = true;
            graph.nodes[*domain].repair.apart = true;
            return true;
        }
    }
    false
}

fn take_apart(graph: &mut Graph, node: NodeId, owner: NodeId) {
    graph.free(owner, node);
    graph.nodes[node].repair.apart = true;
    graph.need(node, owner);
}

/// Configuration tables that refer to each other: one of them comes first.
fn data(graph: &mut Graph, circle: &[NodeId]) -> bool {
    let all = circle.iter().all(|node| matches!(graph.nodes[*node].subject, Subject::TableData(_)));
    if let (true, [first, .., last]) = (all, circle) {
        graph.free(*last, *first);
    }
    all && circle.len() > 1
}
