//! Everything that was read, by kind and OID.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{CatalogError, Reader, initial};
use crate::depend::{self, Dependency};
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::relation::{Relation, RelationKind};
use crate::kinds::text_search::TextSearchKind;
use crate::kinds::{
    access_method, aggregate, cast, collation, column_default, constraint, conversion, declaration, default_acl,
    domain, event_trigger, extension, foreign, function, index, language, large_object, operator, operator_class,
    operator_family, operator_member, policy, publication, range, relation, rule, schema, sequence, statistics,
    subscription, text_search, transform, trigger, types,
};
use crate::object::{ObjectId, class};
use crate::selection::Selection;
use crate::version::Version;

type ByOid<T> = BTreeMap<u32, T>;

/// A database's catalog.
pub(crate) struct Model {
    pub(crate) version: Version,
    pub(super) selection: Selection,
    /// Relations that are not asked for.
    pub(super) left_out: BTreeSet<u32>,
    comments: BTreeMap<(ObjectId, i32), String>,
    pub(super) labels: BTreeMap<(ObjectId, i32), Vec<(String, String)>>,
    pub(crate) members: BTreeMap<ObjectId, u32>,
    extensions_needed: BTreeMap<ObjectId, Vec<String>>,
    initial_privileges: HashMap<(ObjectId, i32), String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) schemas: ByOid<schema::Schema>,
    pub(crate) extensions: ByOid<extension::Extension>,
    pub(crate) relations: ByOid<relation::Relation>,
    pub(crate) sequences: ByOid<sequence::Sequence>,
    pub(crate) functions: ByOid<function::Function>,
    pub(crate) declarations: ByOid<declaration::Declaration>,
    pub(crate) aggregates: ByOid<aggregate::Aggregate>,
    pub(crate) collations: ByOid<collation::Collation>,
    pub(crate) languages: ByOid<language::Language>,
    pub(crate) transforms: ByOid<transform::Transform>,
    pub(crate) access_methods: ByOid<access_method::AccessMethod>,
    pub(crate) casts: ByOid<cast::Cast>,
    pub(crate) operators: ByOid<operator::Operator>,
    pub(crate) operator_classes: ByOid<operator_class::OperatorClass>,
    pub(crate) operator_families: ByOid<operator_family::OperatorFamily>,
    pub(crate) operator_members: operator_member::Members,
    pub(crate) conversions: ByOid<conversion::Conversion>,
    pub(crate) text_search: BTreeMap<ObjectId, text_search::TextSearch>,
    pub(crate) wrappers: ByOid<foreign::Wrapper>,
    pub(crate) servers: ByOid<foreign::Server>,
    pub(crate) types: ByOid<types::DataType>,
    pub(crate) domains: ByOid<domain::Domain>,
    pub(crate) ranges: ByOid<range::Range>,
    pub(crate) defaults: ByOid<column_default::ColumnDefault>,
    pub(crate) constraints: ByOid<constraint::Constraint>,
    pub(crate) indexes: ByOid<index::Index>,
    pub(crate) statistics: ByOid<statistics::Statistics>,
    pub(crate) triggers: ByOid<trigger::Trigger>,
    pub(crate) rules: ByOid<rule::Rule>,
    pub(crate) policies: ByOid<policy::Policy>,
    pub(crate) publications: ByOid<publication::Publication>,
    pub(crate) published_tables: ByOid<publication::PublishedTable>,
    pub(crate) published_schemas: ByOid<publication::PublishedSchema>,
    /// By name: who may not read all of them may not see their OIDs either.
    pub(crate) subscriptions: BTreeMap<String, subscription::Subscription>,
    pub(crate) default_acls: ByOid<default_acl::DefaultAcl>,
    pub(crate) event_triggers: ByOid<event_trigger::EventTrigger>,
    pub(crate) large_objects: Vec<large_object::LargeObjects>,
    /// Partitioned tables whose rows' place depends on OIDs, which a restore changes: rows are loaded by their root.
    pub(crate) partitioned_by_enum: BTreeSet<u32>,
    /// Materialised views, each with one that its query reads, directly or by way of views.
    pub(crate) refresh_order: Vec<(u32, u32)>,
    index_partitions: BTreeMap<u32, Vec<u32>>,
}

