//! What is told within something else: columns' defaults and checks in CREATE TABLE, checks in CREATE DOMAIN.

use std::collections::BTreeMap;

use crate::catalog::Model;
use crate::depend::{Graph, Subject};
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::table;

/// What is told within something else.
pub(super) struct Within<'a> {
    /// Expressions of columns in CREATE TABLE, by table.
    pub(super) defaults: BTreeMap<u32, table::Defaults<'a>>,
    /// Constraints in CREATE TABLE, by table; NOT NULLs by column, then the others in order of their names.
    pub(super) checks: BTreeMap<u32, Vec<u32>>,
    /// Constraints in CREATE DOMAIN, by type; in order of their names.
    pub(super) domain_checks: BTreeMap<u32, Vec<u32>>,
}

/// Finds it: all that no circle of dependencies took apart.
pub(super) fn within<'a>(model: &'a Model, graph: &Graph) -> Within<'a> {
    let inline = |subject| graph.find(subject).is_some_and(|node| !graph.nodes[node].repair.apart);
    let expressions = model.expressions();
    let mut defaults: BTreeMap<u32, table::Defaults<'a>> = BTreeMap::new();
    for default in model.defaults.values().filter(|default| inline(Subject::ColumnDefault(default.oid))) {
        let relation = model.relations.get(&default.table);
        let column = relation.and_then(|relation| relation.column(default.column));
        let (Some(relation), Some(column)) = (relation, column) else { continue };
        // A child's generated column takes its parents' expression, if they all have the same.
        let mut inherited = model.inherited(relation, &column.name).peekable();
        let same = inherited.peek().is_some()
            && inherited.all(|(parent, parents_column)| {
                parents_column.generated != ' '
                    && expressions.get(&(parent.oid, parents_column.number)).map(|(_, expression)| *expression)
                        == Some(&default.expression)
            });
        if column.generated != ' ' && same && !relation.is_partition() {
            continue;
        }
        defaults.entry(default.table).or_default().insert(default.column, &default.expression);
    }
    // A generated column that gets its expression later is made as one.
    for default in model.defaults.values().filter(|default| !inline(Subject::ColumnDefault(default.oid))) {
        let column = model.relations.get(&default.table).and_then(|relation| relation.column(default.column));
        if column.is_some_and(|column| column.generated != ' ') {
            defaults.entry(default.table).or_default().insert(default.column, "NULL");
        }
    }
    for (table, column) in model.null_defaults() {
        let relation = model.relations.get(&table);
        if relation.is_some_and(|relation| relation.column(column).is_some_and(|column| relation.prints(column))) {
            defaults.entry(table).or_default().insert(column, "NULL");
        }
    }
    let (mut checks, mut domain_checks) = (BTreeMap::<_, Vec<u32>>::new(), BTreeMap::<_, Vec<u32>>::new());
    let mut constraints: Vec<_> = model.constraints.values().collect();
    // NOT NULLs of tables come first, in the order of their columns.
    constraints.sort_by_key(|constraint| {
        let column = if constraint.table == 0 { 0 } else { constraint.column };
        (column == 0, column, &constraint.name)
    });
    for constraint in constraints {
        let kind = matches!(constraint.kind, ConstraintKind::Check | ConstraintKind::NotNull);
        // Valid NOT NULLs have no node: they are a column's.
        let told = inline(Subject::Constraint(constraint.oid))
            || (constraint.kind == ConstraintKind::NotNull && constraint.table != 0 && constraint.validated);
        if kind && told {
            let (map, of) = if constraint.domain == 0 {
                (&mut checks, constraint.table)
            } else {
                (&mut domain_checks, constraint.domain)
            };
            map.entry(of).or_default().push(constraint.oid);
        }
    }
    Within { defaults, checks, domain_checks }
}
