#![allow(clippy::unwrap_used)]

use super::*;
use crate::depend::{Role, Subject};

/// Adds nodes by their subjects; each is named by its place.
fn graph(subjects: &[Subject], needs: &[(NodeId, NodeId)]) -> Graph {
    let mut graph = Graph::default();
    for (place, subject) in subjects.iter().enumerate() {
        graph.add(*subject, None, None, format!("{place:02}"));
    }
    for (node, need) in needs {
        graph.need(*node, *need);
    }
    graph
}

/// Sorts, and looks whether every node follows what it still needs.
fn sorted(graph: &mut Graph) -> Vec<NodeId> {
    let order = sort(graph).unwrap();
    assert_eq!(order.len(), graph.nodes.len());
    let place = |node: &NodeId| order.iter().position(|other| other == node).unwrap();
    for (node, needs) in graph.nodes.iter().enumerate().map(|(node, told)| (node, &told.needs)) {
        assert!(needs.iter().all(|need| place(need) < place(&node)), "{node}");
    }
    order
}

#[test]
fn a_type_follows_its_functions_and_these_its_shell() {
    let mut graph = graph(
        &[Subject::Type(1), Subject::ShellType(1), Subject::Function(2), Subject::Function(3)],
        &[(0, 2), (0, 3), (2, 0), (3, 0)],
    );
    graph.nodes[0].role = Role::TypeWithShell(1);
    assert_eq!(sorted(&mut graph), [1, 2, 3, 0]);
    assert!(graph.nodes[1].repair.needed);
}

#[test]
fn a_view_that_needs_what_needs_it_is_told_without_its_query() {
    let subjects =
        [Subject::Function(1), Subject::Relation(2), Subject::Rule(3), Subject::Trigger(4), Subject::PostData];
    let mut graph = graph(&subjects, &[(0, 1), (1, 2), (2, 1), (2, 0), (3, 1)]);
    graph.nodes[1].role = Role::View;
    graph.nodes[1].triggers = vec![3];
    graph.nodes[2].role = Role::QueryOf(1);
    let order = sorted(&mut graph);
    assert_eq!(order, [1, 0, 4, 2, 3]);
    assert!(graph.nodes[3].needs.contains(&2), "the trigger needs the query");
    assert!(graph.nodes[1].repair.dummy && graph.nodes[2].repair.apart);
}

#[test]
fn a_view_and_its_own_query_are_told_together() {
    let mut graph = graph(&[Subject::Relation(1), Subject::Rule(2)], &[(0, 1), (1, 0)]);
    graph.nodes[0].role = Role::View;
    graph.nodes[1].role = Role::QueryOf(0);
    sorted(&mut graph);
    assert!(!graph.nodes[0].repair.dummy && !graph.nodes[1].repair.apart);
}

#[test]
fn a_check_that_needs_what_needs_its_table_follows_the_data() {
    let subjects = [Subject::Function(1), Subject::Relation(2), Subject::PostData, Subject::Constraint(3)];
    let mut graph = graph(&subjects, &[(0, 1), (1, 3), (3, 0)]);
    graph.nodes[3].role = Role::CheckOf(1);
    assert_eq!(sorted(&mut graph), [1, 0, 2, 3]);
    assert!(graph.nodes[3].repair.apart);
}

#[test]
fn a_default_that_needs_what_needs_its_table_follows_both() {
    let mut graph =
        graph(&[Subject::Relation(1), Subject::Relation(2), Subject::ColumnDefault(3)], &[(0, 2), (2, 1), (1, 0)]);
    graph.nodes[2].role = Role::DefaultOf(0);
    assert_eq!(sorted(&mut graph), [0, 1, 2]);
    assert!(graph.nodes[2].repair.apart);
}

#[test]
fn a_generated_column_follows_only_where_it_can() {
    let circle = [Subject::Function(1), Subject::Relation(2), Subject::ColumnDefault(3)];
    for can_follow in [true, false] {
        let mut graph = graph(&circle, &[(0, 1), (1, 2), (2, 0)]);
        graph.nodes[2].role = Role::GenerationOf(1, can_follow);
        assert_eq!(sort(&mut graph).is_ok(), can_follow);
        assert_eq!(graph.nodes[2].repair.apart, can_follow);
    }
}

#[test]
fn a_function_that_needs_itself_is_declared_first() {
    let mut graph =
        graph(&[Subject::Function(1), Subject::DeclaredFunction(1), Subject::Operator(2)], &[(0, 0), (0, 2), (2, 0)]);
    graph.nodes[0].role = Role::FunctionWithDeclaration(1);
    assert_eq!(sorted(&mut graph), [1, 2, 0]);
    assert!(graph.nodes[0].repair.dummy && graph.nodes[1].repair.needed);
}

