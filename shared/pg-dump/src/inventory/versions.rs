//! Have the catalog rows of what was dumped changed meanwhile?

use std::collections::{BTreeMap, BTreeSet, HashSet};

use tokio_postgres::Client;

use super::names;
use crate::catalog::{CatalogError, Row, rows};
use crate::object::{FIRST_USER_OID, ObjectId, class};

/// A catalog with rows of users' objects.
struct Source {
    /// The class of the objects that the rows are of.
    class: u32,
    /// Qualified and quoted.
    catalog: String,
    /// The column by which a row is known.
    column: &'static str,
    /// The version of a row, as SQL.
    version: &'static str,
}

/// Names of the objects of `told`, or of all that users made, whose catalog rows are others in the eyes of `fresh` than in those of
/// `snapshot`, or gone.
///
/// The rows of a relation's columns, of an index and of a sequence, which have no OIDs, count as the relation's. Catalogs are compared
/// whole at first, by their numbers of rows and what is younger than the snapshot may be; rows are read from those that differ.
pub(crate) async fn changed(
    snapshot: &Client,
    fresh: &Client,
    told: Option<&HashSet<ObjectId>>,
) -> Result<Vec<String>, CatalogError> {
    let classes = match told {
        Some(told) => told.iter().map(|id| id.class).collect(),
        None => all_classes(snapshot).await?,
    };
    let sources = sources(snapshot, &classes).await?;
    let oldest = oldest(snapshot).await?;
    let (then, now) = tokio::try_join!(digests(snapshot, &sources, &oldest), digests(fresh, &sources, &oldest))?;
    let differ = sources.into_iter().zip(then.into_iter().zip(now)).filter(|(_, (then, now))| then != now);
    let differ: Vec<Source> = differ.map(|(source, _)| source).collect();
    let (then, now) = tokio::try_join!(versions(snapshot, &differ), versions(fresh, &differ))?;
    let changed: BTreeSet<ObjectId> = then
        .iter()
        .filter(|(key, version)| told.is_none_or(|told| told.contains(&key.0)) && now.get(key) != Some(version))
        .map(|((id, _), _)| *id)
        .collect();
    names::of(snapshot, &changed.into_iter().collect::<Vec<_>>()).await
}

/// When it is not known what would have been told.
async fn all_classes(snapshot: &Client) -> Result<BTreeSet<u32>, CatalogError> {
    let sql = "SELECT c.oid FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' AND NOT a.attisdropped \
         WHERE c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND c.relkind = 'r' AND NOT c.relisshared \
           AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')";
    rows(snapshot, "the catalog of catalogs", sql).await?.iter().map(|row| row.oid("oid")).collect()
}

async fn sources(snapshot: &Client, classes: &BTreeSet<u32>) -> Result<Vec<Source>, CatalogError> {
    // Large objects are told from the snapshot alone, and may be millions. Who may not read user mappings or subscriptions has
    // no others' to dump.
    let not_compared = [class::LARGE_OBJECT, class::LARGE_OBJECT_METADATA, class::USER_MAPPING, class::SUBSCRIPTION];
    let list: Vec<_> = classes.iter().filter(|class| !not_compared.contains(class)).map(u32::to_string).collect();
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT oid, relname FROM pg_catalog.pg_class WHERE oid IN ({})", list.join(", "));
    let mut sources = Vec::new();
    for row in rows(snapshot, "names of catalogs", &sql).await? {
        let class = row.oid("oid")?;
        // Building an index anew, which waits for none of our locks, gives its row another version and defines nothing.
        let version = match class {
            class::RELATION => {
                "CASE WHEN relkind IN ('i', 'I') THEN pg_catalog.concat_ws(',', relnamespace, relname, relam, \
                 reltablespace, reloptions) ELSE xmin::text END"
            }
            _ => "xmin::text",
        };
        let catalog = sql_text::quote::qualified("pg_catalog", &row.text("relname")?);
        sources.push(Source { class, catalog, column: "oid", version });
    }
    for (table, column) in [("pg_attribute", "attrelid"), ("pg_index", "indexrelid"), ("pg_sequence", "seqrelid")] {
        let catalog = format!("pg_catalog.{table}");
        sources.push(Source { class: class::RELATION, catalog, column, version: "xmin::text" });
    }
    Ok(sources)
}

/// The oldest transaction that the snapshot may not show: every row that is new since was made by it or by a later one.
async fn oldest(snapshot: &Client) -> Result<String, CatalogError> {
    let sql = "SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.xid AS oldest";
    let rows = rows(snapshot, "the snapshot", sql).await?;
    rows.first().map_or(Ok(String::new()), |row| row.text("oldest"))
}

/// The number of the users' rows of each source, and a number for those that `oldest` or a later transaction made. A row that an older
/// one made can only vanish.
async fn digests(client: &Client, sources: &[Source], oldest: &str) -> Result<Vec<String>, CatalogError> {
    let query = |Source { catalog, column, version, .. }: &Source| {
        format!(
            "(SELECT pg_catalog.count(*) || '/' || \
                 coalesce(pg_catalog.sum(pg_catalog.hashtextextended({version}, {column}::bigint)) \
                     FILTER (WHERE pg_catalog.age(xmin) <= (SELECT pg_catalog.age('{oldest}'::pg_catalog.xid))), 0) \
             FROM {catalog} WHERE {column} >= {FIRST_USER_OID})"
        )
    };
    if sources.is_empty() {
        return Ok(Vec::new());
    }
    let digests: Vec<_> = sources.iter().map(query).collect();
    let sql = format!("SELECT pg_catalog.unnest(ARRAY[{}]) AS digest", digests.join(", "));
    rows(client, "versions of catalog rows", &sql).await?.iter().map(|row| row.text("digest")).collect()
}

/// The versions of the users' rows of each source, by object and by number of the source.
async fn versions(client: &Client, sources: &[Source]) -> Result<BTreeMap<(ObjectId, usize), String>, CatalogError> {
    let query = |(number, source): (usize, &Source)| {
        let Source { class, catalog, column, version } = source;
        format!(
            "SELECT {number} AS source, {class} AS class, {column} AS oid, \
             pg_catalog.string_agg({version}, ' ' ORDER BY {version}) AS version \
             FROM {catalog} WHERE {column} >= {FIRST_USER_OID} GROUP BY {column}"
        )
    };
    if sources.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = sources.iter().enumerate().map(query).collect::<Vec<_>>().join(" UNION ALL ");
    let version = |row: &Row| {
        let id = ObjectId::new(row.oid("class")?, row.oid("oid")?);
        Ok(((id, row.number("source")?), row.text("version")?))
    };
    rows(client, "versions of catalog rows", &sql).await?.iter().map(version).collect()
}
