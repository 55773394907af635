//! What must be so before the first change, all of it looked at in one go.

use std::time::Duration;

use pg_client::Session;
use sql_volume::{DatabaseProperties, Requirements};

use crate::choice::Content;
use crate::error::{Error, Missing};
use crate::failure::{Failure, Rows};
use crate::target::Target;

/// How often a lock is tried, and the time between two tries.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// A server that can take the backup.
#[derive(Debug)]
pub(crate) struct Server {
    /// `server_version`.
    pub(crate) version: String,
    /// Such as 17.
    pub(crate) major: u32,
    /// Databases with provisional names.
    pub(crate) leftovers: Vec<String>,
    /// Whether it is older than the source's, which was allowed.
    pub(crate) older: bool,
}

/// Looks whether the name is free.
pub(crate) async fn is_free(session: &Session, target: &Target) -> Result<(), Error> {
    let ask = Asker(session);
    if ask.rows("SELECT FROM pg_database WHERE datname = $1", &[&target.name]).await?.is_empty() {
        return Ok(());
    }
    Err(Error::NameTaken { name: target.name.clone() })
}

/// Makes sure that no other restore from the same database of the server is under way to the same name.
pub(crate) async fn is_alone(session: &Session, target: &Target) -> Result<(), Error> {
    let ask = Asker(session);
    if ask.locks("SELECT pg_catalog.pg_try_advisory_lock(1869964137, pg_catalog.hashtext($1))", &target.name).await? {
        return Ok(());
    }
    Err(Error::UnderWay { database: target.name.clone() })
}

/// Makes sure that no other restore of the same request is under way from the same database of the server.
pub(crate) async fn is_only(session: &Session, request_id: Option<&String>) -> Result<(), Error> {
    let Some(request_id) = request_id else { return Ok(()) };
    let ask = Asker(session);
    if ask.locks("SELECT pg_catalog.pg_try_advisory_lock(1869964138, pg_catalog.hashtext($1))", request_id).await? {
        return Ok(());
    }
    Err(Error::RequestUnderWay { request_id: request_id.clone() })
}

/// Looks whether the name is free and nothing is missing.
pub(crate) async fn check(
    session: &Session,
    target: &Target,
    database: &DatabaseProperties,
    requires: &Requirements,
    roles: &[String],
    allow_older_server: bool,
) -> Result<Server, Error> {
    is_free(session, target).await?;
    let ask = Asker(session);
    inspect(&ask, true, database, requires, roles, allow_older_server).await
}

/// Looks whether an existing database lacks anything.
pub(crate) async fn of_existing(
    session: &Session,
    database: &DatabaseProperties,
    requires: &Requirements,
    roles: &[String],
    allow_older_server: bool,
    content: Content,
) -> Result<Server, Error> {
    let none = Requirements::default();
    let requires = if content == Content::Data { &none } else { requires };
    inspect(&Asker(session), false, database, requires, roles, allow_older_server).await
}

async fn inspect(
    ask: &Asker<'_>,
    new: bool,
    database: &DatabaseProperties,
    requires: &Requirements,
    needed_roles: &[String],
    allow_older_server: bool,
) -> Result<Server, Error> {
    let mut missing = Vec::new();
    let about = "SELECT current_setting('server_version'), current_setting('server_version_num')::int, pg_is_in_recovery(), \
                 rolcreatedb OR rolsuper, rolname::text FROM pg_roles WHERE rolname = current_user";
    let row = ask.one(about, &[]).await?;
    let (version, number): (String, i32) = (row.get(0), row.get(1));
    let (standby, creates, role): (bool, bool, String) = (row.get(2), row.get(3), row.get(4));
    let (major, source_major) = (number.unsigned_abs() / 10_000, database.server_version_num / 10_000);
    if standby {
        missing.push(Missing::Standby);
    }
    if new && !creates {
        missing.push(Missing::CreateDatabase { role });
    }
    let older = source_major > major;
    if older && !allow_older_server {
        missing.push(Missing::NewerServer { source: database.server_version.clone(), target: version.clone() });
    }
    let roles = "SELECT unnest($1::text[]) EXCEPT SELECT rolname FROM pg_roles ORDER BY 1";
    missing.extend(ask.absent(roles, needed_roles).await?.into_iter().map(Missing::Role));
    let extensions = "SELECT unnest($1::text[]) EXCEPT SELECT name FROM pg_available_extensions ORDER BY 1";
    missing.extend(ask.absent(extensions, &requires.extensions).await?.into_iter().map(Missing::Extension));
    let spaces = "SELECT unnest($1::text[]) EXCEPT SELECT spcname FROM pg_tablespace ORDER BY 1";
    missing.extend(ask.absent(spaces, &requires.tablespaces).await?.into_iter().map(Missing::Tablespace));
    let spaces = "SELECT spcname::text FROM pg_tablespace WHERE spcname = ANY ($1::text[]) \
                  AND NOT has_tablespace_privilege(oid, 'CREATE') ORDER BY 1";
    missing.extend(ask.absent(spaces, &requires.tablespaces).await?.into_iter().map(Missing::TablespacePrivilege));
    if new {
        missing.extend(locale(ask, database, major).await?);
    }
    if !missing.is_empty() {
        return Err(Error::NotReady { database: database.name.clone(), missing });
    }
    let leftovers = "SELECT datname::text FROM pg_database WHERE datname ~ $1 ORDER BY 1";
    let leftovers =
        ask.rows(leftovers, &[&Target::provisional_pattern()]).await?.iter().map(|row| row.get(0)).collect();
    Ok(Server { version, major, leftovers, older })
}

