use std::time::Duration;

use pg_client::{ConnectOptions, Session};

use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::scratch::drop_database;
use crate::session;

/// What the databases of drills are called, before 16 hex digits.
const NAMED: &str = "offsite_drill_";
/// Those of drills that ended, and of drills that ended while they restored.
const PATTERN: &str = "^(offsite_drill_[0-9a-f]{16})(__restoring_[0-9a-f]{12})?$";
/// There on every server, and connected to while the drill's database isn't.
const MAINTENANCE: &str = "postgres";
/// Each drill holds this lock for the name of its database. The server frees it when the drill's session ends, however it ends.
const LOCK: &str = "SELECT pg_catalog.pg_try_advisory_lock(1869964139, pg_catalog.hashtext($1))";
const UNLOCK: &str = "SELECT pg_catalog.pg_advisory_unlock(1869964139, pg_catalog.hashtext($1))";

/// A server that a drill may use, and the name that it has for its database.
pub(super) struct DrillServer {
    session: Session,
    maintenance: ConnectOptions,
    name: String,
    source: String,
}

impl DrillServer {
    /// Connects, and looks whether the server may be the source's.
    ///
    /// A backup doesn't say from which host it is, on purpose. So a server that has a database of the source's name is taken for the source's;
    /// and login data that lead to a database of that name are taken for the application's own, which no drill may have.
    pub(super) async fn open(server: &ConnectOptions, source: &str, on_source_server: bool) -> Result<Self, Error> {
        if server.dbname == source {
            return Err(Error::DrillOnSource { database: source.to_owned() });
        }
        let mut maintenance = server.clone().with_dbname(MAINTENANCE);
        let connected = session::open(&maintenance).await;
        let session =
            connected.map_err(|source| Error::Step { act: format!("connect to database {MAINTENANCE}"), source })?;
        if let Some(address) = session.address() {
            // All sessions meet the same server behind a name of several.
            maintenance = maintenance.pinned_to(address);
        }
        let mut random = [0u8; 8];
        getrandom::fill(&mut random).map_err(|error| Error::Random(error.to_string()))?;
        let name = format!("{NAMED}{}", hex::encode(random));
        let place = Self { session, maintenance, name, source: source.to_owned() };
        let there = place.rows("SELECT FROM pg_catalog.pg_database WHERE datname = $1", &place.source).await?;
        if !there.is_empty() && !on_source_server {
            return Err(Error::DrillOnSourceServer { database: place.source });
        }
        // Drawn at random just now, so nobody has it.
        place.rows(LOCK, &place.name).await?;
        Ok(place)
    }

    pub(super) fn maintenance(&self) -> &ConnectOptions {
        &self.maintenance
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Drops what drills left behind that were killed: databases of a drill's name, of this role, of which no living drill holds the lock.
    pub(super) async fn drop_leftovers(&self, timeout: Duration) -> Result<Vec<String>, Error> {
        let sql = "SELECT d.datname::text, (pg_catalog.regexp_match(d.datname, $1))[1] FROM pg_catalog.pg_database d \
                   JOIN pg_catalog.pg_roles r ON r.oid = d.datdba WHERE d.datname ~ $1 AND r.rolname = current_user \
                   ORDER BY 1";
        let mut dropped = Vec::new();
        for row in self.rows(sql, PATTERN).await? {
            let (database, drill): (String, String) = (row.get(0), row.get(1));
            if database == self.source || !self.rows(LOCK, &drill).await?.iter().any(|row| row.get(0)) {
                continue;
            }
            drop_database(&self.maintenance, &database, timeout).await?;
            self.rows(UNLOCK, &drill).await?;
            dropped.push(database);
        }
        Ok(dropped)
    }

    /// Ends the session, and with it the lock.
    pub(super) async fn close(self) {
        self.session.close().await;
    }

    async fn rows(&self, sql: &str, parameter: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.session.client.query(sql, &[&parameter]).await.map_err(|error| {
            let source = Failure::of(&self.session, error, Rows::None);
            Error::Step { act: "look whether the server can take the drill".to_owned(), source }
        })
    }
}
