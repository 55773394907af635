//! The roles that a backup names and the server has not, made as they were.

use pg_client::Session;
use sql_text::split;

use crate::error::Error;
use crate::failure::{Failure, Rows};

/// What the statements of a backup's roles look the existing ones up in; and a role that is no superuser must be a member of what
/// it makes before it can make it an owner.
const BEFORE: &str = "\
    BEGIN; CREATE TEMPORARY TABLE existing_roles ON COMMIT DROP AS SELECT rolname FROM pg_catalog.pg_roles; \
    SELECT pg_catalog.set_config(name, 'set, inherit', true) FROM pg_catalog.pg_settings WHERE name = 'createrole_self_grant'";
/// Until PostgreSQL 15, who may make roles may be a member of any.
const JOIN: &str = "\
    SELECT pg_catalog.format('GRANT %I TO CURRENT_USER', m.name) \
    FROM unnest($1::text[]) AS m(name), pg_catalog.pg_roles u WHERE u.rolname = current_user AND NOT u.rolsuper \
    AND pg_catalog.current_setting('server_version_num')::int < 160000 \
    AND EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = m.name AND NOT r.rolsuper)";

/// Makes those of `needed` that are missing, all or none, and what they are members of. `roles`: the SQL that the backup has for it.
/// Returns what only a superuser may do.
pub(crate) async fn make(session: &Session, roles: Option<Vec<u8>>, needed: &[String]) -> Result<Vec<String>, Error> {
    let failed = |error| Error::Roles(Failure::of(session, error, Rows::None));
    let missing = "SELECT unnest($1::text[]) EXCEPT SELECT rolname FROM pg_catalog.pg_roles ORDER BY 1";
    let missing = session.client.query(missing, &[&needed]).await.map_err(failed)?;
    let missing: Vec<String> = missing.iter().map(|row| row.get(0)).collect();
    let Some(sql) = roles.filter(|_| !missing.is_empty()) else { return Ok(Vec::new()) };
    session.client.batch_execute(BEFORE).await.map_err(failed)?;
    let mut refused = Vec::new();
    for statement in split(&sql) {
        let statement = statement.map_err(|source| Error::Split { section: 0, source })?;
        let whole = &sql[statement.sql().whole.clone()];
        if whole.windows(13).any(|line| line == b"\n-- Database ") {
            // What follows is about the database that was backed up.
            break;
        }
        let Ok(text) = std::str::from_utf8(statement.sql().text) else { continue };
        if !text.starts_with("DO ") {
            continue;
        }
        session.client.batch_execute("SAVEPOINT offsite_role").await.map_err(failed)?;
        match session.client.batch_execute(text).await {
            Ok(()) => {}
            Err(error) if error.code().is_some_and(|code| code.code() == "42501") => {
                let said = error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
                let title = String::from_utf8_lossy(whole);
                let title = title.lines().find_map(|line| line.strip_prefix("-- ")).unwrap_or("a role").to_owned();
                refused.push(format!("{title} ({said})"));
                session.client.batch_execute("ROLLBACK TO SAVEPOINT offsite_role").await.map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    for row in session.client.query(JOIN, &[&missing]).await.map_err(failed)? {
        session.client.batch_execute(row.get(0)).await.map_err(failed)?;
    }
    session.client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(refused)
}
