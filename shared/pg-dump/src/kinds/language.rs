//! Procedural languages: `pg_language`. Of those that initdb or an extension made, only the privileges.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Language {
    pub(crate) oid: u32,
    pub(crate) name: String,
    owner: String,
    acl: AccessList,
    /// Whoever may use a language that is not trusted may do anything: only superusers do, and there are no privileges on it.
    trusted: bool,
    /// ` HANDLER … INLINE … VALIDATOR …`.
    functions: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Language>, CatalogError> {
    let sql = "SELECT l.oid, l.lanname AS name, r.rolname AS owner, l.lanacl AS acl, acldefault('l', l.lanowner) AS acldefault, \
         l.lanpltrusted AS trusted, hn.nspname AS handler_schema, h.proname AS handler, \
         n.nspname AS inline_schema, i.proname AS inline, vn.nspname AS validator_schema, v.proname AS validator \
         FROM pg_language l LEFT JOIN pg_roles r ON r.oid = l.lanowner \
         LEFT JOIN pg_proc h ON h.oid = l.lanplcallfoid LEFT JOIN pg_namespace hn ON hn.oid = h.pronamespace \
         LEFT JOIN pg_proc i ON i.oid = l.laninline LEFT JOIN pg_namespace n ON n.oid = i.pronamespace \
         LEFT JOIN pg_proc v ON v.oid = l.lanvalidator LEFT JOIN pg_namespace vn ON vn.oid = v.pronamespace";
    let mut languages = BTreeMap::new();
    for row in reader.rows("languages", sql).await? {
        let (oid, name) = (row.oid("oid")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("language {name}"))?;
        let (acl, trusted) = (AccessList::read(&row)?, row.flag("trusted")?);
        languages.insert(oid, Language { oid, name, owner, acl, trusted, functions: functions(&row)? });
    }
    Ok(languages)
}

fn functions(row: &Row) -> Result<String, CatalogError> {
    let mut sql = String::new();
    for (word, schema, name) in [
        ("HANDLER", "handler_schema", "handler"),
        ("INLINE", "inline_schema", "inline"),
        ("VALIDATOR", "validator_schema", "validator"),
    ] {
        if let (Some(schema), Some(name)) = (row.optional(schema)?, row.optional(name)?) {
            sql.push_str(&format!(" {word} {}", qualified(&schema, &name)));
        }
    }
    Ok(sql)
}

impl Language {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::LANGUAGE, self.oid)
    }

    pub(crate) fn emit(&self, defined: bool, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let target =
            Target { id: self.id(), column: 0, kind: "LANGUAGE", name: &name, schema: None, owner: &self.owner };
        if defined {
            let trusted = if self.trusted { "TRUSTED " } else { "" };
            let definition = format!("CREATE {trusted}PROCEDURAL LANGUAGE {name}{};\n", self.functions);
            out.told(self.id());
            let item = Item::new("PROCEDURAL LANGUAGE", &*self.name).owner(&self.owner).definition(definition);
            out.item(item.alter_owner(format!("PROCEDURAL LANGUAGE {name}")));
            out.comment(&target);
        }
        if self.trusted { out.privileges(&target, &self.acl) } else { Ok(()) }
    }
}