/// A model of fields that are given, and of others that are read: all queries go out at once, so that the server works on one
/// while the rows of another are taken apart here. Of several errors the first query's counts: those after it only say that the
/// transaction has failed.
macro_rules! read_at_once {
    ($($given:ident: $value:expr),*; $($field:ident: $reading:expr,)*) => {{
        let ($($field,)*) = tokio::try_join!(biased; $($reading,)*)?;
        Self { $($given: $value,)* $($field,)* }
    }};
}

impl Model {
    /// One query for each kind.
    pub(crate) async fn read(reader: &Reader<'_>) -> Result<Self, CatalogError> {
        let beside = &reader.beside();
        let mut model = read_at_once! {
            version: reader.version,
            selection: Selection::default(),
            left_out: BTreeSet::new(),
            refresh_order: Vec::new(),
            index_partitions: BTreeMap::new();
            comments: initial::comments(beside),
            labels: initial::labels(beside),
            members: initial::members(beside),
            extensions_needed: initial::extensions_needed(beside),
            initial_privileges: initial::privileges(beside),
            dependencies: depend::read(beside),
            schemas: schema::read(reader),
            extensions: extension::read(reader),
            relations: relation::read(reader),
            sequences: sequence::read(beside),
            functions: function::read(reader),
            declarations: declaration::read(reader),
            aggregates: aggregate::read(reader),
            collations: collation::read(reader),
            languages: language::read(reader),
            transforms: transform::read(reader),
            access_methods: access_method::read(reader),
            casts: cast::read(reader),
            operators: operator::read(reader),
            operator_classes: operator_class::read(reader),
            operator_families: operator_family::read(reader),
            operator_members: operator_member::read(reader),
            conversions: conversion::read(reader),
            text_search: text_search(reader),
            wrappers: foreign::read_wrappers(reader),
            servers: foreign::read_servers(reader),
            types: types::read(beside),
            domains: domain::read(reader),
            ranges: range::read(reader),
            defaults: column_default::read(reader),
            constraints: constraint::read(reader),
            indexes: index::read(reader),
            statistics: statistics::read(reader),
            triggers: trigger::read(reader),
            rules: rule::read(reader),
            policies: policy::read(reader),
            publications: publication::read(reader),
            published_tables: publication::read_tables(reader),
            published_schemas: publication::read_schemas(reader),
            subscriptions: subscription::read(reader),
            default_acls: default_acl::read(reader),
            event_triggers: event_trigger::read(reader),
            large_objects: large_object::read(reader),
            partitioned_by_enum: partitioned_by_enum(reader),
        };
        for index in model.indexes.values().filter(|index| index.parent != 0) {
            model.index_partitions.entry(index.parent).or_default().push(index.oid);
        }
        if model.version.catalogues_not_null() {
            model.keep_not_null_of_children();
        } else {
            model.guess_inherited_not_null();
        }
        model.order_refreshes();
        Ok(model)
    }

    pub(crate) fn comment(&self, id: ObjectId, column: i32) -> Option<&str> {
        self.comments.get(&(id, column)).map(String::as_str)
    }

    pub(crate) fn comments(&self) -> impl Iterator<Item = (ObjectId, i32)> {
        self.comments.keys().copied()
    }

