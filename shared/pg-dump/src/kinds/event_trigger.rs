//! Event triggers: `pg_event_trigger`. They come last, so that they do not fire while the rest is restored.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Pass, Target};
use crate::object::{ObjectId, class};

pub(crate) struct EventTrigger {
    pub(crate) oid: u32,
    pub(crate) name: String,
    owner: String,
    event: String,
    /// Commands that it is for; empty for all.
    commands: Vec<String>,
    function: String,
    enabled: char,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, EventTrigger>, CatalogError> {
    let sql = "SELECT e.oid, e.evtname AS name, r.rolname AS owner, e.evtevent AS event, e.evttags AS commands, \
         e.evtfoid::regproc AS function, e.evtenabled AS enabled \
         FROM pg_event_trigger e LEFT JOIN pg_roles r ON r.oid = e.evtowner";
    let mut triggers = BTreeMap::new();
    for row in reader.rows("event triggers", sql).await? {
        let name = row.text("name")?;
        let owner = reader.owner(&row, || format!("event trigger {name}"))?;
        let trigger = EventTrigger {
            oid: row.oid("oid")?,
            name,
            owner,
            event: row.text("event")?,
            commands: row.list("commands")?,
            function: row.text("function")?,
            enabled: row.letter("enabled")?,
        };
        triggers.insert(trigger.oid, trigger);
    }
    Ok(triggers)
}

impl EventTrigger {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::EVENT_TRIGGER, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let name = identifier(&self.name);
        let mut definition = format!("CREATE EVENT TRIGGER {name} ON {}", identifier(&self.event));
        if !self.commands.is_empty() {
            let commands: Vec<_> = self.commands.iter().map(|command| literal(command)).collect();
            definition.push_str(&format!("\n         WHEN TAG IN ({})", commands.join(", ")));
        }
        definition.push_str(&format!("\n   EXECUTE FUNCTION {}();\n", self.function));
        if let Some(state) = match self.enabled {
            'D' => Some("DISABLE"),
            'A' => Some("ENABLE ALWAYS"),
            'R' => Some("ENABLE REPLICA"),
            _ => None,
        } {
            definition.push_str(&format!("\nALTER EVENT TRIGGER {name} {state};\n"));
        }
        out.told(self.id());
        let mut item = Item::new("EVENT TRIGGER", &*self.name).owner(&self.owner).definition(definition);
        item.pass = Pass::AfterPrivileges;
        out.item(item.alter_owner(format!("EVENT TRIGGER {name}")));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "EVENT TRIGGER",
            name: &name,
            schema: None,
            owner: &self.owner,
        });
    }
}
