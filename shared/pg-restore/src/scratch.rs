//! The database under its provisional name: created, renamed when all is well, dropped otherwise.

use std::time::{Duration, Instant};

use pg_client::{ConnectOptions, Session};
use sql_text::quote::{identifier, literal};
use sql_volume::DatabaseProperties;
use tokio::runtime::Handle;
use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::session;

/// How often, and how long between, an act is repeated that others' sessions or a lost connection were in the way of.
const ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(1);
/// Before another attempt that has nothing to wait for.
const AT_ONCE: Duration = Duration::from_millis(50);
/// `query_canceled`: the time was over.
const CANCELLED: &str = "57014";
/// The renaming makes itself, and with it everything before it, durable, whatever the role's default is.
const DURABLE: &str = "\
    SELECT pg_catalog.set_config(name, 'on', false) FROM pg_catalog.pg_settings \
    WHERE name = 'synchronous_commit' AND setting = 'off'";

/// A database that this run saw created. Dropped with everything in it when this value goes, as long as a runtime is there to do it.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Where it can be dropped from.
    maintenance: ConnectOptions,
    name: String,
    oid: u32,
    exists: bool,
    drop_timeout: Duration,
}

impl Scratch {
    /// Creates the database. Whoever stops waiting leaves no database behind: it is then dropped as soon as it was created.
    pub(crate) async fn create(
        maintenance: ConnectOptions,
        name: String,
        database: &DatabaseProperties,
        major: u32,
        drop_timeout: Duration,
    ) -> Result<Self, Error> {
        let sql = create_statement(&name, database, major);
        let creating = tokio::spawn(async move {
            let act = || format!("create database {name}");
            let session = connect(&maintenance).await?;
            if let Err(error) = session.client.batch_execute(&sql).await {
                return Err(match Failure::of(&session, error, Rows::None) {
                    source @ Failure::Lost { .. } => Error::Uncertain { name, source },
                    source => Error::Step { act: act(), source },
                });
            }
            let mut scratch = Self { maintenance, name: name.clone(), oid: 0, exists: true, drop_timeout };
            match oid_of(&session, &name).await {
                Ok(Some(oid)) => scratch.oid = oid,
                Ok(None) => {
                    return Err(scratch.discard(Error::Contradiction { what: "a new database is gone".into() }).await);
                }
                Err(error) => return Err(scratch.discard(error).await),
            }
            session.close().await;
            Ok(scratch)
        });
        creating.await.map_err(|_| Error::Interrupted)?
    }

    /// One that this run saw created and named.
    pub(crate) fn adopt(maintenance: ConnectOptions, name: String, drop_timeout: Duration) -> Self {
        Self { maintenance, name, oid: 0, exists: true, drop_timeout }
    }

    /// How to connect to it.
    pub(crate) fn options(&self) -> ConnectOptions {
        self.maintenance.clone().with_dbname(&self.name)
    }

    /// Gives it its name. No session may be in it.
    pub(crate) async fn rename(mut self, name: &str) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.try_rename(name).await {
                Ok(()) => {
                    self.exists = false;
                    return Ok(());
                }
                Err(Error::Step { source, .. }) if attempt < ATTEMPTS && may_pass(&source) => {
                    tracing::info!(database = self.name, reason = %source, "renaming the database is tried again");
                    attempt += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(self.discard(error).await),
            }
        }
    }

    async fn try_rename(&self, name: &str) -> Result<(), Error> {
        let session = connect(&self.maintenance).await?;
        // An earlier attempt may have worked without our hearing of it.
        if oid_of(&session, name).await? == Some(self.oid) {
            return Ok(());
        }
        let sql = format!("ALTER DATABASE {} RENAME TO {}", identifier(&self.name), identifier(name));
        match session.client.batch_execute(&sql).await {
            Ok(()) => {
                session.close().await;
                Ok(())
            }
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => {
                Err(Error::NameTaken { name: name.to_owned() })
            }
            Err(error) => {
                let source = Failure::of(&session, error, Rows::None);
                Err(Error::Step { act: format!("rename database {} to {name}", self.name), source })
            }
        }
    }

    /// Drops it when it has served.
    pub(crate) async fn remove(mut self) -> Result<(), Error> {
        self.exists = false;
        drop_database(&self.maintenance, &self.name, self.drop_timeout).await
    }

    /// Drops it because of `cause`, which is returned; or what is worse, if that fails.
    pub(crate) async fn discard(mut self, cause: Error) -> Error {
        self.exists = false;
        // Told at once: dropping takes its time.
        tracing::warn!(database = self.name, %cause, "what was restored is dropped");
        match drop_database(&self.maintenance, &self.name, self.drop_timeout).await {
            Ok(()) => cause,
            Err(error) => Error::LeftBehind { name: self.name.clone(), drop: Box::new(error), source: Box::new(cause) },
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.exists {
            return;
        }
        let (maintenance, name, timeout) = (self.maintenance.clone(), self.name.clone(), self.drop_timeout);
        tracing::warn!(database = name, "the restore was abandoned: its database is dropped");
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                if let Err(error) = drop_database(&maintenance, &name, timeout).await {
                    tracing::error!(database = name, %error, "an incomplete database is left behind");
                }
            })),
            Err(_) => tracing::error!(database = name, "an incomplete database is left behind"),
        }
    }
}

