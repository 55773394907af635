//! The tables that get rows.

use pg_client::Session;
use sql_text::quote::qualified;
use sql_volume::TableTotals;

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
}

impl Tables {
    /// Finds all of them, or names all that are missing.
    pub(super) async fn find(session: &Session, totals: &[TableTotals]) -> Result<Self, Error> {
        let schemas: Vec<&str> = totals.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = totals.iter().map(|table| table.table.as_str()).collect();
        let rows = session.client.query(FIND, &[&schemas, &names]).await;
        let rows = rows.map_err(|error| step(session, "look for the tables", error))?;
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
            found.push(Table { oid, name, partitioned: row.get(1) });
        }
        if why.is_empty() { Ok(Self { found }) } else { Err(Error::Unfit { why }) }
    }

    /// With everything that they are partitions of, and that is a partition of these.
    pub(super) async fn family(&self, session: &Session) -> Result<Oids, Error> {
        let oids: Vec<u32> = self.found.iter().map(|table| table.oid).collect();
        let rows = session.client.query(FAMILY, &[&oids]).await;
        let rows = rows.map_err(|error| step(session, "look for partitions", error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    pub(super) async fn must_be_empty(&self, session: &Session) -> Result<(), Error> {
        let mut filled = Vec::new();
        for table in &self.found {
            let only = if table.partitioned { "" } else { "ONLY " };
            let sql = format!("SELECT EXISTS (SELECT FROM {only}{})", table.name);
            let row = session.client.query_one(&sql, &[]).await;
            if row.map_err(|error| step(session, &format!("look into table {}", table.name), error))?.get(0) {
                filled.push(table.name.clone());
            }
        }
        if filled.is_empty() { Ok(()) } else { Err(Error::NotEmpty { tables: filled }) }
    }

    pub(super) async fn truncate(&self, session: &Session) -> Result<(), Error> {
        let names = self.found.iter().map(|table| match table.partitioned {
            true => table.name.clone(),
            false => format!("ONLY {}", table.name),
        });
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        execute(session, "empty the tables", &format!("TRUNCATE {}", names.join(", "))).await
    }
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
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') \
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
