//! Was anything left out? Code of its own, which reads the server's catalog of catalogs and so finds what the dumper does not know.
//!
//! Every row that has an OID, in every catalog that there is, must have been told, or come by itself with something that was.

use std::collections::{BTreeSet, HashSet};

use crate::catalog::{CatalogError, Model, Reader, SequenceData, TableData};
use crate::emit::Emitted;
use crate::object::{FIRST_USER_OID, ObjectId, class};

mod asked;
pub(crate) mod members;
mod names;
mod privileges;
mod versions;

use asked::Asked;
use privileges::Granted;
pub(crate) use versions::changed;

/// Catalogs of the whole cluster, whose rows belong to no database.
const OF_THE_CLUSTER: [&str; 5] = ["pg_authid", "pg_auth_members", "pg_database", "pg_tablespace", "pg_parameter_acl"];

/// Kinds that come and go with the relation, or the operator family, that they belong to.
const PARTS: [u32; 10] = [
    class::FAMILY_OPERATOR,
    class::FAMILY_FUNCTION,
    class::RELATION,
    class::TYPE,
    class::COLUMN_DEFAULT,
    class::CONSTRAINT,
    class::TRIGGER,
    class::RULE,
    class::POLICY,
    class::STATISTICS,
];

/// What there is, whatever the dumper knows of it.
pub(crate) struct Present {
    objects: Vec<ObjectId>,
    /// Objects that come with others.
    coming: HashSet<ObjectId>,
    /// What somebody granted or revoked something on.
    granted: Vec<Granted>,
    /// What could not be looked at.
    unreadable: Vec<String>,
}

impl Present {
    /// Of the whole database, from nothing but catalogs: it may be read beside the definitions.
    pub(crate) async fn read(reader: &Reader<'_>) -> Result<Self, CatalogError> {
        let coming = by_themselves(reader).await?;
        let mut unreadable = Vec::new();
        let objects = objects(reader, &mut unreadable).await?;
        let granted = privileges::read(reader).await?;
        Ok(Self { objects, coming, granted, unreadable })
    }
}

/// Compares what there is with what was told: the names of all that is asked for and missing.
pub(crate) async fn missing(
    reader: &Reader<'_>,
    present: &Present,
    model: &Model,
    emitted: &Emitted,
    tables: &[TableData],
    sequences: &[SequenceData],
) -> Result<Vec<String>, CatalogError> {
    let asked = Asked::read(reader, model.selection()).await?;
    let mut missing: BTreeSet<ObjectId> = BTreeSet::new();
    let mut names: Vec<String> = emitted.refused.iter().chain(&present.unreadable).cloned().collect();

    let coming = &present.coming;
    for id in &present.objects {
        if !emitted.told.contains(id) && !coming.contains(id) && !asked.leaves_out(*id) {
            missing.insert(*id);
        }
    }
    names.extend(describe(reader, &missing).await?);
    names.extend(privileges::missing(reader, present, emitted, &asked, &missing).await?);
    if asked.is_of_no_table() {
        names.extend(subscriptions(reader, emitted).await?);
    }
    names.extend(security_labels(reader, emitted, &asked).await?);
    let without_data = asked.without_data(reader, tables, sequences).await?;
    let without_data = without_data.into_iter().filter(|id| !missing.contains(id)).collect();
    names.extend(describe(reader, &without_data).await?.into_iter().map(|name| format!("data of {name}")));

    let left: BTreeSet<_> = model
        .comments()
        .filter(|(id, column)| id.is_users() && !emitted.comments.contains(&(*id, *column)))
        .filter(|(id, _)| !coming.contains(id) && !missing.contains(id) && !asked.leaves_out(*id))
        .map(|(id, _)| id)
        .collect();
    names.extend(describe(reader, &left).await?.into_iter().map(|name| format!("comment on {name}")));
    let untied: BTreeSet<_> = model
        .needing_extensions()
        .filter(|id| !emitted.needing.contains(id) && !coming.contains(id) && !missing.contains(id))
        .filter(|id| !asked.leaves_out(*id))
        .collect();
    let names_of = describe(reader, &untied).await?;
    names.extend(names_of.into_iter().map(|name| format!("dependency on an extension of {name}")));
    names.sort();
    names.dedup();
    Ok(names)
}

/// All rows that users made, in all catalogs with OIDs. User mappings, which only a superuser may read, are found through what
/// everyone may.
async fn objects(reader: &Reader<'_>, names: &mut Vec<String>) -> Result<Vec<ObjectId>, CatalogError> {
    let sql = "SELECT c.relname AS name, c.oid, has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' AND NOT a.attisdropped \
         WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r'";
    let mut queries = Vec::new();
    for row in reader.rows("the catalog of catalogs", sql).await? {
        let (name, oid) = (row.text("name")?, row.oid("oid")?);
        if OF_THE_CLUSTER.contains(&name.as_str()) || oid == class::SUBSCRIPTION {
            continue;
        }
        // A row for each catalog: there may be very many objects.
        if oid == class::USER_MAPPING {
            queries.push(format!("SELECT {oid} AS class, array_agg(umid) AS oids FROM pg_user_mappings"));
        } else if row.flag("readable")? {
            let catalog = sql_text::quote::qualified("pg_catalog", &name);
            let least = if oid == class::LARGE_OBJECT_METADATA { 0 } else { FIRST_USER_OID };
            queries.push(format!("SELECT {oid} AS class, array_agg(oid) AS oids FROM {catalog} WHERE oid >= {least}"));
        } else {
            names.push(format!("whatever is in {name}, which we may not read"));
        }
    }
    let mut objects = Vec::new();
    for row in reader.rows("all objects", &queries.join(" UNION ALL ")).await? {
        let class = row.oid("class")?;
        objects.extend(row.numbers("oids")?.into_iter().map(|oid| ObjectId::new(class, oid)));
    }
    Ok(objects)
}

