//! Makes the graph: a node for everything there is to tell, and the edges that `pg_depend` does not have.

use super::{Graph, NodeId, Role, Subject, Tie, apart, data, edges, inherited};
use crate::catalog::Model;
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::exclusion;
use crate::kinds::relation::{Relation, RelationKind};
use crate::kinds::types::TypeKind;
use crate::object::{ObjectId, class};

/// The graph of a database.
pub(crate) fn build(model: &Model) -> Graph {
    let mut graph = Graph::with_room_for(model);
    schemas_and_types(model, &mut graph);
    operators_and_text_search(model, &mut graph);
    relations(model, &mut graph);
    indexes_and_constraints(model, &mut graph);
    on_tables(model, &mut graph);
    database_wide(model, &mut graph);
    members(model, &mut graph);
    data::add(model, &mut graph);
    edges::add(&mut graph, &model.dependencies);
    apart::declarations(model, &mut graph);
    apart::views_of_themselves(model, &mut graph);
    data::refreshes(model, &mut graph);
    data::boundaries(&mut graph);
    graph
}

fn schemas_and_types(model: &Model, graph: &mut Graph) {
    for schema in model.schemas.values() {
        graph.add(Subject::Schema(schema.oid), Some(schema.id()), None, &*schema.name);
    }
    for extension in model.extensions.values() {
        graph.add(Subject::Extension(extension.oid), Some(extension.id()), None, &*extension.name);
    }
    for function in model.functions.values() {
        let subject =
            if function.kind == 'a' { Subject::Aggregate(function.oid) } else { Subject::Function(function.oid) };
        let node = graph.add(subject, Some(function.id()), Some(&function.schema), &*function.name);
        let count = i64::try_from(function.argument_types.len()).unwrap_or(i64::MAX);
        let names = function.argument_names.iter().cloned().map(Tie::Text);
        graph.nodes[node].ties = std::iter::once(Tie::Number(count)).chain(names).collect();
        if model.declarations.contains_key(&function.oid) && model.is_defined(function.id(), &function.schema) {
            let subject = Subject::DeclaredFunction(function.oid);
            let declaration = graph.add(subject, None, Some(&function.schema), &*function.name);
            graph.nodes[declaration].ties = graph.nodes[node].ties.clone();
            graph.nodes[node].role = Role::FunctionWithDeclaration(declaration);
        }
    }
    for data_type in model.types.values() {
        let (oid, schema) = (data_type.oid, Some(data_type.schema.as_str()));
        let subject = if data_type.kind == TypeKind::Implied { Subject::ImpliedType(oid) } else { Subject::Type(oid) };
        let node = graph.add(subject, Some(data_type.id()), schema, &*data_type.name);
        if matches!(data_type.kind, TypeKind::Base | TypeKind::Range) {
            // Not found by dependencies, which are the type's.
            let shell = graph.add(Subject::ShellType(oid), None, schema, &*data_type.name);
            graph.nodes[node].role = Role::TypeWithShell(shell);
        }
        if model.domains.get(&oid).is_some_and(|domain| domain.default.is_some()) {
            let default = graph.add(Subject::DomainDefault(oid), None, schema, &*data_type.name);
            graph.need(default, node);
            graph.nodes[node].role = Role::DomainWithDefault(default);
        }
    }
}

