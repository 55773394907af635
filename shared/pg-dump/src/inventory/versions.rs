//! Which version of each catalog row was dumped.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio_postgres::Client;

use super::names;
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

    /// Those of everything that users made, when it is not known what would have been told.
    pub(crate) async fn read_all(client: &Client) -> Result<Self, CatalogError> {
        let sql = "SELECT c.oid FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' AND NOT a.attisdropped \
             WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relisshared \
               AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')";
        let catalogs = rows(client, "the catalog of catalogs", sql).await?;
        let classes = catalogs.iter().map(|row| row.oid("oid")).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(Self(current(client, &classes).await?))
    }

    /// Names of the objects whose rows are others now, or gone, in the eyes of `fresh`. `snapshot` still sees them.
    pub(crate) async fn changed_since(&self, snapshot: &Client, fresh: &Client) -> Result<Vec<String>, CatalogError> {
        let classes: BTreeSet<u32> = self.0.keys().map(|id| id.class).collect();
        let now = current(fresh, &classes).await?;
        let changed: Vec<_> =
            self.0.iter().filter(|(id, version)| now.get(id) != Some(version)).map(|(id, _)| *id).collect();
        names::of(snapshot, &changed).await
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
            // Building an index anew, which waits for none of our locks, gives its row another version and defines nothing.
            let version = match class {
                class::RELATION => {
                    "CASE WHEN relkind IN ('i', 'I') THEN pg_catalog.concat_ws(',', relnamespace, relname, relam, \
                     reltablespace, reloptions) ELSE xmin::text END"
                }
                _ => "xmin::text",
            };
            queries.push(format!(
                "SELECT {class} AS class, oid, {version} AS version FROM {catalog} WHERE oid >= {FIRST_USER_OID}"
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
