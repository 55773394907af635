//! Names of objects by the rows of a snapshot alone. `pg_describe_object` looks into the current catalog, and fails for an
//! object of which something is already gone.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::catalog::{CatalogError, rows};
use crate::object::{ObjectId, class};

/// Qualified names, sorted. What belongs to a relation is named by it, since it is what someone will look for.
pub(super) async fn of(snapshot: &Client, ids: &[ObjectId]) -> Result<Vec<String>, CatalogError> {
    let mut by_class: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for id in ids {
        by_class.entry(id.class).or_default().push(id.oid.to_string());
    }
    if by_class.is_empty() {
        return Ok(Vec::new());
    }
    let classes: Vec<_> = by_class.keys().map(u32::to_string).collect();
    let sql = format!("SELECT oid, relname AS name FROM pg_catalog.pg_class WHERE oid IN ({})", classes.join(", "));
    let mut queries = Vec::new();
    for row in rows(snapshot, "names of catalogs", &sql).await? {
        let (class, catalog) = (row.oid("oid")?, row.text("name")?);
        let oids = by_class.get(&class).map(|oids| oids.join(", ")).unwrap_or_default();
        queries.push(names(class, &catalog, &oids));
    }
    let found = rows(snapshot, "names of objects", &queries.join(" UNION ALL ")).await?;
    let mut names: Vec<String> = found.iter().map(|row| row.text("name")).collect::<Result<_, _>>()?;
    names.sort();
    names.dedup();
    Ok(names)
}

fn names(class: u32, catalog: &str, oids: &str) -> String {
    let on_relation = match class {
        class::RELATION => Some("oid"),
        class::COLUMN_DEFAULT => Some("adrelid"),
        class::CONSTRAINT => Some("conrelid"),
        class::TRIGGER => Some("tgrelid"),
        class::RULE => Some("ev_class"),
        class::POLICY => Some("polrelid"),
        class::STATISTICS => Some("stxrelid"),
        _ => None,
    };
    let of_relation = on_relation.map_or("NULL".to_owned(), |column| {
        format!(
            "(SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'S' THEN 'sequence ' \
               WHEN 'i' THEN 'index ' WHEN 'I' THEN 'index ' WHEN 'c' THEN 'type ' WHEN 'f' THEN 'foreign table ' ELSE 'table ' END \
               || pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = o.{column})"
        )
    });
    let arguments = match class {
        class::FUNCTION => {
            "'(' || coalesce((SELECT pg_catalog.string_agg(pg_catalog.format_type(a.type, NULL), ', ' ORDER BY a.place) \
             FROM pg_catalog.unnest(o.proargtypes) WITH ORDINALITY a (type, place)), '') || ')'"
        }
        _ => "''",
    };
    let kind = match class {
        class::FUNCTION => "function".to_owned(),
        class::SCHEMA => "schema".to_owned(),
        _ => catalog.strip_prefix("pg_").unwrap_or(catalog).replace('_', " "),
    };
    // Each catalog calls its name and its schema so; what has no name is told by its number.
    format!(
        "SELECT coalesce({of_relation}, \
           (SELECT concat('{kind} ', min(pg_catalog.quote_ident(n.nspname) || '.'), min(pg_catalog.quote_ident(named.value)), {arguments}) \
            FROM pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(o)) named \
            LEFT JOIN pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(o)) placed ON placed.key ~ '^[a-z]+namespace$' \
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid::text = placed.value \
            WHERE named.key ~ '^[a-z]+name$' HAVING count(*) > 0), \
           '{kind} ' || o.oid) AS name \
         FROM pg_catalog.{catalog} o WHERE o.oid IN ({oids})"
    )
}
