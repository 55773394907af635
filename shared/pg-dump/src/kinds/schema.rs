//! Schemas: `pg_namespace`.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{AccessList, Emitter, Item, Pass, Target};
use crate::object::{ObjectId, class};

/// The comment that initdb gives to `public`.
const COMMENT_OF_PUBLIC: &str = "standard public schema";

pub(crate) struct Schema {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) acl: AccessList,
    /// `public` of a server whose initdb lets everyone create in it, where somebody took that back.
    closed: bool,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Schema>, CatalogError> {
    let sql = "SELECT n.oid, n.nspname AS name, r.rolname AS owner, n.nspacl AS acl, acldefault('n', n.nspowner) AS acldefault, \
         has_schema_privilege('public', n.oid, 'CREATE') AS open \
         FROM pg_namespace n LEFT JOIN pg_roles r ON r.oid = n.nspowner \
         WHERE n.nspname !~ '^pg_(toast|temp_|toast_temp_)'";
    let mut schemas = BTreeMap::new();
    for row in reader.rows("schemas", sql).await? {
        let (oid, name) = (row.oid("oid")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("schema {name}"))?;
        let mut acl = AccessList::read(&row)?;
        let closed = name == "public" && reader.version.opens_public() && !row.flag("open")?;
        if name == "public" {
            // Majors differ in what initdb grants on it: what 15 and later do is the common ground.
            let owner = array_item(&owner);
            acl.default = format!("{{{owner}=UC/{owner},=U/{owner}}}");
        }
        schemas.insert(oid, Schema { oid, name, owner, acl, closed });
    }
    Ok(schemas)
}

/// A role's name as an array's element of an access control list has it.
fn array_item(name: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(word) { name.to_owned() } else { format!("\\\"{}\\\"", name.replace('"', "\\\"\\\"")) }
}

impl Schema {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::SCHEMA, self.oid)
    }

    /// Privileges on a schema that is an extension's.
    pub(crate) fn emit_privileges(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let target = Target { id: self.id(), column: 0, kind: "SCHEMA", name: &name, schema: None, owner: &self.owner };
        out.privileges(&target, &self.acl)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let target = Target { id: self.id(), column: 0, kind: "SCHEMA", name: &name, schema: None, owner: &self.owner };
        let public = self.name == "public";
        out.told(self.id());
        if self.name == "pg_catalog" {
            return out.privileges(&target, &self.acl);
        }
        // initdb makes public; only an owner of its own is to be told.
        if !public || self.owner != "pg_database_owner" {
            let definition = if public {
                "-- *not* creating schema, since initdb creates it\n".to_owned()
            } else {
                format!("CREATE SCHEMA {name};\n")
            };
            let item = Item::new("SCHEMA", &*self.name).owner(&self.owner).definition(definition);
            out.item(item.alter_owner(format!("SCHEMA {name}")));
        }
        if public {
            match out.model.comment(self.id(), 0) {
                Some(COMMENT_OF_PUBLIC) => {}
                comment => out.comment_text(&target, comment.unwrap_or_default()),
            }
            out.labels(&target, std::slice::from_ref(&target));
        } else {
            out.comment(&target);
        }
        if self.closed && !out.model.no_privileges() {
            // pg_dump forgets it: the copy would be open, as every new database of such a server is.
            let definition = "REVOKE CREATE ON SCHEMA public FROM PUBLIC;\n".to_owned();
            let mut item = Item::new("ACL", "SCHEMA public FROM PUBLIC").owner(&self.owner).definition(definition);
            item.pass = Pass::Privileges;
            out.item(item);
        }
        out.privileges(&target, &self.acl)
    }
}
