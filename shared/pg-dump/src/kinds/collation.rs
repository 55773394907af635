//! Collations: `pg_collation`. Their version is the restoring server's own.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal, qualified};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Collation {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    /// `pg_collation.collencoding`, which makes two collations of a name.
    pub(crate) encoding: i32,
    /// Properties, in order.
    properties: Vec<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Collation>, CatalogError> {
    let sql = format!(
        "SELECT c.oid, n.nspname AS schema, c.collname AS name, r.rolname AS owner, c.collprovider AS provider, \
         c.collencoding AS encoding, c.collisdeterministic AS deterministic, c.collcollate AS collate, c.collctype AS ctype, \
         {locale} AS locale, {rules} AS rules \
         FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace LEFT JOIN pg_roles r ON r.oid = c.collowner \
         WHERE c.oid >= 16384",
        locale = reader.version.collation_locale(),
        rules = reader.version.collation_rules(),
    );
    let mut collations = BTreeMap::new();
    for row in reader.rows("collations", &sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("collation {schema}.{name}"))?;
        let provider = match row.letter("provider")? {
            'b' => "builtin",
            'i' => "icu",
            'd' => "default",
            _ => "libc",
        };
        let mut properties = vec![format!("provider = {provider}")];
        if !row.flag("deterministic")? {
            properties.push("deterministic = false".to_owned());
        }
        match (row.optional("locale")?, row.optional("collate")?, row.optional("ctype")?) {
            (Some(locale), ..) if provider != "libc" => properties.push(format!("locale = {}", literal(&locale))),
            (_, Some(collate), Some(ctype)) if collate == ctype => {
                properties.push(format!("locale = {}", literal(&collate)));
            }
            (_, Some(collate), Some(ctype)) => {
                properties.push(format!("lc_collate = {}", literal(&collate)));
                properties.push(format!("lc_ctype = {}", literal(&ctype)));
            }
            _ => {}
        }
        if let Some(rules) = row.optional("rules")? {
            properties.push(format!("rules = {}", literal(&rules)));
        }
        let (oid, encoding) = (row.oid("oid")?, row.number("encoding")?);
        collations.insert(oid, Collation { oid, schema, name, owner, encoding, properties });
    }
    Ok(collations)
}

impl Collation {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::COLLATION, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let (name, qualified) = (identifier(&self.name), qualified(&self.schema, &self.name));
        let definition = format!("CREATE COLLATION {qualified} ({});\n", self.properties.join(", "));
        out.told(self.id());
        let item = Item::new("COLLATION", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition).alter_owner(format!("COLLATION {qualified}")));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "COLLATION",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
