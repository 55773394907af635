//! What a database rests on and `pg_dump` leaves to `pg_dumpall`: its roles, without their passwords, and its own properties.
//!
//! ```text
//! pg_shdepend, owners, grants, settings ─► roles concerned ─► with members and groups ─► one SQL text for psql
//! ```
//!
//! Reads `pg_roles`, `pg_auth_members`, `pg_db_role_setting`, `pg_database`, `pg_shdepend`, `pg_shdescription`, `pg_shseclabel` and
//! `pg_parameter_acl`, and never `pg_authid`, which holds the passwords. What may not be read is told, and left out.

mod database;
mod membership;
mod parameter;
mod readable;
mod remark;
mod role;
mod setting;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use sql_text::quote::literal;
use sql_volume::DatabaseProperties;

use crate::catalog::{CatalogError, Reader};
use crate::object::FIRST_USER_OID;
use database::Database;
use membership::Membership;
use readable::Readable;
use remark::Remarks;
use role::Role;
use setting::Settings;

/// The superuser that initdb made.
const BOOTSTRAP: u32 = 10;

/// The roles of a database and its properties, as SQL.
pub(crate) struct Roles {
    /// For psql, in UTF-8.
    pub(crate) sql: String,
    /// How many roles it makes.
    pub(crate) count: u64,
    /// What could not be read.
    pub(crate) unread: Vec<String>,
}

/// Everything that the text is made of.
struct Known {
    database: Database,
    /// By OID, predefined ones included.
    roles: BTreeMap<u32, Role>,
    memberships: Vec<Membership>,
    unread: Vec<String>,
}

/// `required`: names of the roles that the dump's statements mention.
pub(crate) async fn read(
    reader: &Reader<'_>,
    properties: &DatabaseProperties,
    required: &[String],
) -> Result<Roles, CatalogError> {
    let readable = Readable::read(reader).await?;
    let mut database = database::read(reader, properties).await?;
    let concerned = concerned(reader, &readable, database.oid, required).await?;
    let memberships = membership::read(reader, &readable).await?;
    let chosen = membership::closure(&concerned, &memberships);

    let oids = list(&chosen);
    let mut roles = role::read(reader, &oids).await?;
    let mut settings = Settings::read(reader, &readable, database.oid, &oids).await?;
    let mut remarks = Remarks::read(reader, &readable, database.oid, &oids).await?;
    let mut privileges = parameter::read(reader, &readable, &oids).await?;
    for (oid, role) in &mut roles {
        role.settings = settings.of_role(*oid);
        role.remarks = remarks.of_role(*oid);
        role.parameters = privileges.remove(oid).unwrap_or_default();
    }
    database.settings = settings.of_database(&roles);
    database.remarks = remarks.of_database();

    let known = Known { database, roles, memberships, unread: readable.missing() };
    let count = known.made().count() as u64;
    Ok(Roles { sql: text::compose(&known, properties, reader.version)?, count, unread: known.unread })
}

impl Known {
    /// The roles that the text makes.
    fn made(&self) -> impl Iterator<Item = &Role> {
        self.roles.values().filter(|role| !predefined(role.oid))
    }
}

/// Whether a role comes with the server and can't be made.
fn predefined(oid: u32) -> bool {
    oid < FIRST_USER_OID && oid != BOOTSTRAP
}

/// Roles that own something in the database, are granted something, are named by a policy, or have settings for it. The
/// superuser of initdb has no rows in `pg_shdepend`.
async fn concerned(
    reader: &Reader<'_>,
    readable: &Readable,
    database: u32,
    required: &[String],
) -> Result<BTreeSet<u32>, CatalogError> {
    let mut sql = format!(
        "SELECT d.datdba AS oid FROM pg_database d WHERE d.oid = {database} \
         UNION SELECT unnest(ARRAY[a.grantee, a.grantor]) FROM pg_database d, aclexplode(d.datacl) a WHERE d.oid = {database}"
    );
    if !required.is_empty() {
        let names: Vec<_> = required.iter().map(|name| literal(name)).collect();
        sql.push_str(&format!(" UNION SELECT r.oid FROM pg_roles r WHERE r.rolname IN ({})", names.join(", ")));
    }
    if readable.has("pg_shdepend") {
        sql.push_str(&format!(
            " UNION SELECT s.refobjid FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass AND s.dbid = {database}"
        ));
    }
    if readable.has("pg_db_role_setting") {
        sql.push_str(&format!(" UNION SELECT s.setrole FROM pg_db_role_setting s WHERE s.setdatabase = {database}"));
    }
    let rows = reader.rows("roles of the database", &sql).await?;
    // 0 is PUBLIC, or every role.
    let oids: Result<BTreeSet<u32>, _> = rows.iter().map(|row| row.oid("oid")).collect();
    oids.map(|oids| oids.into_iter().filter(|oid| *oid != 0).collect())
}

/// OIDs as they stand in `IN (…)`. There is at least the owner's.
fn list(oids: &BTreeSet<u32>) -> String {
    oids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
