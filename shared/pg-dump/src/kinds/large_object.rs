//! Large objects: `pg_largeobject_metadata`. They are made empty before the data, and filled with it.

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::object::{ObjectId, class};

/// As many large objects of one owner with the same privileges are told as one.
const GROUP: usize = 1000;

/// Large objects with the same owner and privileges.
pub(crate) struct LargeObjects {
    pub(crate) oids: Vec<u32>,
    owner: String,
    pub(crate) acl: AccessList,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<Vec<LargeObjects>, CatalogError> {
    let sql = "SELECT l.oid, r.rolname AS owner, l.lomacl AS acl, acldefault('L', l.lomowner) AS acldefault \
         FROM pg_largeobject_metadata l LEFT JOIN pg_roles r ON r.oid = l.lomowner \
         ORDER BY l.lomowner, l.lomacl::text, l.oid";
    let mut groups: Vec<LargeObjects> = Vec::new();
    for row in reader.rows("large objects", sql).await? {
        let oid = row.oid("oid")?;
        let owner = reader.owner(&row, || format!("large object {oid}"))?;
        let acl = AccessList::read(&row)?;
        match groups.last_mut() {
            Some(group) if group.owner == owner && group.acl.current == acl.current && group.oids.len() < GROUP => {
                group.oids.push(oid);
            }
            _ => groups.push(LargeObjects { oids: vec![oid], owner, acl }),
        }
    }
    Ok(groups)
}

/// Name of a group: its first and its last.
fn name(oids: &[u32]) -> String {
    match oids {
        [first, .., last] => format!("{first}..{last}"),
        [only] => only.to_string(),
        [] => String::new(),
    }
}

impl LargeObjects {
    pub(crate) fn name(&self) -> String {
        name(&self.oids)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let owner = identifier(&self.owner);
        let mut definition = String::new();
        for oid in &self.oids {
            out.told(ObjectId::new(class::LARGE_OBJECT_METADATA, *oid));
            definition.push_str(&format!("SELECT pg_catalog.lo_create('{oid}');\n"));
        }
        if !out.model.no_owner() {
            definition.push('\n');
            for oid in &self.oids {
                definition.push_str(&format!("ALTER LARGE OBJECT {oid} OWNER TO {owner};\n"));
            }
        }
        let name = self.name();
        out.item(Item::new("BLOB METADATA", &*name).owner(&self.owner).definition(definition));
        let names: Vec<_> = self.oids.iter().map(u32::to_string).collect();
        let each = self.oids.iter().zip(&names).map(|(oid, name)| {
            let id = ObjectId::new(class::LARGE_OBJECT, *oid);
            Target { id, column: 0, kind: "LARGE OBJECT", name, schema: None, owner: &self.owner }
        });
        let targets: Vec<_> = each.collect();
        for target in &targets {
            out.comment(target);
        }
        let plural = if targets.len() > 1 { "S" } else { "" };
        out.privileges_of_all(&targets, format!("LARGE OBJECT{plural} {}", self.name()), None, &self.acl)
    }
}
