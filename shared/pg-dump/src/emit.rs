//! From objects in order to SQL text: entries with `pg_dump`'s header comments, in its three passes.

mod item;
mod privileges;
mod remarks;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use sql_text::quote::identifier;

pub(crate) use item::{Item, Pass, Section};
pub(crate) use privileges::{AccessList, of_database as database_privileges};

use crate::catalog::{CatalogError, Model};
use crate::object::ObjectId;

/// Collects the items of a dump, and remembers what was said about which object.
pub(crate) struct Emitter<'a> {
    pub(crate) model: &'a Model,
    items: Vec<Item>,
    /// Section of the object that is being emitted.
    section: Section,
    /// Roles that own something or are granted something.
    roles: BTreeSet<String>,
    /// Objects that have been told, in whichever part.
    told: HashSet<ObjectId>,
    /// Comments that have been told, by object and column.
    comments: HashSet<(ObjectId, i32)>,
    /// Security labels that have been told, likewise.
    labels: HashSet<(ObjectId, i32)>,
    /// What has a list of privileges that has been told, likewise.
    privileges: HashSet<(ObjectId, i32)>,
    /// Objects whose dependencies on extensions have been told.
    needing: HashSet<ObjectId>,
    refused: Vec<String>,
}

/// Everything that was emitted.
#[derive(Default)]
pub(crate) struct Emitted {
    pub(crate) items: Vec<Item>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) told: HashSet<ObjectId>,
    pub(crate) comments: HashSet<(ObjectId, i32)>,
    pub(crate) labels: HashSet<(ObjectId, i32)>,
    pub(crate) privileges: HashSet<(ObjectId, i32)>,
    pub(crate) needing: HashSet<ObjectId>,
    /// What is known and cannot be restored.
    pub(crate) refused: Vec<String>,
}

