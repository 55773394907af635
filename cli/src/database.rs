//! Which database a command connects to.

use anyhow::{Context, Result, bail};
use clap::Args;
use lambda_host::{DatabaseSettings, Secrets, Variables};
use pg_client::{ConnectOptions, Password, RootCertificates};

use crate::place::aws_config;

/// The database: by a URL, by a secret as RDS keeps it, or by variables of the environment.
#[derive(Args)]
pub(crate) struct DatabasePlace {
    /// postgresql://USER@HOST[:PORT]/DATABASE[?sslmode=verify-full&sslrootcert=FILE]; the password better from PGPASSWORD.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    database_url: Option<String>,
    /// Name or ARN of a secret with the login, as RDS keeps it. OFFSITE_DATABASE_HOST, _PORT, _NAME, OFFSITE_SSLMODE and
    /// OFFSITE_SSLROOTCERT complete or overrule it.
    #[arg(long, env = "OFFSITE_DATABASE_SECRET", value_name = "SECRET")]
    database_secret: Option<String>,
}

const NONE: &str = "no database is given HINT: Give --database-url or --database-secret, or set POSTGRESQL_HOST, _USER, _PASSWORD and _DATABASE.";

impl DatabasePlace {
    /// The database itself.
    pub(crate) async fn source(&self) -> Result<ConnectOptions> {
        let mut variables: Vec<_> = environment().collect();
        if let Some(secret) = &self.database_secret {
            variables.push(("OFFSITE_DATABASE_SECRET".to_owned(), secret.clone()));
        }
        let variables: Variables = variables.into_iter().collect();
        match (&self.database_url, DatabaseSettings::are_there(&variables)) {
            (Some(_), true) => bail!(
                "there are two logins, a URL (--database-url, DATABASE_URL) and a secret or role (--database-secret, OFFSITE_DATABASE_SECRET, OFFSITE_DATABASE_USER) HINT: Give one."
            ),
            (Some(url), false) => Ok(ConnectOptions::from_url(url)?.with_password_from_environment()),
            (None, true) => {
                let aws = aws_config().await;
                DatabaseSettings::from_variables(&variables)?.connect_options(&aws, &Secrets::new(&aws)).await
            }
            (None, false) => of_older_tool(&variables)?.context(NONE),
        }
    }

    /// The server, with a database to connect to while the one that is meant does not exist: a URL names it, otherwise it is
    /// `postgres`.
    pub(crate) async fn server(&self) -> Result<ConnectOptions> {
        let source = self.source().await?;
        Ok(if self.database_url.is_some() { source } else { source.with_dbname("postgres") })
    }
}

/// What is no UTF-8 names no database.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// As DefectDojo's tool was told its database. TLS is as everywhere here: verified, unless `OFFSITE_SSLMODE` says otherwise.
fn of_older_tool(variables: &Variables) -> Result<Option<ConnectOptions>> {
    let Some(host) = variables.optional("POSTGRESQL_HOST") else { return Ok(None) };
    let needed = |name| variables.optional(name).with_context(|| format!("POSTGRESQL_HOST is set, and {name} is not"));
    let port = variables.parsed("POSTGRESQL_PORT")?.unwrap_or(5432);
    let mut options = ConnectOptions::new(host, port, needed("POSTGRESQL_USER")?, needed("POSTGRESQL_DATABASE")?);
    options.password = Some(Password::new(needed("POSTGRESQL_PASSWORD")?.to_owned()));
    options.sslmode = variables.parsed("OFFSITE_SSLMODE")?.unwrap_or_default();
    if let Some(path) = variables.optional("OFFSITE_SSLROOTCERT") {
        options.root_certificates = RootCertificates::Path(path.into());
    }
    Ok(Some(options))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pg_client::SslMode;

    fn variables(more: &[(&str, &str)]) -> Variables {
        let host = [("POSTGRESQL_HOST", "db"), ("POSTGRESQL_USER", "app"), ("POSTGRESQL_PASSWORD", "secret word")];
        host.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn older_tools_variables_name_the_database() {
        let options = of_older_tool(&variables(&[("POSTGRESQL_DATABASE", "shop")])).unwrap().unwrap();
        assert_eq!((&*options.server(), &*options.user, &*options.dbname), ("db:5432", "app", "shop"));
        assert_eq!(options.sslmode, SslMode::VerifyFull);
        let more = [("POSTGRESQL_DATABASE", "shop"), ("POSTGRESQL_PORT", "3000"), ("OFFSITE_SSLMODE", "disable")];
        let options = of_older_tool(&variables(&more)).unwrap().unwrap();
        assert_eq!((&*options.server(), options.sslmode), ("db:3000", SslMode::Disable));
        assert!(of_older_tool(&[].into_iter().collect()).unwrap().is_none());
    }

    #[test]
    fn missing_one_of_them_is_named_and_the_password_is_not_shown() {
        let error = of_older_tool(&variables(&[])).unwrap_err().to_string();
        assert!(error.contains("POSTGRESQL_DATABASE") && !error.contains("secret word"), "{error}");
    }
}
