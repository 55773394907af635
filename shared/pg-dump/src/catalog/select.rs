//! Which part of a model is told, as pg_dump's `--table` and `--exclude-table` choose it.
//!
//! What is not told stays in the model as far as it takes part in the order of what is.

use std::collections::BTreeSet;

use super::Model;
use crate::kinds::constraint::ConstraintKind;
use crate::kinds::relation::{Relation, RelationKind};
use crate::options::Content;
use crate::selection::Selection;

impl Model {
    /// Leaves out what isn't asked for, and the large objects that `unread` names.
    pub(super) fn select(&mut self, selection: Selection, unread: &[u32]) {
        let unread: BTreeSet<u32> = unread.iter().copied().collect();
        for group in &mut self.large_objects {
            group.oids.retain(|oid| !unread.contains(oid));
        }
        self.large_objects.retain(|group| !group.oids.is_empty());

        self.selection = selection;
        if self.selection.is_whole() && self.selection.excluded.is_empty() {
            return;
        }
        self.left_out = self.relations.values().filter(|relation| !self.is_asked(relation)).map(|r| r.oid).collect();
        let told: BTreeSet<u32> = self.relations.keys().filter(|oid| !self.left_out.contains(oid)).copied().collect();
        // A child's definition is told by what it has of its parents; pg_dump also looks at the tables that own sequences.
        let relations = || told.iter().filter_map(|oid| self.relations.get(oid));
        let parents = relations().flat_map(|relation| relation.parents.iter().copied());
        let owners = relations().filter_map(|relation| relation.owned_by.map(|owning| owning.table));
        let known: BTreeSet<u32> = parents.chain(owners).chain(told.iter().copied()).collect();
        let whole = self.selection.is_whole();
        self.defaults.retain(|_, default| known.contains(&default.table));
        self.indexes.retain(|_, index| known.contains(&index.table));
        self.constraints.retain(|_, constraint| match constraint.kind {
            _ if constraint.domain != 0 => whole,
            ConstraintKind::Foreign => told.contains(&constraint.table),
            _ => known.contains(&constraint.table),
        });
        self.triggers.retain(|_, trigger| told.contains(&trigger.table));
        self.policies.retain(|_, policy| told.contains(&policy.table));
        self.statistics.retain(|_, statistics| told.contains(&statistics.table));
    }

    /// A sequence comes with the table that owns it; an identity column's comes only with it.
    fn is_asked(&self, relation: &Relation) -> bool {
        // Its attributes are a type's.
        if relation.kind == RelationKind::Composite {
            return true;
        }
        let named = self.selection.names(relation.oid);
        relation.owned_by.map_or(named, |owning| {
            let owned = self.selection.names(owning.table);
            if owning.identity { owned } else { named || owned }
        })
    }

    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Whether a relation isn't asked for.
    pub(crate) fn leaves_out(&self, relation: u32) -> bool {
        self.left_out.contains(&relation)
    }

    /// Whether a relation is asked for by itself.
    pub(crate) fn is_named(&self, relation: u32) -> bool {
        self.selection.names(relation)
    }

    /// Whether definitions are left out.
    pub(crate) fn is_data_only(&self) -> bool {
        self.selection.content == Content::Data
    }

    pub(crate) fn no_owner(&self) -> bool {
        self.selection.no_owner
    }

    pub(crate) fn no_privileges(&self) -> bool {
        self.selection.no_privileges
    }
}
