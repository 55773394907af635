//! Tells every node of the graph in its order.

use std::collections::BTreeMap;

use super::{CatalogError, Model};
use crate::depend::{Graph, Node, NodeId, Subject};
use crate::emit::{Emitted, Emitter, Section};
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::relation::{Relation, RelationKind};
use crate::kinds::table::{self, Inline};
use crate::kinds::{attach, column_default, policy, view};
use crate::object::{FIRST_USER_OID, ObjectId, class};

/// What is told within something else.
struct Within<'a> {
    /// Expressions of columns in CREATE TABLE, by table.
    defaults: BTreeMap<u32, table::Defaults<'a>>,
    /// Constraints in CREATE TABLE, by table; in order of their names.
    checks: BTreeMap<u32, Vec<u32>>,
    /// Constraints in CREATE DOMAIN, by type; in order of their names.
    domain_checks: BTreeMap<u32, Vec<u32>>,
}

/// Everything, in three passes' worth of items.
pub(super) fn all(model: &Model, graph: &Graph, order: &[NodeId]) -> Result<Emitted, CatalogError> {
    let within = within(model, graph);
    let mut out = Emitter::new(model);
    for node in order {
        let node = &graph.nodes[*node];
        if node.subject == Subject::PostData {
            out.enter(Section::PostData);
        }
        tell(model, graph, &within, node, &mut out)?;
    }
    Ok(out.finish())
}

fn within<'a>(model: &'a Model, graph: &Graph) -> Within<'a> {
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
    for (table, column) in model.null_defaults() {
        let relation = model.relations.get(&table);
        if relation.is_some_and(|relation| relation.column(column).is_some_and(|column| relation.prints(column))) {
            defaults.entry(table).or_default().insert(column, "NULL");
        }
    }
    let (mut checks, mut domain_checks) = (BTreeMap::<_, Vec<u32>>::new(), BTreeMap::<_, Vec<u32>>::new());
    let mut constraints: Vec<_> = model.constraints.values().collect();
    constraints.sort_by(|a, b| a.name.cmp(&b.name));
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

fn tell(
    model: &Model,
    graph: &Graph,
    within: &Within<'_>,
    node: &Node,
    out: &mut Emitter<'_>,
) -> Result<(), CatalogError> {
    let relation = |oid: u32| model.relations.get(&oid);
    // What belongs to a table is told if the table is.
    let on_table = |oid: u32| relation(oid).filter(|table| model.is_defined(table.id(), &table.schema));
    match node.subject {
        Subject::Schema(oid) => {
            if let Some(schema) = model.schemas.get(&oid) {
                let member = model.members.contains_key(&schema.id());
                let system = schema.name != "pg_catalog" && super::model::is_system_schema(&schema.name);
                if member {
                    return schema.emit_privileges(out);
                } else if !system {
                    return schema.emit(out);
                }
            }
        }
        Subject::Extension(oid) => {
            if let Some(extension) = model.extensions.get(&oid) {
                extension.emit(out);
            }
        }
        Subject::Type(_) | Subject::ShellType(_) => return tell_type(model, within, node, out),
        Subject::Function(oid) | Subject::Aggregate(oid) => {
            if let Some(function) = model.functions.get(&oid) {
                if !model.is_defined(function.id(), &function.schema) {
                    return function.emit_privileges(out);
                }
                return match model.aggregates.get(&oid) {
                    Some(aggregate) => aggregate.emit(function, out),
                    None => function.emit(out),
                };
            }
        }
        Subject::Relation(oid) => {
            if let Some(relation) = relation(oid) {
                return tell_relation(model, within, node, relation, out);
            }
        }
        Subject::TableAttach(oid) => {
            if let Some(partition) = on_table(oid)
                && let Some(parent) = partition.parents.first().and_then(|oid| relation(*oid))
            {
                attach::emit_table(parent, partition, out);
            }
        }
        Subject::ColumnDefault(oid) => {
            if let Some(default) = model.defaults.get(&oid)
                && let Some(relation) = on_table(default.table)
            {
                out.told(default.id());
                if node.repair.apart {
                    column_default::emit(relation, default.column, &default.expression, out);
                }
            }
        }
        Subject::NullDefault(table, column) => {
            if let Some(relation) = on_table(table) {
                column_default::emit(relation, column, "NULL", out);
            }
        }
        Subject::LargeObjects(number) => {
            if let Some(group) = model.large_objects.get(number) {
                return group.emit(out);
            }
        }
        Subject::Refresh(oid) => {
            if let Some(view) = on_table(oid).filter(|view| view.populated) {
                view::emit_refresh(view, out);
            }
        }
        Subject::DefaultAcl(oid) => {
            if let Some(acl) = model.default_acls.get(&oid) {
                return acl.emit(out);
            }
        }
        Subject::ImpliedType(_)
        | Subject::PreData
        | Subject::PostData
        | Subject::TableData(_)
        | Subject::SequenceValue(_) => {}
        _ => tell_after_data(model, node, out),
    }
    let _ = graph;
    Ok(())
}

fn tell_type(model: &Model, within: &Within<'_>, node: &Node, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let (Subject::Type(oid) | Subject::ShellType(oid)) = node.subject else { return Ok(()) };
    let Some(data_type) = model.types.get(&oid) else { return Ok(()) };
    if !model.is_defined(data_type.id(), &data_type.schema) {
        return if matches!(node.subject, Subject::Type(_)) { data_type.emit_privileges(out) } else { Ok(()) };
    }
    if let Subject::ShellType(_) = node.subject {
        if node.repair.needed {
            data_type.emit_shell(out);
        }
        return Ok(());
    }
    if let Some(domain) = model.domains.get(&oid) {
        let checks = within.domain_checks.get(&oid).map(Vec::as_slice).unwrap_or_default();
        return domain.emit(data_type, checks, out);
    }
    match model.ranges.get(&oid) {
        Some(range) => range.emit(data_type, out),
        None => data_type.emit(model.relations.get(&data_type.relation), out),
    }
}