fn operators_and_text_search(model: &Model, graph: &mut Graph) {
    for collation in model.collations.values() {
        let (subject, schema) = (Subject::Collation(collation.oid), Some(collation.schema.as_str()));
        let node = graph.add(subject, Some(collation.id()), schema, &*collation.name);
        graph.nodes[node].ties = vec![Tie::Number(collation.encoding.into())];
    }
    for language in model.languages.values() {
        graph.add(Subject::Language(language.oid), Some(language.id()), None, &*language.name);
    }
    for transform in model.transforms.values() {
        graph.add(Subject::Transform(transform.oid), Some(transform.id()), None, &*transform.name);
    }
    for method in model.access_methods.values() {
        graph.add(Subject::AccessMethod(method.oid), Some(method.id()), None, &*method.name);
    }
    for cast in model.casts.values() {
        graph.add(Subject::Cast(cast.oid), Some(cast.id()), None, &*cast.name);
    }
    for operator in model.operators.values() {
        let (subject, schema) = (Subject::Operator(operator.oid), Some(operator.schema.as_str()));
        let node = graph.add(subject, Some(operator.id()), schema, &*operator.name);
        graph.nodes[node].ties = operator.ties.clone();
    }
    for class in model.operator_classes.values() {
        let (subject, schema) = (Subject::OperatorClass(class.oid), Some(class.schema.as_str()));
        let node = graph.add(subject, Some(class.id()), schema, &*class.name);
        graph.nodes[node].ties = vec![Tie::Text(class.method.clone())];
    }
    for family in model.operator_families.values() {
        let (subject, schema) = (Subject::OperatorFamily(family.oid), Some(family.schema.as_str()));
        let node = graph.add(subject, Some(family.id()), schema, &*family.name);
        graph.nodes[node].ties = vec![Tie::Text(family.method.clone())];
    }
    for conversion in model.conversions.values() {
        let (subject, schema) = (Subject::Conversion(conversion.oid), Some(conversion.schema.as_str()));
        graph.add(subject, Some(conversion.id()), schema, &*conversion.name);
    }
    for (id, object) in &model.text_search {
        let (subject, schema) = (Subject::TextSearch(object.kind, object.oid), Some(object.schema.as_str()));
        graph.add(subject, Some(*id), schema, &*object.name);
    }
    for wrapper in model.wrappers.values() {
        graph.add(Subject::Wrapper(wrapper.oid), Some(wrapper.id()), None, &*wrapper.name);
    }
    for server in model.servers.values() {
        graph.add(Subject::Server(server.oid), Some(server.id()), None, &*server.name);
    }
}

fn relations(model: &Model, graph: &mut Graph) {
    for relation in model.relations.values() {
        let schema = Some(relation.schema.as_str());
        let node = graph.add(Subject::Relation(relation.oid), Some(relation.id()), schema, &*relation.name);
        graph.nodes[node].role = match relation.kind {
            RelationKind::View => Role::View,
            RelationKind::Materialized => Role::Materialized,
            _ => Role::None,
        };
    }
    for relation in model.relations.values().filter(|relation| relation.is_partition()) {
        attach(graph, relation);
    }
    let can_follow = apart::generation_can_follow(model);
    for default in model.defaults.values() {
        let (Some(table), Some(relation)) =
            (graph.find(Subject::Relation(default.table)), model.relations.get(&default.table))
        else {
            continue;
        };
        let schema = Some(relation.schema.as_str());
        let node = graph.add(Subject::ColumnDefault(default.oid), Some(default.id()), schema, &*relation.name);
        graph.nodes[node].ties = vec![Tie::Number(default.column.into())];
        let column = relation.column(default.column);
        let printed = column.is_some_and(|column| relation.prints(column));
        let generated = column.is_some_and(|column| column.generated != ' ');
        graph.nodes[node].role =
            if generated { Role::GenerationOf(table, can_follow(relation)) } else { Role::DefaultOf(table) };
        // A view's defaults, and those of inherited columns, have no place in CREATE.
        if !generated && (relation.kind == RelationKind::View || !printed) {
            graph.nodes[node].repair.apart = true;
        } else {
            graph.need(table, node);
        }
    }
    for (table, column) in model.null_defaults() {
        let (Some(node), Some(relation)) = (graph.find(Subject::Relation(table)), model.relations.get(&table)) else {
            continue;
        };
        if relation.column(column).is_some_and(|column| !relation.prints(column)) {
            let schema = Some(relation.schema.as_str());
            let default = graph.add(Subject::NullDefault(table, column), None, schema, &*relation.name);
            graph.nodes[default].ties = vec![Tie::Number(column.into())];
            graph.need(default, node);
        }
    }
}

