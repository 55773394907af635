//! Tells every node of the graph in its order.

mod after_data;
mod operators;
mod within;

use self::within::Within;
use super::{CatalogError, Model};
use crate::depend::{Graph, Node, NodeId, Subject};
use crate::emit::{Emitted, Emitter, Section};
use crate::kinds::relation::{Relation, RelationKind};
use crate::kinds::table::{self, Inline};
use crate::kinds::{attach, column_default, view};
use crate::object::FIRST_USER_OID;

/// Fewer nodes are not worth a thread.
const PART: usize = 8192;

/// Everything, in three passes' worth of items. No node asks what was said of another, so that threads share them.
pub(super) fn all(model: &Model, graph: &Graph, order: &[NodeId]) -> Result<Emitted, CatalogError> {
    let within = &within::within(model, graph);
    let post_data = order.iter().position(|node| graph.nodes[*node].subject == Subject::PostData);
    let (before, after) = order.split_at(post_data.unwrap_or(order.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let size = order.len().div_ceil(threads).max(PART);
    let sections = [(Section::PreData, before), (Section::PostData, after)];
    let parts = sections.into_iter().flat_map(|(section, nodes)| nodes.chunks(size).map(move |part| (section, part)));
    std::thread::scope(|scope| {
        let telling: Vec<_> =
            parts.map(|(section, nodes)| scope.spawn(move || part(model, within, graph, section, nodes))).collect();
        let mut all = Emitted::default();
        for part in telling {
            all.append(part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}

fn part(
    model: &Model,
    within: &Within<'_>,
    graph: &Graph,
    section: Section,
    nodes: &[NodeId],
) -> Result<Emitted, CatalogError> {
    let mut out = Emitter::new(model);
    out.enter(section);
    for node in nodes {
        tell(model, within, &graph.nodes[*node], &mut out)?;
    }
    Ok(out.finish())
}

fn tell(model: &Model, within: &Within<'_>, node: &Node, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let relation = |oid: u32| model.relations.get(&oid);
    // What belongs to a table is told if the table is.
    let on_table = |oid: u32| relation(oid).filter(|table| model.is_defined(table.id(), &table.schema));
    if !model.selection.tells(node.subject) {
        return Ok(());
    }
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
        Subject::Wrapper(oid) => {
            if let Some(wrapper) = model.wrappers.get(&oid) {
                return wrapper.emit(!model.members.contains_key(&wrapper.id()), out);
            }
        }
        Subject::Server(oid) => {
            if let Some(server) = model.servers.get(&oid) {
                return server.emit(!model.members.contains_key(&server.id()), out);
            }
        }
        Subject::Language(oid) => {
            if let Some(language) = model.languages.get(&oid) {
                let defined = language.id().is_users() && !model.members.contains_key(&language.id());
                return language.emit(defined, out);
            }
        }
        Subject::Collation(_)
        | Subject::Transform(_)
        | Subject::AccessMethod(_)
        | Subject::Cast(_)
        | Subject::Operator(_)
        | Subject::OperatorClass(_)
        | Subject::OperatorFamily(_)
        | Subject::Conversion(_)
        | Subject::TextSearch(..) => operators::tell(model, node, out),
        Subject::Type(_) | Subject::ShellType(_) => return tell_type(model, within, node, out),
        Subject::Function(oid) | Subject::Aggregate(oid) => {
            if let Some(function) = model.functions.get(&oid) {
                if !model.is_defined(function.id(), &function.schema) {
                    return function.emit_privileges(out);
                }
                return match model.aggregates.get(&oid) {
                    Some(aggregate) => aggregate.emit(function, out),
                    None => function.emit(node.repair.dummy, out),
                };
            }
        }
        Subject::DeclaredFunction(oid) => {
            let declared = (model.functions.get(&oid), model.declarations.get(&oid));
            if let (Some(function), Some(declaration), true) = (declared.0, declared.1, node.repair.needed) {
                declaration.emit(function, out);
            }
        }
        Subject::DomainDefault(oid) => {
            if let Some(domain) = model.domains.get(&oid).filter(|_| node.repair.apart) {
                domain.emit_default(out);
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
        Subject::Subscription(number) => {
            if let Some(subscription) = model.subscriptions.values().nth(number) {
                subscription.emit(out);
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
        _ => after_data::tell(model, node, out),
    }
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
        return domain.emit(data_type, checks, node.repair.apart, out);
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
    if relation.kind == RelationKind::Composite || model.leaves_out(relation.oid) {
        return Ok(());
    }
    if relation.oid < FIRST_USER_OID || !model.is_defined(relation.id(), &relation.schema) {
        return if model.selection.is_whole() { table::privileges(relation, out) } else { Ok(()) };
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