/// Objects that come with others: members of extensions, what is internal to something, temporary and TOAST relations, labels of
/// enums, operators that another one's COMMUTATOR only announced, indexes that are not valid — and what belongs to one of these.
async fn by_themselves(reader: &Reader<'_>) -> Result<HashSet<ObjectId>, CatalogError> {
    // What a member of an extension or a temporary table has goes with it; what a told table has does not. Nothing more hangs on a TOAST
    // table than its index, which is in its schema too.
    let parts = PARTS.map(|class| class.to_string()).join(", ");
    let whole = format!(
        "WITH RECURSIVE placed (class, oid, schema) AS ( \
             SELECT 1259::oid, oid, relnamespace FROM pg_class UNION ALL SELECT 1247, oid, typnamespace FROM pg_type \
             UNION ALL SELECT 1255, oid, pronamespace FROM pg_proc), \
         whole AS ( \
             SELECT class, oid FROM placed WHERE schema IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_temp_') \
             UNION SELECT d.classid, d.objid FROM pg_depend d WHERE d.deptype = 'e' \
             UNION SELECT d.classid, d.objid FROM whole w JOIN pg_depend d ON d.refclassid = w.class AND d.refobjid = w.oid \
                 WHERE d.deptype IN ('e', 'i', 'a', 'P') AND d.classid IN ({parts})) \
         SELECT class, array_agg(oid) AS oids FROM ( \
             TABLE whole UNION ALL SELECT class, oid FROM placed \
             WHERE schema IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_(toast|toast_temp_)')) o GROUP BY class"
    );
    let alone = "SELECT class, array_agg(oid) AS oids FROM ( \
             SELECT 2615 AS class, oid FROM pg_namespace WHERE nspname ~ '^pg_(toast|temp_|toast_temp_)' \
             UNION ALL SELECT 3501, oid FROM pg_enum UNION ALL SELECT 2617, oid FROM pg_operator WHERE oprcode = 0 \
             UNION ALL SELECT 1259, i.indexrelid FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
                 WHERE NOT ((i.indisvalid OR t.relkind = 'p') AND i.indisready)) o \
         GROUP BY class";
    // Of relations, only a composite type's attributes and TOAST come by themselves: an identity column's sequence is told, and a
    // partitioned table depends on its own key. Members of an operator class are told with it. P: a partition's copy of a
    // constraint or a trigger.
    let internal = "SELECT d.classid AS class, array_agg(d.objid) AS oids FROM pg_depend d \
         LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid \
         WHERE d.deptype = 'i' AND d.classid NOT IN ('pg_amop'::regclass, 'pg_amproc'::regclass) \
                 AND coalesce(c.relkind IN ('c', 't'), true) \
             OR d.deptype = 'P' AND d.classid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass) \
         GROUP BY d.classid";
    let all = tokio::try_join!(
        biased;
        reader.rows("temporary objects", &whole),
        reader.rows("what is no object of its own", alone),
        reader.rows("what comes with others", internal)
    )?;
    let mut coming = HashSet::new();
    for row in all.0.iter().chain(&all.1).chain(&all.2) {
        let class = row.oid("class")?;
        coming.extend(row.numbers("oids")?.into_iter().map(|oid| ObjectId::new(class, oid)));
    }
    Ok(coming)
}

/// Subscriptions, by their names, which everyone may read.
async fn subscriptions(reader: &Reader<'_>, emitted: &Emitted) -> Result<Vec<String>, CatalogError> {
    let sql = "SELECT s.subname AS name FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
         WHERE d.datname = current_database()";
    let mut names = Vec::new();
    for row in reader.rows("subscriptions", sql).await? {
        let name = format!("subscription {}", row.text("name")?);
        let told =
            emitted.items.iter().any(|item| item.kind == "SUBSCRIPTION" && name["subscription ".len()..] == item.tag);
        let refused = emitted.refused.iter().any(|refused| refused.split(',').next() == Some(&name));
        if !told && !refused {
            names.push(name);
        }
    }
    Ok(names)
}

/// Labels on what no extension brings.
async fn security_labels(
    reader: &Reader<'_>,
    emitted: &Emitted,
    asked: &Asked<'_>,
) -> Result<Vec<String>, CatalogError> {
    let sql = "SELECT l.classoid AS class, l.objoid AS oid, l.objsubid AS column, \
         pg_describe_object(l.classoid, l.objoid, l.objsubid) AS name FROM pg_seclabel l \
         WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = l.classoid AND d.objid = l.objoid AND d.deptype = 'e')";
    let mut names = Vec::new();
    for row in reader.rows("security labels", sql).await? {
        let id = ObjectId::new(row.oid("class")?, row.oid("oid")?);
        if !emitted.labels.contains(&(id, row.number("column")?)) && !asked.leaves_out(id) {
            names.push(format!("security label on {}", row.text("name")?));
        }
    }
    Ok(names)
}

/// Names of objects, as PostgreSQL puts them.
async fn describe(reader: &Reader<'_>, ids: &BTreeSet<ObjectId>) -> Result<Vec<String>, CatalogError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let known_as = |class| if class == class::LARGE_OBJECT_METADATA { class::LARGE_OBJECT } else { class };
    let list: Vec<_> = ids.iter().map(|id| format!("({}, {})", known_as(id.class), id.oid)).collect();
    let sql = format!(
        "SELECT coalesce(pg_describe_object(class, oid, 0), class || '/' || oid) AS name FROM (VALUES {}) v(class, oid)",
        list.join(", ")
    );
    reader.rows("names of objects", &sql).await?.iter().map(|row| row.text("name")).collect()
}