fn attach(graph: &mut Graph, relation: &Relation) {
    let schema = Some(relation.schema.as_str());
    let node = graph.add(Subject::TableAttach(relation.oid), None, schema, &*relation.name);
    for oid in std::iter::once(&relation.oid).chain(&relation.parents) {
        if let Some(table) = graph.find(Subject::Relation(*oid)) {
            graph.need(node, table);
        }
    }
}

fn indexes_and_constraints(model: &Model, graph: &mut Graph) {
    for index in model.indexes.values() {
        let schema = model.relations.get(&index.table).map(|relation| relation.schema.as_str());
        graph.add(Subject::Index(index.oid), Some(index.id()), schema, &*index.name);
    }
    for index in model.indexes.values().filter(|index| index.parent != 0) {
        let (Some(node), Some(parent)) =
            (graph.find(Subject::Index(index.oid)), graph.find(Subject::Index(index.parent)))
        else {
            continue;
        };
        graph.nodes[node].role = Role::PartOf(parent);
        let schema = graph.nodes[node].schema.clone();
        let attach = graph.add(Subject::IndexAttach(index.oid), None, schema.as_deref(), &*index.name);
        let parent_table = model.indexes.get(&index.parent).map(|parent| parent.table);
        let tables = [Some(index.table), parent_table].into_iter().flatten();
        let tables: Vec<_> = tables.filter_map(|table| graph.find(Subject::Relation(table))).collect();
        for other in [node, parent].into_iter().chain(tables) {
            graph.need(attach, other);
        }
    }
    for constraint in model.constraints.values() {
        // Constraint triggers are triggers; copies in partitions and PostgreSQL 18's valid NOT NULLs come with their table.
        let foreign = constraint.kind == ConstraintKind::Foreign;
        let not_null = constraint.kind == ConstraintKind::NotNull;
        if constraint.kind == ConstraintKind::Trigger
            || (foreign && constraint.parent != 0)
            || (not_null && constraint.table != 0 && constraint.validated)
        {
            continue;
        }
        let subject = if foreign { Subject::ForeignKey(constraint.oid) } else { Subject::Constraint(constraint.oid) };
        let owner =
            if constraint.domain != 0 { Subject::Type(constraint.domain) } else { Subject::Relation(constraint.table) };
        let Some(owner) = graph.find(owner) else { continue };
        let schema = graph.nodes[owner].schema.clone();
        let node = graph.add(subject, Some(constraint.id()), schema.as_deref(), &*constraint.name);
        // Domains come before tables.
        let of_table = i64::from(constraint.domain == 0);
        graph.nodes[node].ties = vec![Tie::Number(of_table), Tie::Text(graph.nodes[owner].name.clone())];
        if matches!(constraint.kind, ConstraintKind::Check | ConstraintKind::NotNull) {
            graph.nodes[node].role = Role::CheckOf(owner);
            if constraint.validated {
                graph.need(owner, node);
            } else {
                graph.nodes[node].repair.apart = true;
            }
        } else {
            graph.nodes[node].repair.apart = true;
        }
    }
    for index in model.indexes.values().filter(|index| index.parent != 0 && exclusion::goes_down(model, index)) {
        let parent = model.indexes.get(&index.parent).map_or(0, |parent| parent.constraint);
        let both = [index.constraint, parent].map(|constraint| graph.find(Subject::Constraint(constraint)));
        if let [Some(node), Some(parent)] = both {
            graph.need(node, parent);
        }
    }
    inherited::checks(model, graph);
    for key in model.constraints.values().filter(|constraint| constraint.kind == ConstraintKind::Foreign) {
        if let Some(node) = graph.find(Subject::ForeignKey(key.oid)) {
            need_attached(model, graph, node, key.index);
        }
    }
}

/// A foreign key to a partitioned table needs the whole tree of the index that it refers to.
fn need_attached(model: &Model, graph: &mut Graph, node: NodeId, index: u32) {
    let mut pending = vec![index];
    while let Some(parent) = pending.pop() {
        for child in model.partitions_of_index(parent) {
            if let Some(attach) = graph.find(Subject::IndexAttach(child)) {
                graph.need(node, attach);
            }
            pending.push(child);
        }
    }
}

