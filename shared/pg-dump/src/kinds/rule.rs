//! Rules: `pg_rewrite`. The rule `_RETURN` of a view is its query.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Rule {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) name: String,
    /// Whether it is a view's query.
    pub(crate) is_query: bool,
    definition: Option<String>,
    enabled: char,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Rule>, CatalogError> {
    let sql = "SELECT r.oid, r.ev_class AS table, r.rulename AS name, r.ev_type = '1' AND r.is_instead AS is_query, \
         CASE WHEN NOT (r.ev_type = '1' AND r.is_instead) THEN pg_get_ruledef(r.oid) END AS definition, r.ev_enabled AS enabled \
         FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE c.relpersistence <> 't' AND r.oid >= 16384";
    let mut rules = BTreeMap::new();
    for row in reader.rows("rules", sql).await? {
        let rule = Rule {
            oid: row.oid("oid")?,
            table: row.oid("table")?,
            name: row.text("name")?,
            is_query: row.flag("is_query")?,
            definition: row.checked("definition", sql_text::check_statement)?,
            enabled: row.letter("enabled")?,
        };
        rules.insert(rule.oid, rule);
    }
    Ok(rules)
}

impl Rule {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::RULE, self.oid)
    }

    pub(crate) fn emit(&self, relation: &Relation, out: &mut Emitter<'_>) {
        let (name, table) = (identifier(&self.name), relation.qualified());
        let mut definition = format!("{}\n", self.definition.as_deref().unwrap_or_default());
        if let Some(state) = match self.enabled {
            'D' => Some("DISABLE"),
            'A' => Some("ENABLE ALWAYS"),
            'R' => Some("ENABLE REPLICA"),
            _ => None,
        } {
            definition.push_str(&format!("ALTER TABLE {table} {state} RULE {name};\n"));
        }
        out.told(self.id());
        let item = Item::new("RULE", format!("{} {}", relation.name, self.name)).schema(&relation.schema);
        out.item(item.owner(&relation.owner).definition(definition));
        let (kind, table) = (format!("RULE {name} ON"), identifier(&relation.name));
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
