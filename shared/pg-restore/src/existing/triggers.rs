//! The triggers of the tables that get rows, off for the while: rows come as they were backed up.

use pg_client::Session;

use crate::error::Error;
use crate::existing::{Oids, execute, list, step};

/// Of users, not of constraints.
pub(super) struct Triggers {
    family: Vec<u32>,
    found: Vec<Trigger>,
}

#[derive(Debug, PartialEq, Eq)]
struct Trigger {
    table: String,
    name: String,
    /// `pg_trigger.tgenabled`.
    enabled: String,
    partitioned: bool,
}

impl Triggers {
    pub(super) async fn find(session: &Session, family: &Oids) -> Result<Self, Error> {
        let family = list(family);
        let found = read(session, &family).await?;
        Ok(Self { family, found })
    }

    pub(super) async fn disable(&self, session: &Session) -> Result<(), Error> {
        let mut tables: Vec<&str> = self.found.iter().map(|trigger| trigger.table.as_str()).collect();
        tables.dedup();
        for table in tables {
            let sql = format!("ALTER TABLE {table} DISABLE TRIGGER USER");
            execute(session, &format!("disable the triggers of table {table} for the while"), &sql).await?;
        }
        if read(session, &self.family).await?.iter().any(|trigger| trigger.enabled != "D") {
            return Err(Error::Unfit { why: vec!["some of its triggers can't be disabled".to_owned()] });
        }
        Ok(())
    }

    /// Each is again as it was.
    pub(super) async fn restore(&self, session: &Session) -> Result<(), Error> {
        // Those of partitioned tables first: they take the partitions' along.
        let (partitioned, others): (Vec<_>, Vec<_>) = self.found.iter().partition(|trigger| trigger.partitioned);
        for trigger in partitioned.into_iter().chain(others) {
            if read(session, &self.family).await?.contains(trigger) {
                continue;
            }
            let word = match trigger.enabled.as_str() {
                "D" => "DISABLE",
                "R" => "ENABLE REPLICA",
                "A" => "ENABLE ALWAYS",
                _ => "ENABLE",
            };
            let only = if trigger.partitioned { "" } else { "ONLY " };
            let sql = format!("ALTER TABLE {only}{} {word} TRIGGER {}", trigger.table, trigger.name);
            execute(session, &format!("enable trigger {} of table {}", trigger.name, trigger.table), &sql).await?;
        }
        if read(session, &self.family).await? != self.found {
            return Err(Error::Unfit { why: vec!["some of its triggers can't be enabled again".to_owned()] });
        }
        Ok(())
    }
}

async fn read(session: &Session, family: &Vec<u32>) -> Result<Vec<Trigger>, Error> {
    let rows = session.client.query(FIND, &[family]).await;
    let rows = rows.map_err(|error| step(session, "look for triggers", error))?;
    let triggers = rows.iter().map(|row| Trigger {
        table: row.get(0),
        name: row.get(1),
        enabled: row.get(2),
        partitioned: row.get(3),
    });
    Ok(triggers.collect())
}

/// Until PostgreSQL 14, those that partitions have of their parents are called internal.
const FIND: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.quote_ident(t.tgname), t.tgenabled::text, \
    c.relkind = 'p' FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE t.tgrelid = ANY ($1) \
    AND (NOT t.tgisinternal OR (t.tgparentid <> 0 AND t.tgconstraint = 0)) ORDER BY c.relkind = 'p' DESC, t.tgrelid, t.tgname";
