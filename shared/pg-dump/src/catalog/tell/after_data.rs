//! Kinds that follow the data.

use crate::catalog::Model;
use crate::depend::{Node, Subject};
use crate::emit::Emitter;
use crate::kinds::{attach, policy, view};
use crate::object::{ObjectId, class};

/// One of them, unless it is told within something else.
pub(super) fn tell(model: &Model, node: &Node, out: &mut Emitter<'_>) {
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
                // The parent may be left out.
                && let (Some(table), Some(parent_table)) = (relation(index.table), model.relations.get(&parent.table))
            {
                attach::emit_index((parent, parent_table), (index, table), out);
            }
        }
        Subject::Statistics(oid) => {
            if let Some(statistics) = model.statistics.get(&oid).filter(|s| model.is_defined(s.id(), &s.schema))
                && relation(statistics.table).is_some()
            {
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