/// What a comment or a privilege is attached to, in SQL's words.
pub(crate) struct Target<'a> {
    pub(crate) id: ObjectId,
    /// Number of the column, or 0.
    pub(crate) column: i32,
    /// Such as `TABLE` or `CONSTRAINT x ON`.
    pub(crate) kind: &'a str,
    /// Quoted name as it follows the schema, such as `t`, `t.column` or `f(integer)`.
    pub(crate) name: &'a str,
    pub(crate) schema: Option<&'a str>,
    pub(crate) owner: &'a str,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        Self {
            model,
            items: Vec::new(),
            section: Section::PreData,
            roles: BTreeSet::new(),
            told: HashSet::new(),
            comments: HashSet::new(),
            labels: HashSet::new(),
            privileges: HashSet::new(),
            needing: HashSet::new(),
            refused: Vec::new(),
        }
    }

    /// The section of what follows.
    pub(crate) fn enter(&mut self, section: Section) {
        self.section = section;
    }

    pub(crate) fn section(&self) -> Section {
        self.section
    }

    pub(crate) fn item(&mut self, mut item: Item) {
        item.section = self.section;
        if self.model.no_owner() {
            (item.owner, item.alter_owner) = (None, None);
        }
        // psql must not find a variable of its own in it.
        if let Cow::Owned(spaced) = sql_text::neutralise_colons(&item.definition) {
            item.definition = spaced;
        }
        if let Some(owner) = &item.owner {
            self.role(owner);
        }
        self.items.push(item);
    }

    /// Notes that an object's definition is in the dump, be it within another's.
    pub(crate) fn told(&mut self, id: ObjectId) {
        self.told.insert(id);
    }

    /// Notes what would not come back, whatever is written.
    pub(crate) fn refuse(&mut self, what: String) {
        self.refused.push(what);
    }

    /// Notes a role that the dump refers to.
    pub(crate) fn role(&mut self, role: &str) {
        // Most objects have an owner that is known already.
        if !role.is_empty() && !self.roles.contains(role) {
            self.roles.insert(role.to_owned());
        }
    }

    /// `GRANT` and `REVOKE`, where privileges differ from those that a new object has.
    pub(crate) fn privileges(&mut self, target: &Target<'_>, list: &AccessList) -> Result<(), CatalogError> {
        self.column_privileges(target, None, list)
    }

    /// The same for a column, named (quoted) apart from its table.
    pub(crate) fn column_privileges(
        &mut self,
        target: &Target<'_>,
        column: Option<&str>,
        list: &AccessList,
    ) -> Result<(), CatalogError> {
        let tag = match column {
            Some(column) => format!("COLUMN {}.{column}", target.name),
            None => format!("{} {}", target.kind, target.name),
        };
        self.privileges_of_all(std::slice::from_ref(target), tag, column, list)
    }

    /// The same privileges on several objects, as one entry.
    pub(crate) fn privileges_of_all(
        &mut self,
        targets: &[Target<'_>],
        tag: String,
        column: Option<&str>,
        list: &AccessList,
    ) -> Result<(), CatalogError> {
        let mut sql = String::new();
        for target in targets {
            let initial = self.model.initial_privileges(target.id, target.column);
            let statements = privileges::statements(target, column, list, initial)?;
            // Of what initdb made, privileges are all there is to tell.
            if !target.id.is_users() {
                self.told.insert(target.id);
            }
            if self.model.no_privileges() {
                continue;
            }
            if list.current.is_some() {
                self.privileges.insert((target.id, target.column));
            }
            sql.push_str(&statements.sql);
            self.roles.extend(statements.roles);
        }
        let Some(target) = targets.first().filter(|_| !sql.is_empty()) else { return Ok(()) };
        let mut item = Item::new("ACL", tag).owner(target.owner).definition(sql);
        item.schema = target.schema.map(str::to_owned);
        item.pass = Pass::Privileges;
        self.item(item);
        Ok(())
    }

    /// `ALTER DEFAULT PRIVILEGES …`.
    pub(crate) fn default_privileges(
        &mut self,
        target: &Target<'_>,
        prefix: &str,
        list: &AccessList,
    ) -> Result<(), CatalogError> {
        let statements = privileges::defaults(target, prefix, list)?;
        self.told.insert(target.id);
        if statements.sql.is_empty() || self.model.no_privileges() {
            return Ok(());
        }
        self.roles.extend(statements.roles);
        let tag = format!("DEFAULT PRIVILEGES FOR {}", target.kind);
        let mut item = Item::new("DEFAULT ACL", tag).owner(target.owner).definition(statements.sql);
        item.schema = target.schema.map(str::to_owned);
        item.pass = Pass::Privileges;
        self.item(item);
        Ok(())
    }

    /// `ALTER … DEPENDS ON EXTENSION …`, each after an empty line, for objects that `pg_depend` ties to an extension by hand.
    pub(crate) fn extensions_needed(&mut self, id: ObjectId, statement: &str) -> String {
        self.needing.insert(id);
        self.model
            .extensions_needed(id)
            .map(|extension| format!("\nALTER {statement} DEPENDS ON EXTENSION {};", identifier(extension)))
            .collect()
    }

    pub(crate) fn finish(self) -> Emitted {
        let Self { items, roles, told, comments, labels, privileges, needing, refused, .. } = self;
        Emitted { items, roles, told, comments, labels, privileges, needing, refused }
    }
}

impl Emitted {
    /// Adds what was emitted behind it.
    pub(crate) fn append(&mut self, behind: Self) {
        let Self { items, roles, told, comments, labels, privileges, needing, refused } = behind;
        self.items.extend(items);
        self.roles.extend(roles);
        self.told.extend(told);
        self.comments.extend(comments);
        self.labels.extend(labels);
        self.privileges.extend(privileges);
        self.needing.extend(needing);
        self.refused.extend(refused);
    }

    /// How many entries of each kind there are, by the names in their headers.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for item in &self.items {
            *counts.entry(item.kind.to_owned()).or_insert(0) += 1;
        }
        counts
    }
}
