//! Triggers: `pg_trigger`. A partition's copy of its parent's trigger is told only where it was enabled or disabled alone.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Trigger {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) name: String,
    definition: String,
    /// `O`rigin, `D`isabled, `R`eplica, `A`lways.
    enabled: char,
    clone: bool,
    /// The constraint of a constraint trigger, or 0.
    constraint: u32,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Trigger>, CatalogError> {
    let sql = format!(
        "SELECT t.oid, t.tgrelid AS table, t.tgname AS name, pg_get_triggerdef(t.oid, false) AS definition, \
         t.tgenabled AS enabled, {clone} AS clone, t.tgconstraint AS constraint \
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid LEFT JOIN pg_trigger u ON u.oid = t.tgparentid \
         WHERE c.relpersistence <> 't' AND {dumped}",
        clone = reader.version.trigger_is_clone(),
        dumped = reader.version.trigger_is_dumped(),
    );
    let mut triggers = BTreeMap::new();
    for row in reader.rows("triggers", &sql).await? {
        let trigger = Trigger {
            oid: row.oid("oid")?,
            table: row.oid("table")?,
            name: row.text("name")?,
            definition: row.fragment("definition")?.unwrap_or_default(),
            enabled: row.letter("enabled")?,
            clone: row.flag("clone")?,
            constraint: row.oid("constraint")?,
        };
        triggers.insert(trigger.oid, trigger);
    }
    Ok(triggers)
}

impl Trigger {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::TRIGGER, self.oid)
    }

    pub(crate) fn emit(&self, relation: &Relation, out: &mut Emitter<'_>) {
        let (name, table) = (identifier(&self.name), relation.qualified());
        let state = match self.enabled {
            'D' => Some("DISABLE"),
            'A' => Some("ENABLE ALWAYS"),
            'R' => Some("ENABLE REPLICA"),
            // The parent's was disabled before it was copied.
            _ if self.clone => Some("ENABLE"),
            _ => None,
        };
        let mut definition = if self.clone { String::new() } else { format!("{};\n", self.definition) };
        definition.push_str(&out.extensions_needed(self.id(), &format!("TRIGGER {name} ON {table}")));
        if let Some(state) = state {
            definition.push_str(&format!("\nALTER {}TABLE {table} {state} TRIGGER {name};\n", relation.foreign()));
        }
        out.told(self.id());
        out.told(ObjectId::new(class::CONSTRAINT, self.constraint));
        let item = Item::new("TRIGGER", format!("{} {}", relation.name, self.name)).schema(&relation.schema);
        out.item(item.owner(&relation.owner).definition(definition));
        let (kind, table) = (format!("TRIGGER {name} ON"), identifier(&relation.name));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: &kind,
            name: &table,
            schema: Some(&relation.schema),
            owner: &relation.owner,
        });
    }
}