    /// Providers and labels of an object or a column.
    pub(crate) fn labels(&self, id: ObjectId, column: i32) -> &[(String, String)] {
        self.labels.get(&(id, column)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Privileges that an object had when initdb or an extension had made it. Those of `public` are told from the default.
    pub(crate) fn initial_privileges(&self, id: ObjectId, column: i32) -> Option<&str> {
        let public =
            id.class == class::SCHEMA && self.schemas.get(&id.oid).is_some_and(|schema| schema.name == "public");
        if public { None } else { self.initial_privileges.get(&(id, column)).map(String::as_str) }
    }

    /// Objects that were tied to extensions by hand.
    pub(crate) fn needing_extensions(&self) -> impl Iterator<Item = ObjectId> {
        self.extensions_needed.keys().copied()
    }

    pub(crate) fn extensions_needed(&self, id: ObjectId) -> impl Iterator<Item = &str> {
        self.extensions_needed.get(&id).into_iter().flatten().map(String::as_str)
    }

    /// Whether an object's definition is ours to tell: it is no extension's, in no schema of the system's, and not left out.
    pub(crate) fn is_defined(&self, id: ObjectId, schema: &str) -> bool {
        let left_out = id.class == class::RELATION && self.leaves_out(id.oid);
        !self.members.contains_key(&id) && !is_system_schema(schema) && !left_out
    }

    /// The condition on a configuration table's rows, if the table is one; empty for all rows.
    pub(crate) fn configuration(&self, table: u32) -> Option<&str> {
        let tables = self.extensions.values().flat_map(|extension| &extension.configuration);
        tables.filter(|(oid, _)| *oid == table).map(|(_, condition)| condition.as_str()).next()
    }

    pub(crate) fn partitions_of_index(&self, index: u32) -> impl Iterator<Item = u32> {
        self.index_partitions.get(&index).into_iter().flatten().copied()
    }

    /// The default or generation expression of a column.
    pub(crate) fn expressions(&self) -> BTreeMap<(u32, i16), (u32, &str)> {
        let default = |default| {
            let default: &column_default::ColumnDefault = default;
            ((default.table, default.column), (default.oid, default.expression.as_str()))
        };
        self.defaults.values().map(default).collect()
    }

    /// Columns without a default that would inherit one: they need `DEFAULT NULL`.
    pub(crate) fn null_defaults(&self) -> Vec<(u32, i16)> {
        let expressions = self.expressions();
        let mut columns = Vec::new();
        for relation in self.relations.values().filter(|relation| !relation.parents.is_empty()) {
            for column in relation.columns.iter().filter(|column| !column.dropped) {
                let inherited = self.inherited(relation, &column.name).any(|(parent, parents_column)| {
                    parents_column.generated == ' ' && expressions.contains_key(&(parent.oid, parents_column.number))
                });
                if inherited && !expressions.contains_key(&(relation.oid, column.number)) {
                    columns.push((relation.oid, column.number));
                }
            }
        }
        columns
    }

    /// The columns of a name in a relation's parents.
    pub(crate) fn inherited<'a>(
        &'a self,
        relation: &'a Relation,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Relation, &'a crate::kinds::column::Column)> {
        relation.parents.iter().filter_map(|oid| self.relations.get(oid)).filter_map(move |parent| {
            parent.columns.iter().find(|column| !column.dropped && column.name == name).map(|column| (parent, column))
        })
    }

    /// A valid NOT NULL while no parent's is valid comes with its own table: the parent's is told after the data, as not valid.
    fn keep_not_null_of_children(&mut self) {
        let not_null = self.constraints.values().filter(|constraint| constraint.kind == ConstraintKind::NotNull);
        let invalid: BTreeSet<(u32, i16)> = not_null
            .filter(|constraint| !constraint.validated)
            .map(|constraint| (constraint.table, constraint.column))
            .collect();
        let mut kept = Vec::new();
        for relation in self.relations.values().filter(|relation| !relation.parents.is_empty()) {
            for column in relation.columns.iter().filter(|column| column.not_null.is_some()) {
                let inherited = || self.inherited(relation, &column.name);
                if inherited().any(|(parent, parents_column)| invalid.contains(&(parent.oid, parents_column.number)))
                    && !inherited().any(|(_, parents_column)| parents_column.not_null.is_some())
                {
                    kept.push((relation.oid, column.number));
                }
            }
        }
        self.set_local(&kept, true);
    }

    fn set_local(&mut self, not_nulls: &[(u32, i16)], local: bool) {
        for (table, number) in not_nulls {
            let columns = self.relations.get_mut(table).into_iter().flat_map(|relation| &mut relation.columns);
            for not_null in columns.filter(|column| column.number == *number).filter_map(|c| c.not_null.as_mut()) {
                not_null.local = local;
            }
        }
    }

    /// Before PostgreSQL 18 nobody knows whose NOT NULL it is: if a parent has it, it counts as the parent's.
    fn guess_inherited_not_null(&mut self) {
        let mut inherited = Vec::new();
        for relation in self.relations.values() {
            for column in relation.columns.iter().filter(|column| column.not_null.is_some()) {
                if self.inherited(relation, &column.name).any(|(_, parents_column)| parents_column.not_null.is_some()) {
                    inherited.push((relation.oid, column.number));
                }
            }
        }
        self.set_local(&inherited, false);
    }

    /// Finds what each materialised view reads, and marks those that cannot be filled because one of these has no rows.
    fn order_refreshes(&mut self) {
        let mut reads: HashMap<u32, Vec<u32>> = HashMap::new();
        for dependency in &self.dependencies {
            let view = (dependency.object.class == class::RULE)
                .then(|| self.rules.get(&dependency.object.oid))
                .flatten()
                .filter(|rule| rule.is_query && dependency.needs.class == class::RELATION);
            let Some(view) = view.map(|rule| rule.table) else { continue };
            let is_view = |oid| {
                let kind = self.relations.get(oid).map(|relation| relation.kind);
                matches!(kind, Some(RelationKind::View | RelationKind::Materialized))
            };
            if view != dependency.needs.oid && is_view(&dependency.needs.oid) {
                reads.entry(view).or_default().push(dependency.needs.oid);
            }
        }
        let materialized = |oid: &u32| self.relations.get(oid).is_some_and(|r| r.kind == RelationKind::Materialized);
        let mut order = Vec::new();
        for view in self.relations.keys().filter(|oid| materialized(oid)) {
            let mut seen = BTreeSet::new();
            let mut pending = vec![*view];
            while let Some(reader) = pending.pop() {
                for read in reads.get(&reader).into_iter().flatten().copied() {
                    if seen.insert(read) {
                        pending.push(read);
                    }
                }
            }
            order.extend(seen.into_iter().filter(|read| materialized(read) && read != view).map(|read| (*view, read)));
        }
        let unpopulated: BTreeSet<u32> = order
            .iter()
            .filter(|(_, read)| self.relations.get(read).is_some_and(|relation| !relation.populated))
            .map(|(view, _)| *view)
            .collect();
        for view in unpopulated {
            if let Some(relation) = self.relations.get_mut(&view) {
                relation.populated = false;
            }
        }
        self.refresh_order = order;
    }
}

/// Schemas whose objects initdb made, or that come and go with sessions.
pub(crate) fn is_system_schema(name: &str) -> bool {
    name.starts_with("pg_") || name == "information_schema"
}

async fn text_search(reader: &Reader<'_>) -> Result<BTreeMap<ObjectId, text_search::TextSearch>, CatalogError> {
    let mut found = BTreeMap::new();
    for kind in
        [TextSearchKind::Parser, TextSearchKind::Template, TextSearchKind::Dictionary, TextSearchKind::Configuration]
    {
        found.extend(text_search::read(reader, kind).await?.into_values().map(|object| (object.id(), object)));
    }
    Ok(found)
}

async fn partitioned_by_enum(reader: &Reader<'_>) -> Result<BTreeSet<u32>, CatalogError> {
    let sql = "SELECT p.partrelid FROM pg_partitioned_table p WHERE p.partstrat = 'h' AND \
         (SELECT c.oid FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod \
          WHERE c.opcname = 'enum_ops' AND c.opcnamespace = 'pg_catalog'::regnamespace AND a.amname = 'hash') \
         = ANY (p.partclass)";
    reader.rows("tables partitioned by enums", sql).await?.iter().map(|row| row.oid("partrelid")).collect()
}
