//! Row security: `pg_policy`, and `pg_class.relrowsecurity`, which switches it on.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, identifiers};

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Policy {
    pub(crate) oid: u32,
    pub(crate) table: u32,
    pub(crate) name: String,
    command: char,
    permissive: bool,
    /// Empty for PUBLIC.
    roles: Vec<String>,
    using: Option<String>,
    check: Option<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Policy>, CatalogError> {
    let sql = "SELECT p.oid, p.polrelid AS table, p.polname AS name, p.polcmd AS command, p.polpermissive AS permissive, \
         ARRAY(SELECT r.rolname FROM pg_roles r WHERE r.oid = ANY (p.polroles)) AS roles, \
         pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check FROM pg_policy p \
         JOIN pg_class c ON c.oid = p.polrelid WHERE c.relpersistence <> 't'";
    let mut policies = BTreeMap::new();
    for row in reader.rows("policies", sql).await? {
        let policy = Policy {
            oid: row.oid("oid")?,
            table: row.oid("table")?,
            name: row.text("name")?,
            command: row.letter("command")?,
            permissive: row.flag("permissive")?,
            roles: row.list("roles")?,
            using: row.fragment("using")?,
            check: row.fragment("check")?,
        };
        policies.insert(policy.oid, policy);
    }
    Ok(policies)
}

/// `ENABLE ROW LEVEL SECURITY`.
pub(crate) fn emit_row_security(relation: &Relation, out: &mut Emitter<'_>) {
    let definition = format!("ALTER TABLE {} ENABLE ROW LEVEL SECURITY;\n", relation.qualified());
    let item = Item::new("ROW SECURITY", &*relation.name).schema(&relation.schema).owner(&relation.owner);
    out.item(item.definition(definition));
}

impl Policy {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::POLICY, self.oid)
    }

    pub(crate) fn emit(&self, relation: &Relation, out: &mut Emitter<'_>) {
        let name = identifier(&self.name);
        let mut definition = format!("CREATE POLICY {name} ON {}", relation.qualified());
        if !self.permissive {
            definition.push_str(" AS RESTRICTIVE");
        }
        definition.push_str(match self.command {
            'r' => " FOR SELECT",
            'a' => " FOR INSERT",
            'w' => " FOR UPDATE",
            'd' => " FOR DELETE",
            _ => "",
        });
        if !self.roles.is_empty() {
            definition.push_str(&format!(" TO {}", identifiers(&self.roles)));
        }
        if let Some(using) = &self.using {
            definition.push_str(&format!(" USING ({using})"));
        }
        if let Some(check) = &self.check {
            definition.push_str(&format!(" WITH CHECK ({check})"));
        }
        definition.push_str(";\n");
        for role in &self.roles {
            out.role(role);
        }
        out.told(self.id());
        let item = Item::new("POLICY", format!("{} {}", relation.name, self.name)).schema(&relation.schema);
        out.item(item.owner(&relation.owner).definition(definition));
        let (kind, table) = (format!("POLICY {name} ON"), identifier(&relation.name));
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