#[test]
fn a_declaration_that_is_within_the_circle_is_no_help() {
    let subjects = [Subject::Function(1), Subject::DeclaredFunction(1), Subject::Type(2)];
    let mut graph = graph(&subjects, &[(0, 2), (2, 0), (1, 2)]);
    graph.nodes[0].role = Role::FunctionWithDeclaration(1);
    assert!(matches!(sort(&mut graph), Err(CatalogError::Circle(names)) if names.len() == 2));
}

#[test]
fn a_domains_default_that_needs_the_domain_follows_both() {
    let mut graph =
        graph(&[Subject::Type(1), Subject::Function(2), Subject::DomainDefault(1)], &[(0, 1), (1, 0), (2, 0)]);
    graph.nodes[0].role = Role::DomainWithDefault(2);
    assert_eq!(sorted(&mut graph), [0, 1, 2]);
    assert!(graph.nodes[0].repair.apart && graph.nodes[2].repair.apart);
}

#[test]
fn a_function_whose_signature_needs_the_domain_is_no_declaration_for_its_default() {
    let subjects = [Subject::Type(1), Subject::DeclaredFunction(2), Subject::Function(2), Subject::DomainDefault(1)];
    let mut graph = graph(&subjects, &[(0, 2), (2, 0), (1, 0), (3, 0)]);
    graph.nodes[0].role = Role::DomainWithDefault(3);
    graph.nodes[2].role = Role::FunctionWithDeclaration(1);
    assert_eq!(sorted(&mut graph), [0, 1, 2, 3]);
    assert!(graph.nodes[0].repair.apart && !graph.nodes[1].repair.needed);
}

#[test]
fn a_materialised_view_that_needs_a_key_follows_the_data() {
    let subjects =
        [Subject::Relation(1), Subject::PreData, Subject::TableData(2), Subject::PostData, Subject::Constraint(3)];
    let mut graph = graph(&subjects, &[(0, 4), (1, 0), (2, 1), (3, 1), (3, 2), (4, 3)]);
    graph.nodes[0].role = Role::Materialized;
    assert_eq!(sorted(&mut graph), [1, 2, 3, 4, 0]);
    assert!(graph.nodes[0].repair.postponed);
}

#[test]
fn an_index_of_a_partitioned_table_needs_none_of_its_partitions() {
    let mut graph = graph(&[Subject::Index(1), Subject::Index(2)], &[(0, 1), (1, 0)]);
    graph.nodes[1].role = Role::PartOf(0);
    assert_eq!(sorted(&mut graph), [0, 1]);
}

#[test]
fn a_table_may_need_itself_and_nothing_else_may() {
    sorted(&mut graph(&[Subject::Relation(1)], &[(0, 0)]));
    assert!(sort(&mut graph(&[Subject::Cast(1)], &[(0, 0)])).is_err());
}

#[test]
fn rows_that_refer_to_each_other_come_in_some_order() {
    let rows = [Subject::TableData(1), Subject::TableData(2), Subject::TableData(3)];
    sorted(&mut graph(&rows, &[(0, 1), (1, 2), (2, 0)]));
    sorted(&mut graph(&rows, &[(0, 1), (1, 0), (1, 2), (2, 1)]));
}

#[test]
fn circles_that_share_nodes_are_all_broken() {
    // Two defaults of one table, each of which draws from a sequence that the table owns; and a long way round.
    let mut subjects = vec![Subject::Relation(0), Subject::ColumnDefault(1), Subject::ColumnDefault(2)];
    subjects.extend((10..5000).map(Subject::Relation));
    let last = subjects.len() - 1;
    let mut needs = vec![(0, 1), (0, 2), (1, 3), (2, last), (3, 0)];
    needs.extend((4..=last).map(|node| (node, node - 1)));
    let mut graph = graph(&subjects, &needs);
    graph.nodes[1].role = Role::DefaultOf(0);
    graph.nodes[2].role = Role::DefaultOf(0);
    sorted(&mut graph);
    assert!(graph.nodes[1].repair.apart && graph.nodes[2].repair.apart);
}

#[test]
fn the_order_is_that_of_kinds_schemas_and_names_whatever_the_oids() {
    let mut graph = Graph::default();
    let mut add = |subject, schema, name: &str| graph.add(subject, None, schema, name);
    let view = add(Subject::Relation(1), Some("b"), "a");
    let function = add(Subject::Function(9), Some("b"), "z");
    let of_schema = add(Subject::Type(5), Some("a"), "z");
    let of_none = add(Subject::Schema(7), None, "z");
    let table = add(Subject::Relation(2), Some("a"), "b");
    let class = add(Subject::OperatorClass(4), Some("b"), "same");
    let family = add(Subject::OperatorFamily(3), Some("b"), "same");
    assert_eq!(sort(&mut graph).unwrap(), [of_none, of_schema, function, class, family, table, view]);
}
