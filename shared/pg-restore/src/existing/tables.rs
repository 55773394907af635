//! The tables that get rows.

use pg_client::Session;
use sql_text::quote::qualified;
use sql_volume::TableTotals;

use crate::configuration::{IS_OF_EXTENSION, conditions};
use crate::error::Error;
use crate::existing::{Oids, execute, list, step};

/// Tables that are there, with all columns that the backup has values for.
pub(super) struct Tables {
    found: Vec<Table>,
}

struct Table {
    oid: u32,
    name: String,
    partitioned: bool,
    /// What selects the rows that are the database's, if an extension has others there.
    condition: Option<String>,
    /// It is an extension's, and no table of this role: only rows can be added, at most.
    others: bool,
}

impl Tables {
    /// Finds all of them, or names all that are missing.
    pub(super) async fn find(session: &Session, totals: &[TableTotals]) -> Result<Self, Error> {
        let schemas: Vec<&str> = totals.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = totals.iter().map(|table| table.table.as_str()).collect();
        let sql = FIND.replace("{IS_OF_EXTENSION}", IS_OF_EXTENSION);
        let rows = session.client.query(&sql, &[&schemas, &names]).await;
        let rows = rows.map_err(|error| step(session, "look for the tables", error))?;
        let conditions = conditions(session).await.map_err(|error| step(session, "look for extensions", error))?;
        let (mut found, mut why) = (Vec::new(), Vec::new());
        for (totals, row) in totals.iter().zip(rows) {
            let name = qualified(&totals.schema, &totals.table);
            let Some(oid) = row.get::<_, Option<u32>>(0) else {
                why.push(format!("table {name} is missing"));
                continue;
            };
            let columns: Vec<String> = row.get(2);
            let missing = totals.columns.iter().filter(|column| !columns.contains(column));
            why.extend(missing.map(|column| format!("table {name} has no column {column} to be filled")));
            let condition = conditions.get(&(totals.schema.clone(), totals.table.clone())).cloned();
            found.push(Table { oid, name, partitioned: row.get(1), condition, others: row.get(3) });
        }
        if why.is_empty() { Ok(Self { found }) } else { Err(Error::Unfit { why }) }
    }

    /// With everything that they are partitions of, and that is a partition of these.
    pub(super) async fn family(&self, session: &Session) -> Result<Oids, Error> {
        let oids: Vec<u32> = self.found.iter().filter(|table| !table.others).map(|table| table.oid).collect();
        let rows = session.client.query(FAMILY, &[&oids]).await;
        let rows = rows.map_err(|error| step(session, "look for partitions", error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    pub(super) async fn must_be_empty(&self, session: &Session) -> Result<(), Error> {
        let tables = filled(session, &self.found.iter().collect::<Vec<_>>()).await?;
        if tables.is_empty() { Ok(()) } else { Err(Error::NotEmpty { tables }) }
    }

    /// An extension's table of another role's can't be emptied, so there must be nothing to be removed.
    pub(super) async fn must_be_removable(&self, session: &Session) -> Result<(), Error> {
        let others: Vec<&Table> = self.found.iter().filter(|table| table.others).collect();
        let tables = filled(session, &others).await?;
        let why = tables.iter().map(|table| {
            format!("table {table}, an extension's and of another role, holds rows that would have to go: have its owner remove them")
        });
        if tables.is_empty() { Ok(()) } else { Err(Error::Unfit { why: why.collect() }) }
    }

    pub(super) async fn truncate(&self, session: &Session) -> Result<(), Error> {
        let (mut names, mut rows) = (Vec::new(), Vec::new());
        for table in self.found.iter().filter(|table| !table.others) {
            match &table.condition {
                // What the extension has there stays.
                Some(condition) => rows.push(format!("DELETE FROM ONLY {}{condition}", table.name)),
                None if table.partitioned => names.push(table.name.clone()),
                None => names.push(format!("ONLY {}", table.name)),
            }
        }
        if !names.is_empty() {
            rows.push(format!("TRUNCATE {}", names.join(", ")));
        }
        execute(session, "empty the tables", &rows.join("; ")).await
    }
}

/// Those that hold rows of the database's.
async fn filled(session: &Session, tables: &[&Table]) -> Result<Vec<String>, Error> {
    let mut filled = Vec::new();
    for table in tables {
        let only = if table.partitioned { "" } else { "ONLY " };
        let condition = table.condition.as_deref().unwrap_or_default();
        let sql = format!("SELECT EXISTS (SELECT FROM {only}{}{condition})", table.name);
        let row = session.client.query_one(&sql, &[]).await;
        if row.map_err(|error| step(session, &format!("look into table {}", table.name), error))?.get(0) {
            filled.push(table.name.clone());
        }
    }
    Ok(filled)
}

/// Locks tables in the order of their oids, so that two that do so never wait for each other.
pub(super) async fn lock(session: &Session, oids: &Oids) -> Result<(), Error> {
    let rows = session.client.query(NAMES, &[&list(oids)]).await;
    let rows = rows.map_err(|error| step(session, "look for the tables to lock", error))?;
    for row in rows {
        let name: &str = row.get(0);
        let sql = format!("LOCK TABLE ONLY {name} IN ACCESS EXCLUSIVE MODE");
        execute(session, &format!("lock table {name}"), &sql).await?;
    }
    Ok(())
}

const FIND: &str = "\
    SELECT c.oid, c.relkind = 'p', ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a \
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), \
    NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') AND {IS_OF_EXTENSION} \
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(schema, name, place) \
    LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) \
    ON n.nspname = t.schema AND c.relname = t.name AND c.relkind IN ('r', 'p') ORDER BY t.place";

const FAMILY: &str = "\
    WITH RECURSIVE family(oid) AS (SELECT unnest($1::oid[]) UNION \
    SELECT CASE WHEN i.inhparent = f.oid THEN i.inhrelid ELSE i.inhparent END \
    FROM family f JOIN pg_catalog.pg_inherits i ON f.oid IN (i.inhparent, i.inhrelid) \
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition) \
    SELECT f.oid FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid WHERE c.relkind IN ('r', 'p')";

const NAMES: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1) ORDER BY c.oid";