fn on_tables(model: &Model, graph: &mut Graph) {
    let add = |graph: &mut Graph, subject, id, table, name: &str| {
        let relation = model.relations.get(&table)?;
        let node = graph.add(subject, Some(id), Some(&relation.schema), name);
        graph.nodes[node].ties = vec![Tie::Text(relation.name.clone())];
        Some((node, graph.find(Subject::Relation(table))?))
    };
    for statistics in model.statistics.values() {
        let schema = Some(statistics.schema.as_str());
        graph.add(Subject::Statistics(statistics.oid), Some(statistics.id()), schema, &*statistics.name);
    }
    for trigger in model.triggers.values() {
        let added = add(graph, Subject::Trigger(trigger.oid), trigger.id(), trigger.table, &trigger.name);
        if let Some((node, table)) = added {
            graph.nodes[table].triggers.push(node);
        }
    }
    for rule in model.rules.values() {
        if let Some((node, table)) = add(graph, Subject::Rule(rule.oid), rule.id(), rule.table, &rule.name) {
            if rule.is_query {
                // The view comes after all that its query needs.
                graph.nodes[node].role = Role::QueryOf(table);
                graph.need(table, node);
            } else {
                graph.nodes[node].repair.apart = true;
                graph.need(node, table);
            }
        }
    }
    for relation in model.relations.values().filter(|relation| relation.row_security) {
        let schema = Some(relation.schema.as_str());
        let node = graph.add(Subject::RowSecurity(relation.oid), None, schema, &*relation.name);
        graph.nodes[node].ties = vec![Tie::Text(relation.name.clone())];
        if let Some(table) = graph.find(Subject::Relation(relation.oid)) {
            graph.need(node, table);
        }
    }
    for policy in model.policies.values() {
        add(graph, Subject::Policy(policy.oid), policy.id(), policy.table, &policy.name);
    }
}

fn database_wide(model: &Model, graph: &mut Graph) {
    for publication in model.publications.values() {
        graph.add(Subject::Publication(publication.oid), Some(publication.id()), None, &*publication.name);
    }
    let publication = |oid| model.publications.get(oid).map(|publication| vec![Tie::Text(publication.name.clone())]);
    for published in model.published_tables.values() {
        if let Some(relation) = model.relations.get(&published.table) {
            let subject = Subject::PublishedTable(published.oid);
            let node = graph.add(subject, Some(published.id()), Some(&relation.schema), &*relation.name);
            graph.nodes[node].ties = publication(&published.publication).unwrap_or_default();
        }
    }
    for published in model.published_schemas.values() {
        if let Some(schema) = model.schemas.get(&published.schema) {
            let subject = Subject::PublishedSchema(published.oid);
            let node = graph.add(subject, Some(published.id()), None, &*schema.name);
            graph.nodes[node].ties = publication(&published.publication).unwrap_or_default();
        }
    }
    for (number, subscription) in model.subscriptions.values().enumerate() {
        graph.add(Subject::Subscription(number), subscription.id(), None, &*subscription.name);
    }
    for acl in model.default_acls.values() {
        let subject = Subject::DefaultAcl(acl.oid);
        let node = graph.add(subject, Some(acl.id()), acl.schema.as_deref(), acl.of.to_string());
        graph.nodes[node].ties = vec![Tie::Text(acl.role.clone())];
    }
    for trigger in model.event_triggers.values() {
        graph.add(Subject::EventTrigger(trigger.oid), Some(trigger.id()), None, &*trigger.name);
    }
}

/// Members of an extension come with it.
fn members(model: &Model, graph: &mut Graph) {
    for (member, extension) in &model.members {
        let extension = graph.object(ObjectId::new(class::EXTENSION, *extension));
        if let (Some(node), Some(extension)) = (graph.object(*member), extension) {
            graph.need(node, extension);
        }
    }
}
