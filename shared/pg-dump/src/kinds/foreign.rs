//! Foreign-data wrappers, servers and user mappings: `pg_foreign_data_wrapper`, `pg_foreign_server`, `pg_user_mappings`.
//!
//! Options of user mappings may be passwords: a dump holds them, as pg_dump's does.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal};

use crate::catalog::{CatalogError, Reader};
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Wrapper {
    pub(crate) oid: u32,
    pub(crate) name: String,
    owner: String,
    pub(crate) acl: AccessList,
    /// ` HANDLER … VALIDATOR … OPTIONS (…)`.
    clauses: String,
}

pub(crate) struct Server {
    pub(crate) oid: u32,
    pub(crate) name: String,
    owner: String,
    pub(crate) acl: AccessList,
    /// ` TYPE … VERSION … FOREIGN DATA WRAPPER … OPTIONS (…)`.
    clauses: String,
    mappings: Vec<Mapping>,
}

struct Mapping {
    oid: u32,
    /// `public` for everyone.
    user: String,
    options: Option<String>,
    /// Whether we may see the options.
    visible: bool,
}

/// Options as SQL.
fn options(column: &str) -> String {
    format!(
        "array_to_string(ARRAY(SELECT quote_ident(option_name) || ' ' || quote_literal(option_value) \
         FROM pg_options_to_table({column}) ORDER BY option_name), E',\\n    ')"
    )
}

/// ` OPTIONS (…)`, if there are any.
fn clause(options: Option<&String>) -> String {
    let given = options.filter(|options| !options.is_empty());
    given.map(|options| format!(" OPTIONS (\n    {options}\n)")).unwrap_or_default()
}

pub(crate) async fn read_wrappers(reader: &Reader<'_>) -> Result<BTreeMap<u32, Wrapper>, CatalogError> {
    let sql = format!(
        "SELECT w.oid, w.fdwname AS name, r.rolname AS owner, w.fdwacl AS acl, acldefault('F', w.fdwowner) AS acldefault, \
         w.fdwhandler::regproc AS handler, w.fdwvalidator::regproc AS validator, {} AS options \
         FROM pg_foreign_data_wrapper w LEFT JOIN pg_roles r ON r.oid = w.fdwowner",
        options("w.fdwoptions")
    );
    let mut wrappers = BTreeMap::new();
    for row in reader.rows("foreign-data wrappers", &sql).await? {
        let name = row.text("name")?;
        let owner = reader.owner(&row, || format!("foreign-data wrapper {name}"))?;
        let mut clauses = String::new();
        for (word, column) in [("HANDLER", "handler"), ("VALIDATOR", "validator")] {
            let function = row.text(column)?;
            if function != "-" {
                clauses.push_str(&format!(" {word} {function}"));
            }
        }
        clauses.push_str(&clause(row.fragment("options")?.as_ref()));
        let (oid, acl) = (row.oid("oid")?, AccessList::read(&row)?);
        wrappers.insert(oid, Wrapper { oid, name, owner, acl, clauses });
    }
    Ok(wrappers)
}

pub(crate) async fn read_servers(reader: &Reader<'_>) -> Result<BTreeMap<u32, Server>, CatalogError> {
    let sql = format!(
        "SELECT s.oid, s.srvname AS name, r.rolname AS owner, s.srvacl AS acl, acldefault('S', s.srvowner) AS acldefault, \
         s.srvtype AS type, s.srvversion AS version, w.fdwname AS wrapper, {} AS options \
         FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw LEFT JOIN pg_roles r ON r.oid = s.srvowner",
        options("s.srvoptions")
    );
    let mut servers = BTreeMap::new();
    for row in reader.rows("foreign servers", &sql).await? {
        let name = row.text("name")?;
        let owner = reader.owner(&row, || format!("server {name}"))?;
        let mut clauses = String::new();
        for (word, column) in [("TYPE", "type"), ("VERSION", "version")] {
            if let Some(text) = row.optional(column)?.filter(|text| !text.is_empty()) {
                clauses.push_str(&format!(" {word} {}", literal(&text)));
            }
        }
        clauses.push_str(&format!(" FOREIGN DATA WRAPPER {}", identifier(&row.text("wrapper")?)));
        clauses.push_str(&clause(row.fragment("options")?.as_ref()));
        let (oid, acl) = (row.oid("oid")?, AccessList::read(&row)?);
        servers.insert(oid, Server { oid, name, owner, acl, clauses, mappings: Vec::new() });
    }
    let sql = format!(
        "SELECT m.umid AS oid, m.srvid AS server, m.usename AS user, {} AS options, m.umoptions IS NOT NULL \
             OR (SELECT u.rolsuper FROM pg_roles u WHERE u.rolname = current_user) AS visible \
         FROM pg_user_mappings m WHERE m.usename <> '' ORDER BY m.usename",
        options("m.umoptions")
    );
    for row in reader.rows("user mappings", &sql).await? {
        if let Some(server) = servers.get_mut(&row.oid("server")?) {
            server.mappings.push(Mapping {
                oid: row.oid("oid")?,
                user: row.text("user")?,
                options: row.fragment("options")?,
                visible: row.flag("visible")?,
            });
        }
    }
    Ok(servers)
}

impl Wrapper {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::FOREIGN_DATA_WRAPPER, self.oid)
    }

    pub(crate) fn emit(&self, defined: bool, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let kind = "FOREIGN DATA WRAPPER";
        let target = Target { id: self.id(), column: 0, kind, name: &name, schema: None, owner: &self.owner };
        if defined {
            let definition = format!("CREATE FOREIGN DATA WRAPPER {name}{};\n", self.clauses);
            out.told(self.id());
            let item = Item::new(kind, &*self.name).owner(&self.owner).definition(definition);
            out.item(item.alter_owner(format!("{kind} {name}")));
            out.comment(&target);
        }
        out.privileges(&target, &self.acl)
    }
}

impl Server {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::SERVER, self.oid)
    }

    pub(crate) fn emit(&self, defined: bool, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let mut target =
            Target { id: self.id(), column: 0, kind: "SERVER", name: &name, schema: None, owner: &self.owner };
        if defined {
            let definition = format!("CREATE SERVER {name}{};\n", self.clauses);
            out.told(self.id());
            let item = Item::new("SERVER", &*self.name).owner(&self.owner).definition(definition);
            out.item(item.alter_owner(format!("SERVER {name}")));
            out.comment(&target);
        }
        target.kind = "FOREIGN SERVER";
        out.privileges(&target, &self.acl)?;
        for mapping in &self.mappings {
            if !mapping.visible {
                out.refuse(format!("options of the user mapping for {} on server {}", mapping.user, self.name));
                continue;
            }
            let definition = format!(
                "CREATE USER MAPPING FOR {} SERVER {name}{};\n",
                identifier(&mapping.user),
                clause(mapping.options.as_ref())
            );
            out.told(ObjectId::new(class::USER_MAPPING, mapping.oid));
            if mapping.user != "public" {
                out.role(&mapping.user);
            }
            let tag = format!("USER MAPPING {} SERVER {}", mapping.user, self.name);
            out.item(Item::new("USER MAPPING", tag).owner(&self.owner).definition(definition));
        }
        Ok(())
    }
}
