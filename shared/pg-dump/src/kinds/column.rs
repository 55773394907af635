//! Columns: `pg_attribute`, with what PostgreSQL 18 says of NOT NULL in `pg_constraint`.

use std::collections::BTreeMap;

use crate::catalog::{CatalogError, Reader, Row};

/// What a column says of NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotNull {
    /// Empty when it is the name that the server gives by itself.
    pub(crate) name: String,
    pub(crate) no_inherit: bool,
    /// Of the table's own, not only inherited.
    pub(crate) local: bool,
}

pub(crate) struct Column {
    pub(crate) number: i16,
    pub(crate) name: String,
    pub(crate) data_type: String,
    /// Qualified, if it isn't the type's own.
    pub(crate) collation: Option<String>,
    pub(crate) not_null: Option<NotNull>,
    pub(crate) dropped: bool,
    /// Declared here, not only inherited.
    pub(crate) local: bool,
    /// `a`lways, by `d`efault, or a space.
    pub(crate) identity: char,
    /// `s`tored, `v`irtual, or a space.
    pub(crate) generated: char,
    /// -1 by default.
    pub(crate) statistics: i32,
    pub(crate) storage: char,
    /// The storage of its type.
    pub(crate) type_storage: char,
    /// `p`glz, `l`z4, or a space.
    pub(crate) compression: char,
    /// As SQL; empty if there are none.
    pub(crate) options: String,
    /// Options of a foreign table's column, as SQL; empty if there are none.
    pub(crate) foreign_options: String,
    pub(crate) acl: Option<String>,
}

/// By OID of the relation, in the order of their numbers.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Vec<Column>>, CatalogError> {
    let version = reader.version;
    let (not_null, join) = if version.catalogues_not_null() {
        (
            // A name with a comment is told, since COMMENT ON CONSTRAINT will need it.
            "CASE WHEN NOT k.convalidated THEN NULL \
                 WHEN k.conname = concat(c.relname, '_', a.attname, '_not_null') AND x.objoid IS NULL THEN '' \
                 ELSE k.conname END AS not_null, k.connoinherit AS no_inherit, k.conislocal AS not_null_local",
            "LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey[1] = a.attnum \
             LEFT JOIN pg_description x ON x.classoid = 'pg_constraint'::regclass AND x.objoid = k.oid",
        )
    } else {
        ("CASE WHEN a.attnotnull THEN '' END AS not_null, false AS no_inherit, true AS not_null_local", "")
    };
    let sql = format!(
        "SELECT a.attrelid AS relation, a.attnum AS number, a.attname AS name, format_type(t.oid, a.atttypmod) AS data_type, \
         CASE WHEN a.attcollation <> t.typcollation THEN \
             (SELECT quote_ident(n.nspname) || '.' || quote_ident(o.collname) FROM pg_collation o \
              JOIN pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation) END AS collation, \
         {not_null}, a.attisdropped AS dropped, a.attislocal AS local, a.attidentity AS identity, a.attgenerated AS generated, \
         {statistics} AS statistics, a.attstorage AS storage, coalesce(t.typstorage, a.attstorage) AS type_storage, \
         {compression} AS compression, array_to_string(a.attoptions, ', ') AS options, \
         CASE WHEN a.attfdwoptions IS NOT NULL THEN \
             array_to_string(ARRAY(SELECT quote_ident(option_name) || ' ' || quote_literal(option_value) \
             FROM pg_options_to_table(a.attfdwoptions) ORDER BY option_name), E',\\n    ') END AS foreign_options, a.attacl AS acl \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace \
         LEFT JOIN pg_type t ON t.oid = a.atttypid {join} \
         WHERE a.attnum > 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't' \
         AND (c.oid >= 16384 OR a.attacl IS NOT NULL) \
         ORDER BY a.attrelid, a.attnum",
        statistics = version.column_statistics(),
        compression = version.column_compression(),
    );
    let mut columns: BTreeMap<u32, Vec<Column>> = BTreeMap::new();
    let take = |row: &Row| {
        columns.entry(row.oid("relation")?).or_default().push(column(row)?);
        Ok(())
    };
    reader.each("columns", &sql, take).await?;
    Ok(columns)
}

/// A counter that servers keep among a column's options, since the minor versions of November 2026 (15.20). They ignore what they are
/// told of it, and older ones refuse it.
const COUNTER: &str = "pg_attver=";

/// Options without what is the server's.
fn settable(options: &str) -> String {
    options.split(", ").filter(|option| !option.starts_with(COUNTER)).collect::<Vec<_>>().join(", ")
}

fn column(row: &Row) -> Result<Column, CatalogError> {
    let not_null = match row.optional("not_null")? {
        None => None,
        Some(name) => Some(NotNull { name, no_inherit: row.flag("no_inherit")?, local: row.flag("not_null_local")? }),
    };
    Ok(Column {
        number: row.number("number")?,
        name: row.text("name")?,
        data_type: row.fragment("data_type")?.unwrap_or_default(),
        collation: row.optional("collation")?,
        not_null,
        dropped: row.flag("dropped")?,
        local: row.flag("local")?,
        identity: row.letter("identity")?,
        generated: row.letter("generated")?,
        statistics: row.number("statistics")?,
        storage: row.letter("storage")?,
        type_storage: row.letter("type_storage")?,
        compression: row.letter("compression")?,
        options: settable(&row.fragment("options")?.unwrap_or_default()),
        foreign_options: row.fragment("foreign_options")?.unwrap_or_default(),
        acl: row.optional("acl")?,
    })
}
