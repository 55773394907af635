//! Which version of each catalog row was dumped.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio_postgres::Client;

use crate::catalog::{CatalogError, rows};
use crate::object::{FIRST_USER_OID, ObjectId, class};

/// `xmin` of the catalog rows of dumped objects, by object.
///
/// The rows of a relation's columns, of an index and of a sequence, which have no OIDs, count as the relation's.
#[derive(Debug, Default)]
pub(crate) struct RowVersions(BTreeMap<ObjectId, String>);

impl RowVersions {
    /// Those of the snapshot of `client`.
    pub(crate) async fn read(client: &Client, told: &HashSet<ObjectId>) -> Result<Self, CatalogError> {
        let classes: BTreeSet<u32> = told.iter().map(|id| id.class).collect();
        let mut versions = current(client, &classes).await?;
        versions.retain(|id, _| told.contains(id));
        Ok(Self(versions))
    }

    /// Names of the objects whose rows are others now, or gone.
    pub(crate) async fn changed_since(&self, fresh: &Client) -> Result<Vec<String>, CatalogError> {
        let classes: BTreeSet<u32> = self.0.keys().map(|id| id.class).collect();
        let now = current(fresh, &classes).await?;
        let changed: Vec<_> =
            self.0.iter().filter(|(id, version)| now.get(id) != Some(version)).map(|(id, _)| id).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let list: Vec<_> = changed.iter().map(|id| format!("({}, {})", id.class, id.oid)).collect();
        let sql = format!(
            "SELECT coalesce(pg_catalog.pg_describe_object(class, oid, 0), 'an object that was dropped') AS name \
             FROM (VALUES {}) v(class, oid)",
            list.join(", ")
        );
        let mut names: Vec<String> = rows(fresh, "names of objects", &sql)
            .await?
            .iter()
            .map(|row| row.text("name"))
            .collect::<Result<_, _>>()?;
        names.sort();
        names.dedup();
        Ok(names)
    }
}

async fn current(client: &Client, classes: &BTreeSet<u32>) -> Result<BTreeMap<ObjectId, String>, CatalogError> {
    // Large objects are told from the snapshot alone, and may be millions.
    let large = [class::LARGE_OBJECT, class::LARGE_OBJECT_METADATA];
    let list: Vec<_> = classes.iter().filter(|class| !large.contains(class)).map(u32::to_string).collect();
    if list.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!("SELECT oid, relname FROM pg_catalog.pg_class WHERE oid IN ({})", list.join(", "));
    let mut queries = Vec::new();
    for row in rows(client, "names of catalogs", &sql).await? {
        let class = row.oid("oid")?;
        // Who may not read user mappings has no others' to dump.
        if class != class::USER_MAPPING && class != class::SUBSCRIPTION {
            let catalog = sql_text::quote::qualified("pg_catalog", &row.text("relname")?);
            queries.push(format!(
                "SELECT {class} AS class, oid, xmin::text AS version FROM {catalog} WHERE oid >= {FIRST_USER_OID}"
            ));
        }
    }
    for (table, column) in [("pg_attribute", "attrelid"), ("pg_index", "indexrelid"), ("pg_sequence", "seqrelid")] {
        queries.push(format!(
            "SELECT 1259, {column}, sum(xmin::text::bigint)::text || '/' || count(*) FROM pg_catalog.{table} \
             WHERE {column} >= {FIRST_USER_OID} GROUP BY {column}"
        ));
    }
    let mut versions: BTreeMap<ObjectId, String> = BTreeMap::new();
    for row in rows(client, "versions of catalog rows", &queries.join(" UNION ALL ")).await? {
        let id = ObjectId::new(row.oid("class")?, row.oid("oid")?);
        let version = versions.entry(id).or_default();
        version.push_str(&row.text("version")?);
        version.push(' ');
    }
    Ok(versions)
}
