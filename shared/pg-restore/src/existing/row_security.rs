//! Row security that is forced upon the owners of the tables that get rows: off for the while, for COPY refuses such a table.

use pg_client::Session;

use crate::error::Error;
use crate::existing::{Oids, execute, list, step};

/// The tables, quoted.
pub(super) struct Forced(Vec<String>);

impl Forced {
    pub(super) async fn find(session: &Session, family: &Oids) -> Result<Self, Error> {
        let rows = session.client.query(FIND, &[&list(family)]).await;
        let rows = rows.map_err(|error| step(session, "look for row security", error))?;
        Ok(Self(rows.iter().map(|row| row.get(0)).collect()))
    }

    /// What a dry run can't see, since it lifts nothing.
    pub(super) fn hiding(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|table| {
            format!("table {table} may hold rows, which its row security hides until the restore lifts it; then they stop it")
        })
    }

    pub(super) async fn lift(&self, session: &Session) -> Result<(), Error> {
        self.alter(session, "NO FORCE", "lift the row security").await
    }

    pub(super) async fn restore(&self, session: &Session) -> Result<(), Error> {
        self.alter(session, "FORCE", "force the row security").await
    }

    async fn alter(&self, session: &Session, how: &str, act: &str) -> Result<(), Error> {
        for table in &self.0 {
            let sql = format!("ALTER TABLE {table} {how} ROW LEVEL SECURITY");
            execute(session, &format!("{act} of table {table}"), &sql).await?;
        }
        Ok(())
    }
}

/// Of others' tables, nobody can lift it.
const FIND: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1) AND c.relforcerowsecurity \
    AND pg_catalog.row_security_active(c.oid) AND pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid";
