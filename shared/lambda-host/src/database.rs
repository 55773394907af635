use std::path::PathBuf;

use anyhow::{Context, Result};
use pg_client::{ConnectOptions, Overrides, RootCertificates, SslMode};

use crate::secrets::Secrets;
use crate::variables::Variables;

/// Which database, as the template's parameters say.
pub struct DatabaseSettings {
    secret: String,
    overrides: Overrides,
}

impl DatabaseSettings {
    /// From `OFFSITE_DATABASE_*` and `OFFSITE_SSL*`.
    ///
    /// # Errors
    /// The name of a variable that is missing or malformed.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        let pem = variables.optional("OFFSITE_SSLROOTCERT_PEM").map(|pem| RootCertificates::Pem(pem.into()));
        let path = variables.optional("OFFSITE_SSLROOTCERT").map(|path| RootCertificates::Path(PathBuf::from(path)));
        Ok(Self {
            secret: variables.required("OFFSITE_DATABASE_SECRET")?.to_owned(),
            overrides: Overrides {
                host: variables.optional("OFFSITE_DATABASE_HOST").map(str::to_owned),
                port: variables.parsed("OFFSITE_DATABASE_PORT")?,
                dbname: variables.optional("OFFSITE_DATABASE_NAME").map(str::to_owned),
                sslmode: variables.parsed::<SslMode>("OFFSITE_SSLMODE")?,
                root_certificates: pem.or(path),
            },
        })
    }

    /// Completes them by the secret's current content.
    ///
    /// # Errors
    /// A secret that can't be read, or lacks a field.
    pub async fn connect_options(&self, secrets: &Secrets) -> Result<ConnectOptions> {
        let json = secrets.read(&self.secret).await?;
        ConnectOptions::from_secret(&json, &self.overrides)
            .with_context(|| format!("the secret {} of the database", self.secret))
    }
}