async fn locale(ask: &Asker<'_>, database: &DatabaseProperties, major: u32) -> Result<Vec<Missing>, Error> {
    let mut missing = Vec::new();
    if ask.one("SELECT pg_char_to_encoding($1::text::name)", &[&database.encoding]).await?.get::<_, i32>(0) < 0 {
        missing.push(Missing::Encoding(database.encoding.clone()));
    }
    let needed = match database.locale_provider.as_str() {
        "builtin" => 17,
        "icu" => 15,
        _ => 0,
    };
    if major < needed {
        let provider = &database.locale_provider;
        missing.push(Missing::Provider(format!(
            "it has no locale provider {provider} (PostgreSQL {needed} or later has)"
        )));
    }
    if database.icu_rules.is_some() && major < 16 {
        missing.push(Missing::Provider("it has no ICU rules for a database (PostgreSQL 16 or later has)".to_owned()));
    }
    let icu = "SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')";
    if database.locale_provider == "icu" && !ask.one(icu, &[]).await?.get::<_, bool>(0) {
        missing.push(Missing::Provider("it was built without ICU".to_owned()));
    }
    let mut locales = vec![database.collate.as_str()];
    if database.ctype != database.collate {
        locales.push(&database.ctype);
    }
    // A plain dump does not say which it had.
    for locale in locales.into_iter().filter(|locale| !locale.is_empty()) {
        if !ask.has_locale(locale).await? {
            missing.push(Missing::Locale(locale.to_owned()));
        }
    }
    Ok(missing)
}

type Parameter<'a> = &'a (dyn tokio_postgres::types::ToSql + Sync);

struct Asker<'a>(&'a Session);

impl Asker<'_> {
    async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.0.client.query(sql, parameters).await.map_err(|error| self.failed(error))
    }

    async fn one(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<tokio_postgres::Row, Error> {
        self.0.client.query_one(sql, parameters).await.map_err(|error| self.failed(error))
    }

    /// Whether a lock could be had. The session of a run that has just ended may hold its locks for a moment.
    async fn locks(&self, sql: &str, name: &String) -> Result<bool, Error> {
        for _ in 0..TRIES {
            if self.one(sql, &[name]).await?.get(0) {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// The names that a query over an array of names returns.
    async fn absent<S: AsRef<str>>(&self, sql: &str, names: &[S]) -> Result<Vec<String>, Error> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        Ok(self.rows(sql, &[&names]).await?.iter().map(|row| row.get(0)).collect())
    }

    /// Whether the operating system has a locale: setting `lc_monetary` asks it, changes nothing, and everyone may.
    async fn has_locale(&self, locale: &str) -> Result<bool, Error> {
        match self.0.client.query("SELECT set_config('lc_monetary', $1, true)", &[&locale]).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::INVALID_PARAMETER_VALUE) => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, error: tokio_postgres::Error) -> Error {
        let source = Failure::of(self.0, error, Rows::None);
        Error::Step { act: "look whether the server can take the backup".to_owned(), source }
    }
}