fn tell_relation(
    model: &Model,
    within: &Within<'_>,
    node: &Node,
    relation: &Relation,
    out: &mut Emitter<'_>,
) -> Result<(), CatalogError> {
    // Its attributes are the type's.
    if relation.kind == RelationKind::Composite {
        return Ok(());
    }
    if relation.oid < FIRST_USER_OID || !model.is_defined(relation.id(), &relation.schema) {
        return table::privileges(relation, out);
    }
    let section = out.section();
    if node.repair.postponed {
        out.enter(Section::PostData);
    }
    let told = match relation.kind {
        RelationKind::View => view::emit_view(relation, node.repair.dummy, out),
        RelationKind::Materialized => view::emit_materialized(relation, out),
        RelationKind::Sequence => match model.sequences.get(&relation.oid) {
            Some(sequence) => sequence.emit(relation, out),
            None => Ok(()),
        },
        _ => {
            let inline = Inline {
                defaults: within.defaults.get(&relation.oid).cloned().unwrap_or_default(),
                checks: within.checks.get(&relation.oid).cloned().unwrap_or_default(),
            };
            table::emit(relation, &inline, out)
        }
    };
    out.enter(section);
    told
}

/// Kinds that follow the data, unless they are told within something else.
fn tell_after_data(model: &Model, node: &Node, out: &mut Emitter<'_>) {
    let relation = |oid: u32| model.relations.get(&oid).filter(|table| model.is_defined(table.id(), &table.schema));
    let own = |id: ObjectId| !model.members.contains_key(&id);
    match node.subject {
        Subject::Constraint(oid) | Subject::ForeignKey(oid) => {
            let Some(constraint) = model.constraints.get(&oid).filter(|_| node.repair.apart) else { return };
            if constraint.domain != 0 {
                if let Some(domain) = model.domains.get(&constraint.domain)
                    && own(ObjectId::new(class::TYPE, constraint.domain))
                {
                    constraint.emit_of_domain(domain, out);
                }
            } else if let Some(table) = relation(constraint.table) {
                let index = model.indexes.get(&constraint.index).filter(|_| constraint.has_index());
                constraint.emit(table, index, out);
            }
        }
        Subject::Index(oid) => {
            if let Some(index) = model.indexes.get(&oid)
                && let Some(table) = relation(index.table)
            {
                index.emit(table, out);
            }
        }
        Subject::IndexAttach(oid) => {
            let index = model.indexes.get(&oid);
            let parent = index.and_then(|index| model.indexes.get(&index.parent));
            if let (Some(index), Some(parent)) = (index, parent)
                && let (Some(table), Some(parent_table)) = (relation(index.table), relation(parent.table))
            {
                attach::emit_index((parent, parent_table), (index, table), out);
            }
        }
        Subject::Statistics(oid) => {
            if let Some(statistics) = model.statistics.get(&oid).filter(|s| model.is_defined(s.id(), &s.schema)) {
                statistics.emit(out);
            }
        }
        Subject::Rule(oid) => {
            let Some(rule) = model.rules.get(&oid) else { return };
            let Some(table) = relation(rule.table) else { return };
            if !rule.is_query {
                rule.emit(table, out);
            } else {
                out.told(rule.id());
                if node.repair.apart {
                    view::emit_query(table, out);
                }
            }
        }
        Subject::Trigger(oid) => {
            if let Some(trigger) = model.triggers.get(&oid).filter(|trigger| own(trigger.id()))
                && let Some(table) = relation(trigger.table)
            {
                trigger.emit(table, out);
            }
        }
        Subject::RowSecurity(oid) => {
            if let Some(table) = relation(oid) {
                policy::emit_row_security(table, out);
            }
        }
        Subject::Policy(oid) => {
            if let Some(policy) = model.policies.get(&oid)
                && let Some(table) = relation(policy.table)
            {
                policy.emit(table, out);
            }
        }
        Subject::Publication(_) | Subject::PublishedTable(_) | Subject::PublishedSchema(_) => {
            tell_published(model, node, out);
        }
        Subject::EventTrigger(oid) => {
            if let Some(trigger) = model.event_triggers.get(&oid).filter(|trigger| own(trigger.id())) {
                trigger.emit(out);
            }
        }
        _ => {}
    }
}

fn tell_published(model: &Model, node: &Node, out: &mut Emitter<'_>) {
    match node.subject {
        Subject::Publication(oid) => {
            if let Some(publication) = model.publications.get(&oid) {
                publication.emit(out);
            }
        }
        Subject::PublishedTable(oid) => {
            if let Some(published) = model.published_tables.get(&oid) {
                let of = (model.publications.get(&published.publication), model.relations.get(&published.table));
                if let (Some(publication), Some(relation)) = of {
                    published.emit(publication, relation, out);
                }
            }
        }
        Subject::PublishedSchema(oid) => {
            if let Some(published) = model.published_schemas.get(&oid) {
                let of = (model.publications.get(&published.publication), model.schemas.get(&published.schema));
                if let (Some(publication), Some(schema)) = of {
                    published.emit(publication, &schema.name, out);
                }
            }
        }
        _ => {}
    }
}