pub(crate) async fn drop_database(maintenance: &ConnectOptions, name: &str, timeout: Duration) -> Result<(), Error> {
    let (mut attempt, mut force) = (1, " WITH (FORCE)");
    let began = Instant::now();
    loop {
        let dropped = async {
            let session = connect(maintenance).await?;
            // Sent by itself: together with DROP DATABASE it would be a transaction, in which no database can be dropped.
            let limit = format!("SET statement_timeout = {}", timeout.as_millis());
            let sql = format!("DROP DATABASE IF EXISTS {}{force}", identifier(name));
            let dropped = match session.client.batch_execute(&limit).await {
                Ok(()) => session.client.batch_execute(&sql).await,
                Err(error) => Err(error),
            };
            if let Err(error) = dropped {
                let source = Failure::of(&session, error, Rows::None);
                let act = match source.code() {
                    Some(CANCELLED) => {
                        format!("drop database {name}: the server's log may name a process that it waits for")
                    }
                    _ => format!("drop database {name}"),
                };
                return Err(Error::Step { act, source });
            }
            session.close().await;
            Ok(())
        };
        match dropped.await {
            Err(Error::Step { source, .. }) if is_full(&source) && began.elapsed() < timeout => {
                tokio::time::sleep(AT_ONCE).await;
            }
            Err(Error::Step { source, .. }) if attempt < ATTEMPTS && (may_pass(&source) || denied(&source)) => {
                // Without superuser, FORCE stumbles over an autovacuum worker, which a plain DROP ends by itself.
                force = if denied(&source) { "" } else { " WITH (FORCE)" };
                attempt += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn connect(options: &ConnectOptions) -> Result<Session, Error> {
    let failed = |source| Error::Step { act: format!("connect to database {}", options.dbname), source };
    let session = session::open(options).await.map_err(failed)?;
    match session.client.batch_execute(DURABLE).await {
        Ok(()) => Ok(session),
        Err(error) => Err(failed(Failure::of(&session, error, Rows::None))),
    }
}

async fn oid_of(session: &Session, name: &str) -> Result<Option<u32>, Error> {
    let found = session.client.query_opt("SELECT oid FROM pg_database WHERE datname = $1", &[&name]).await;
    match found {
        Ok(row) => Ok(row.map(|row| row.get(0))),
        Err(error) => {
            let source = Failure::of(session, error, Rows::None);
            Err(Error::Step { act: format!("look for database {name}"), source })
        }
    }
}

/// 42501 is `insufficient_privilege`.
fn denied(failure: &Failure) -> bool {
    failure.code() == Some("42501")
}

/// 53100 is `disk_full`. Who needs a place in the server's memory may meet a block there that is to be written to the full disk first, such as
/// one of the very database that is to be dropped. There may be many of them; each attempt gets past one.
fn is_full(failure: &Failure) -> bool {
    failure.code() == Some("53100")
}

/// Whether waiting or another connection may help: 55006 is `object_in_use`.
fn may_pass(failure: &Failure) -> bool {
    failure.is_lost() || failure.code() == Some("55006")
}

fn create_statement(name: &str, database: &DatabaseProperties, major: u32) -> String {
    let mut sql =
        format!("CREATE DATABASE {} TEMPLATE template0 ENCODING {}", identifier(name), literal(&database.encoding));
    // What a plain dump does not say is as the server has it.
    for (option, locale) in [("LC_COLLATE", &database.collate), ("LC_CTYPE", &database.ctype)] {
        if !locale.is_empty() {
            sql.push_str(&format!(" {option} {}", literal(locale)));
        }
    }
    if major >= 15 && !database.locale_provider.is_empty() {
        sql.push_str(&format!(" LOCALE_PROVIDER {}", identifier(&database.locale_provider)));
        if let Some(locale) = &database.locale {
            let option = if database.locale_provider == "builtin" { "BUILTIN_LOCALE" } else { "ICU_LOCALE" };
            sql.push_str(&format!(" {option} {}", literal(locale)));
        }
        if let Some(rules) = &database.icu_rules {
            sql.push_str(&format!(" ICU_RULES {}", literal(rules)));
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_is_created_with_what_its_server_knows() {
        let database = DatabaseProperties {
            encoding: "UTF8".to_owned(),
            collate: "C".to_owned(),
            ctype: "it's".to_owned(),
            locale_provider: "icu".to_owned(),
            locale: Some("de-DE".to_owned()),
            icu_rules: Some("&a<b".to_owned()),
            ..DatabaseProperties::default()
        };
        let common = "CREATE DATABASE \"X\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'it''s'";
        assert_eq!(create_statement("X", &database, 14), common);
        let unknown = DatabaseProperties { encoding: "UTF8".to_owned(), ..DatabaseProperties::default() };
        assert_eq!(create_statement("X", &unknown, 17), "CREATE DATABASE \"X\" TEMPLATE template0 ENCODING 'UTF8'");
        let rest = " LOCALE_PROVIDER icu ICU_LOCALE 'de-DE' ICU_RULES '&a<b'";
        assert_eq!(create_statement("X", &database, 17), format!("{common}{rest}"));
    }
}
