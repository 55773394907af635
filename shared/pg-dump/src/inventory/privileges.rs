//! Privileges that someone granted or revoked: on every object and column that has a list of its own, the dump must have read it.

use std::collections::BTreeSet;

use super::Present;
use super::asked::Asked;
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::Emitted;
use crate::object::{FIRST_USER_OID, ObjectId, class};

/// An object, or a column of one, with a list that no extension left so.
pub(super) struct Granted {
    id: ObjectId,
    /// Number of the column, or 0.
    column: i32,
    name: String,
    of_extension: bool,
}

/// All of users' objects.
pub(super) async fn read(reader: &Reader<'_>) -> Result<Vec<Granted>, CatalogError> {
    let granted = |row: &Row| {
        Ok(Granted {
            id: ObjectId::new(row.oid("class")?, row.oid("oid")?),
            column: row.number("column")?,
            name: row.text("name")?,
            of_extension: row.flag("of_extension")?,
        })
    };
    reader.rows("privileges", &of_users(reader).await?).await?.iter().map(granted).collect()
}

/// Names of the privileges that are asked for and were not told; what is missing altogether is named elsewhere.
pub(super) async fn missing(
    reader: &Reader<'_>,
    present: &Present,
    emitted: &Emitted,
    asked: &Asked<'_>,
    missing: &BTreeSet<ObjectId>,
) -> Result<Vec<String>, CatalogError> {
    let mut names = Vec::new();
    if asked.leaves_out_privileges() {
        return Ok(names);
    }
    for Granted { id, column, name, of_extension } in &present.granted {
        // What is an extension's comes by itself, and what was granted on it does not.
        let goes_with_another = present.coming.contains(id) && !of_extension;
        let told = emitted.privileges.contains(&(*id, *column));
        if !told && !goes_with_another && !missing.contains(id) && !asked.leaves_out(*id) {
            names.push(format!("privileges on {name}"));
        }
    }
    if asked.is_of_no_table() {
        names.extend(of_built_ins(reader, emitted).await?);
    }
    Ok(names)
}

/// A query for all lists of what users made, in whichever catalog, that are not as an extension left them.
async fn of_users(reader: &Reader<'_>) -> Result<String, CatalogError> {
    // Default privileges are objects themselves; the cluster's belong to no database.
    let sql = "SELECT c.relname AS catalog, c.oid AS class, a.attname AS list, \
             EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'oid') AS objects \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.atttypid = 'aclitem[]'::regtype \
         WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared \
             AND c.relname NOT IN ('pg_init_privs', 'pg_default_acl') AND has_column_privilege(c.oid, a.attnum, 'SELECT')";
    let mut lists = Vec::new();
    for row in reader.rows("catalogs with privileges", sql).await? {
        let (class, list) = (row.oid("class")?, row.text("list")?);
        let catalog = sql_text::quote::qualified("pg_catalog", &row.text("catalog")?);
        let (of, least) = match class {
            class::LARGE_OBJECT_METADATA => (class::LARGE_OBJECT, 0),
            _ if row.flag("objects")? => (class, FIRST_USER_OID),
            _ => (class::RELATION, FIRST_USER_OID),
        };
        lists.push(if row.flag("objects")? {
            format!(
                "SELECT {of}::oid, oid, 0, {list} FROM {catalog} \
                 WHERE {list} IS NOT NULL AND oid >= {least}"
            )
        } else {
            format!(
                "SELECT {of}::oid, attrelid, attnum::int, {list} FROM {catalog} \
                 WHERE {list} IS NOT NULL AND attrelid >= {least} AND NOT attisdropped"
            )
        });
    }
    Ok(format!(
        "SELECT l.class, l.oid, l.\"column\", pg_describe_object(l.class, l.oid, l.\"column\") AS name, \
             EXISTS (SELECT FROM pg_depend d WHERE d.classid = l.class AND d.objid = l.oid AND d.deptype = 'e') AS of_extension \
         FROM ({}) l (class, oid, \"column\", list) LEFT JOIN pg_init_privs i ON i.classoid = l.class AND i.objoid = l.oid AND i.objsubid = l.\"column\" \
         WHERE l.list IS DISTINCT FROM i.initprivs",
        lists.join(" UNION ALL ")
    ))
}

/// Built-in objects whose privileges differ from those that initdb gave. What it gave in information_schema is not recorded.
/// A grant that was taken back leaves the default spelled out.
async fn of_built_ins(reader: &Reader<'_>, emitted: &Emitted) -> Result<Vec<String>, CatalogError> {
    let sql = "SELECT o.class, o.oid, pg_describe_object(o.class, o.oid, 0) AS name FROM ( \
             SELECT 1259::oid AS class, oid, relacl AS acl, relowner AS owner, \
                 CASE WHEN relkind = 'S' THEN 's' ELSE 'r' END::\"char\" AS kind FROM pg_class \
                 WHERE relnamespace <> 'information_schema'::regnamespace \
             UNION ALL SELECT 1255, oid, proacl, proowner, 'f' FROM pg_proc \
             UNION ALL SELECT 1247, oid, typacl, typowner, 'T' FROM pg_type \
             UNION ALL SELECT 2612, oid, lanacl, lanowner, 'l' FROM pg_language \
             UNION ALL SELECT 2615, oid, nspacl, nspowner, 'n' FROM pg_namespace \
                 WHERE nspname NOT IN ('public', 'information_schema')) o \
         LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = 0 \
         WHERE o.oid < 16384 AND coalesce(o.acl, acldefault(o.kind, o.owner)) \
             IS DISTINCT FROM coalesce(i.initprivs, acldefault(o.kind, o.owner))";
    let columns = "SELECT 1259 AS class, a.attrelid AS oid, pg_describe_object('pg_class'::regclass, a.attrelid, a.attnum) AS name \
         FROM pg_attribute a LEFT JOIN pg_init_privs i \
             ON i.classoid = 'pg_class'::regclass AND i.objoid = a.attrelid AND i.objsubid = a.attnum \
         WHERE a.attrelid < 16384 AND a.attacl IS DISTINCT FROM i.initprivs";
    let mut names = Vec::new();
    let mut rows = reader.rows("privileges on built-in objects", sql).await?;
    rows.extend(reader.rows("privileges on built-in columns", columns).await?);
    for row in rows {
        if !emitted.told.contains(&ObjectId::new(row.oid("class")?, row.oid("oid")?)) {
            names.push(format!("privileges on {}", row.text("name")?));
        }
    }
    Ok(names)
}
