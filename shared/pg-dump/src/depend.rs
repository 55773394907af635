//! The graph of a dump: what there is to tell, and what must be told before it.

use std::collections::HashMap;

use crate::catalog::Model;
use crate::kinds::text_search::TextSearchKind;
use crate::object::ObjectId;

mod apart;
mod build;
mod data;
mod edges;
mod inherited;

pub(crate) use build::build;
pub(crate) use edges::{Dependency, read};

/// Place of a node in the graph.
pub(crate) type NodeId = usize;

/// What a node tells. The number is the OID of the row that its kind's catalog has it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Schema(u32),
    Extension(u32),
    Language(u32),
    Collation(u32),
    Transform(u32),
    Cast(u32),
    AccessMethod(u32),
    Operator(u32),
    OperatorClass(u32),
    OperatorFamily(u32),
    Conversion(u32),
    TextSearch(TextSearchKind, u32),
    Wrapper(u32),
    Server(u32),
    Type(u32),
    /// `CREATE TYPE x;` for the functions of a type that is defined by them.
    ShellType(u32),
    /// A type that comes with something else.
    ImpliedType(u32),
    /// A function before that which its body or its defaults need.
    DeclaredFunction(u32),
    Function(u32),
    Aggregate(u32),
    /// Anything in `pg_class` but indexes.
    Relation(u32),
    TableAttach(u32),
    ColumnDefault(u32),
    /// `ALTER DOMAIN … SET DEFAULT`, for a default that needs what needs the domain.
    DomainDefault(u32),
    /// A child's column without the default that its parent has.
    NullDefault(u32, i16),
    /// Everything before the data.
    PreData,
    TableData(u32),
    SequenceValue(u32),
    /// Index of a group.
    LargeObjects(usize),
    /// Everything up to the data.
    PostData,
    Constraint(u32),
    Index(u32),
    IndexAttach(u32),
    Statistics(u32),
    Rule(u32),
    Trigger(u32),
    ForeignKey(u32),
    RowSecurity(u32),
    Policy(u32),
    Publication(u32),
    PublishedTable(u32),
    PublishedSchema(u32),
    /// Place among the subscriptions.
    Subscription(usize),
    DefaultAcl(u32),
    EventTrigger(u32),
    Refresh(u32),
}

/// A part of the key that two nodes of one rank and name are sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tie {
    Number(i64),
    Text(String),
}

/// What a node is towards another one; circles are broken by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    None,
    View,
    Materialized,
    /// CHECK or NOT NULL of a table or a domain.
    CheckOf(NodeId),
    /// Default of a table's column.
    DefaultOf(NodeId),
    /// Generation expression of a table's column, and whether one can be set later.
    GenerationOf(NodeId, bool),
    /// The query of a view.
    QueryOf(NodeId),
    /// A partition's index, with its parent's.
    PartOf(NodeId),
    /// A base or range type that has a shell.
    TypeWithShell(NodeId),
    FunctionWithDeclaration(NodeId),
    DomainWithDefault(NodeId),
}

/// How a circle of dependencies was broken at a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repair {
    /// Told on its own, and not within what it belongs to.
    pub(crate) apart: bool,
    /// A view told without its query first, or a function without its body.
    pub(crate) dummy: bool,
    /// Told after the data.
    pub(crate) postponed: bool,
    /// A shell or a declaration that something needs.
    pub(crate) needed: bool,
}

/// Something to tell.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) subject: Subject,
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) ties: Vec<Tie>,
    pub(crate) role: Role,
    pub(crate) repair: Repair,
    /// What must come before.
    pub(crate) needs: Vec<NodeId>,
    /// Triggers of a view, which need its query.
    pub(crate) triggers: Vec<NodeId>,
}

/// All nodes, and where the objects are among them.
#[derive(Default)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    subjects: HashMap<Subject, NodeId>,
    objects: HashMap<ObjectId, NodeId>,
}

impl Graph {
    /// Empty, and large enough for most of what a model is made of: there may be very many nodes, which are not to be moved often.
    fn with_room_for(model: &Model) -> Self {
        let on_tables = model.constraints.len() + model.indexes.len() + model.defaults.len() + model.triggers.len();
        // A relation has rows or a value.
        let nodes = 2 * model.relations.len() + model.types.len() + model.functions.len() + on_tables;
        Self {
            nodes: Vec::with_capacity(nodes),
            subjects: HashMap::with_capacity(nodes),
            objects: HashMap::with_capacity(nodes),
        }
    }

