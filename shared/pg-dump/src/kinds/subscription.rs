//! Subscriptions: `pg_subscription`. They come back without connecting, and so disabled: whoever restores decides whether the
//! copy takes over from its source.
//!
//! Their connections may hold passwords: a dump holds them, as pg_dump's does, and only a superuser may read them.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, identifiers, literal};

use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Subscription {
    /// `None` if we may not read all of it.
    readable: Option<Readable>,
    pub(crate) name: String,
    owner: String,
}

struct Readable {
    oid: u32,
    /// ` CONNECTION … PUBLICATION … WITH (…)`.
    clauses: String,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<String, Subscription>, CatalogError> {
    let options = reader.version.subscription_options();
    let said: String = options.iter().map(|(option, value, _)| format!(", {value} AS {option}")).collect();
    let what = if may_read(reader).await? {
        format!("s.oid, s.subconninfo AS connection, s.subslotname AS slot, s.subpublications AS publications{said}")
    } else {
        "NULL AS oid".to_owned()
    };
    let sql = format!(
        "SELECT s.subname AS name, r.rolname AS owner, {what} FROM pg_subscription s LEFT JOIN pg_roles r ON r.oid = s.subowner \
         WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let mut subscriptions = BTreeMap::new();
    for row in reader.rows("subscriptions", &sql).await? {
        let name = row.text("name")?;
        let owner = reader.owner(&row, || format!("subscription {name}"))?;
        let readable = match row.oid("oid")? {
            0 => None,
            oid => Some(Readable { oid, clauses: clauses(&row, &options)? }),
        };
        subscriptions.insert(name.clone(), Subscription { readable, name, owner });
    }
    Ok(subscriptions)
}

/// Majors and administrators differ in which columns they show to whom.
async fn may_read(reader: &Reader<'_>) -> Result<bool, CatalogError> {
    let sql = "SELECT bool_and(has_column_privilege(a.attrelid, a.attnum, 'SELECT')) AS all FROM pg_attribute a \
         WHERE a.attrelid = 'pg_subscription'::regclass AND a.attname ~ '^(oid|sub.*)$' AND a.attname !~ '^sub(skiplsn|enabled)$'";
    let rows = reader.rows("privileges on subscriptions", sql).await?;
    rows.first().map_or(Ok(false), |row| row.flag("all"))
}

fn clauses(row: &Row, options: &[(&'static str, &'static str, &'static str)]) -> Result<String, CatalogError> {
    let slot = row.optional("slot")?.map_or("NONE".to_owned(), |slot| literal(&slot));
    let mut sql = format!(
        " CONNECTION {} PUBLICATION {} WITH (connect = false, slot_name = {slot}",
        literal(&row.text("connection")?),
        identifiers(&row.list("publications")?)
    );
    for (option, _, usual) in options {
        let value = row.fragment(option)?.unwrap_or_default();
        if value != *usual {
            let value = if *option == "synchronous_commit" { identifier(&value) } else { value.as_str().into() };
            sql.push_str(&format!(", {option} = {value}"));
        }
    }
    sql.push(')');
    Ok(sql)
}

impl Subscription {
    /// `None` if we may not know it.
    pub(crate) fn id(&self) -> Option<ObjectId> {
        self.readable.as_ref().map(|readable| ObjectId::new(class::SUBSCRIPTION, readable.oid))
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let (Some(id), Some(readable)) = (self.id(), &self.readable) else {
            return out.refuse(format!("subscription {}, whose connection we may not read", self.name));
        };
        let name = identifier(&self.name);
        let definition = format!("CREATE SUBSCRIPTION {name}{};\n", readable.clauses);
        out.told(id);
        let item = Item::new("SUBSCRIPTION", &*self.name).owner(&self.owner).definition(definition);
        out.item(item.alter_owner(format!("SUBSCRIPTION {name}")));
        out.comment(&Target { id, column: 0, kind: "SUBSCRIPTION", name: &name, schema: None, owner: &self.owner });
    }
}
