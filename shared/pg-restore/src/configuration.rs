//! Tables of extensions that hold rows of the database's beside those that CREATE EXTENSION makes, such as PostGIS's `spatial_ref_sys`.
//! A dump has the former only.

use std::collections::{BTreeMap, BTreeSet};

use pg_client::Session;

use crate::compare::reader::Name;

/// By table, if not all of its rows are the database's: ` WHERE …`, which selects those that are (`pg_extension.extcondition`).
pub(crate) async fn conditions(session: &Session) -> Result<BTreeMap<Name, String>, tokio_postgres::Error> {
    let rows = session.client.query(CONDITIONS, &[]).await?;
    Ok(rows.iter().map(|row| ((row.get(0), row.get(1)), format!(" {}", row.get::<_, &str>(2)))).collect())
}

/// Tables and sequences of extensions that this role may not write. CREATE EXTENSION can make them a superuser's, whoever runs it.
pub(crate) async fn of_others(session: &Session) -> Result<BTreeSet<Name>, tokio_postgres::Error> {
    let rows = session.client.query(&format!("{OF_OTHERS}{IS_OF_EXTENSION}"), &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

const CONDITIONS: &str = "\
    SELECT n.nspname::text, c.relname::text, t.condition FROM pg_catalog.pg_extension e \
    CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS t(oid, condition) \
    JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE t.condition <> ''";

/// Of `pg_class c`.
pub(crate) const IS_OF_EXTENSION: &str = "\
    EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid \
    AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e')";

const OF_OTHERS: &str = "\
    SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE CASE c.relkind \
    WHEN 'S' THEN NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') \
    WHEN 'r' THEN NOT pg_catalog.has_table_privilege(c.oid, 'INSERT') ELSE false END AND ";