    /// Adds a node. `object` is the catalog row by which dependencies find it.
    pub(crate) fn add(
        &mut self,
        subject: Subject,
        object: Option<ObjectId>,
        schema: Option<&str>,
        name: impl Into<String>,
    ) -> NodeId {
        let id = self.nodes.len();
        self.nodes.push(Node {
            subject,
            schema: schema.map(str::to_owned),
            name: name.into(),
            ties: Vec::new(),
            role: Role::None,
            repair: Repair::default(),
            needs: Vec::new(),
            triggers: Vec::new(),
        });
        self.subjects.insert(subject, id);
        if let Some(object) = object {
            self.objects.insert(object, id);
        }
        id
    }

    /// States that `node` comes after `other`.
    pub(crate) fn need(&mut self, node: NodeId, other: NodeId) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.needs.push(other);
        }
    }

    /// Takes back that `node` comes after `other`.
    pub(crate) fn free(&mut self, node: NodeId, other: NodeId) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.needs.retain(|need| *need != other);
        }
    }

    pub(crate) fn find(&self, subject: Subject) -> Option<NodeId> {
        self.subjects.get(&subject).copied()
    }

    pub(crate) fn object(&self, id: ObjectId) -> Option<NodeId> {
        self.objects.get(&id).copied()
    }

    /// A node's name for messages.
    pub(crate) fn describe(&self, id: NodeId) -> String {
        self.nodes.get(id).map_or_else(String::new, |node| {
            let name = node.schema.as_ref().map_or(node.name.clone(), |schema| format!("{schema}.{}", node.name));
            format!("{:?} {name}", node.subject)
        })
    }
}

impl Subject {
    /// The rank of its kind in the order of a dump, as pg_dump has it. Kinds of one rank are told apart by [`Subject::kind`].
    pub(crate) fn rank(self) -> u32 {
        match self {
            Self::Schema(_) => 1,
            Self::Language(_) => 2,
            Self::Collation(_) => 3,
            Self::Transform(_) => 4,
            Self::Extension(_) => 5,
            Self::Type(_) | Self::ShellType(_) => 6,
            Self::Cast(_) => 7,
            Self::Function(_) | Self::DeclaredFunction(_) => 8,
            Self::Aggregate(_) => 9,
            Self::AccessMethod(_) => 10,
            Self::Operator(_) => 11,
            Self::OperatorClass(_) | Self::OperatorFamily(_) => 12,
            Self::Conversion(_) => 13,
            Self::TextSearch(TextSearchKind::Parser, _) => 14,
            Self::TextSearch(TextSearchKind::Template, _) => 15,
            Self::TextSearch(TextSearchKind::Dictionary, _) => 16,
            Self::TextSearch(TextSearchKind::Configuration, _) => 17,
            Self::Wrapper(_) => 18,
            Self::Server(_) => 19,
            Self::Relation(_) => 20,
            Self::TableAttach(_) => 21,
            Self::ImpliedType(_) => 22,
            Self::ColumnDefault(_) | Self::NullDefault(..) | Self::DomainDefault(_) => 23,
            // Large objects are made empty here, and filled with the data.
            Self::LargeObjects(_) => 24,
            Self::PreData => 25,
            Self::TableData(_) => 26,
            Self::SequenceValue(_) => 27,
            Self::PostData => 28,
            Self::Constraint(_) => 29,
            Self::Index(_) => 30,
            Self::IndexAttach(_) => 31,
            Self::Statistics(_) => 32,
            Self::Rule(_) => 33,
            Self::Trigger(_) => 34,
            Self::ForeignKey(_) => 35,
            Self::RowSecurity(_) | Self::Policy(_) => 36,
            Self::Publication(_) => 37,
            Self::PublishedTable(_) => 38,
            Self::PublishedSchema(_) => 39,
            Self::Subscription(_) => 40,
            Self::DefaultAcl(_) => 41,
            Self::EventTrigger(_) => 42,
            Self::Refresh(_) => 43,
        }
    }

    /// Tells kinds of one rank apart: the order of pg_dump's object types.
    pub(crate) fn kind(self) -> u32 {
        match self {
            Self::ShellType(_) | Self::OperatorFamily(_) => 1,
            _ => 0,
        }
    }

    /// Whether the data needs it.
    pub(crate) fn is_pre_data(self) -> bool {
        self.rank() < Self::PreData.rank()
    }
}
