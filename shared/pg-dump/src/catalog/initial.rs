//! What is said about objects, beside their definitions: comments, membership in extensions, privileges that they were made with.

use std::collections::{BTreeMap, HashMap};

use super::{CatalogError, Reader};
use crate::object::ObjectId;

/// Comments by object and column: `pg_description`, where DROP SUBSCRIPTION leaves the comment behind.
pub(super) async fn comments(reader: &Reader<'_>) -> Result<BTreeMap<(ObjectId, i32), String>, CatalogError> {
    let sql = "SELECT classoid, objoid, objsubid, description FROM pg_description \
         WHERE (objoid >= 16384 OR classoid IN ('pg_namespace'::regclass, 'pg_largeobject'::regclass)) \
         AND (classoid <> 'pg_subscription'::regclass OR objoid IN (SELECT subid FROM pg_stat_subscription))";
    let mut comments = BTreeMap::new();
    for row in reader.rows("comments", sql).await? {
        let id = ObjectId::new(row.oid("classoid")?, row.oid("objoid")?);
        comments.insert((id, row.number("objsubid")?), row.text("description")?);
    }
    Ok(comments)
}

/// Security labels, with their providers, by object and column: `pg_seclabel`, and `pg_shseclabel` for subscriptions.
pub(super) async fn labels(
    reader: &Reader<'_>,
) -> Result<BTreeMap<(ObjectId, i32), Vec<(String, String)>>, CatalogError> {
    let sql = "SELECT classoid, objoid, objsubid, provider, label FROM pg_seclabel \
         UNION ALL SELECT classoid, objoid, 0, provider, label FROM pg_shseclabel WHERE classoid = 'pg_subscription'::regclass \
         ORDER BY provider";
    let mut labels: BTreeMap<(ObjectId, i32), Vec<(String, String)>> = BTreeMap::new();
    for row in reader.rows("security labels", sql).await? {
        let id = ObjectId::new(row.oid("classoid")?, row.oid("objoid")?);
        let label = (row.text("provider")?, row.text("label")?);
        labels.entry((id, row.number("objsubid")?)).or_default().push(label);
    }
    Ok(labels)
}

/// Members of extensions, with the extension: `pg_depend`.
pub(super) async fn members(reader: &Reader<'_>) -> Result<BTreeMap<ObjectId, u32>, CatalogError> {
    let sql = "SELECT classid, objid, refobjid FROM pg_depend \
         WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'";
    let mut members = BTreeMap::new();
    for row in reader.rows("members of extensions", sql).await? {
        members.insert(ObjectId::new(row.oid("classid")?, row.oid("objid")?), row.oid("refobjid")?);
    }
    Ok(members)
}

/// Extensions that objects were made to depend on by hand: `pg_depend`.
pub(super) async fn extensions_needed(reader: &Reader<'_>) -> Result<BTreeMap<ObjectId, Vec<String>>, CatalogError> {
    let sql = "SELECT d.classid, d.objid, x.extname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid \
         WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x' ORDER BY x.extname";
    let mut needed: BTreeMap<ObjectId, Vec<String>> = BTreeMap::new();
    for row in reader.rows("dependencies on extensions", sql).await? {
        let id = ObjectId::new(row.oid("classid")?, row.oid("objid")?);
        needed.entry(id).or_default().push(row.text("extname")?);
    }
    Ok(needed)
}

/// Privileges by object and column that initdb or an extension gave: `pg_init_privs`.
pub(super) async fn privileges(reader: &Reader<'_>) -> Result<HashMap<(ObjectId, i32), String>, CatalogError> {
    let mut privileges = HashMap::new();
    let sql = "SELECT classoid, objoid, objsubid, initprivs FROM pg_init_privs";
    for row in reader.rows("initial privileges", sql).await? {
        let id = ObjectId::new(row.oid("classoid")?, row.oid("objoid")?);
        privileges.insert((id, row.number("objsubid")?), row.text("initprivs")?);
    }
    Ok(privileges)
}
