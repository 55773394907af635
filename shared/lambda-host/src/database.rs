use std::path::PathBuf;

use anyhow::{Context, Result};
use pg_client::{ConnectOptions, Overrides, RootCertificates, SslMode};

use crate::rds_token;
use crate::secrets::Secrets;
use crate::variables::Variables;

/// Which database, as the template's parameters say.
pub struct DatabaseSettings {
    login: Login,
    overrides: Overrides,
}

/// Who logs in.
enum Login {
    /// Whom the secret with this ARN names, by its password.
    Secret(String),
    /// This role of the database, as which the function's own role may connect to RDS.
    Iam { user: String },
}

impl DatabaseSettings {
    /// From `OFFSITE_DATABASE_*` and `OFFSITE_SSL*`.
    ///
    /// # Errors
    /// The name of a variable that is missing or malformed.
    pub fn from_variables(variables: &Variables) -> Result<Self> {
        let pem = variables.optional("OFFSITE_SSLROOTCERT_PEM").map(|pem| RootCertificates::Pem(pem.into()));
        let path = variables.optional("OFFSITE_SSLROOTCERT").map(|path| RootCertificates::Path(PathBuf::from(path)));
        let login = match variables.optional("OFFSITE_DATABASE_USER") {
            Some(user) => Login::Iam { user: user.to_owned() },
            None => Login::Secret(variables.required("OFFSITE_DATABASE_SECRET")?.to_owned()),
        };
        Ok(Self {
            login,
            overrides: Overrides {
                host: variables.optional("OFFSITE_DATABASE_HOST").map(str::to_owned),
                port: variables.parsed("OFFSITE_DATABASE_PORT")?,
                dbname: variables.optional("OFFSITE_DATABASE_NAME").map(str::to_owned),
                sslmode: variables.parsed::<SslMode>("OFFSITE_SSLMODE")?,
                root_certificates: pem.or(path),
            },
        })
    }

    /// Whether the variables name a login.
    pub fn are_there(variables: &Variables) -> bool {
        ["OFFSITE_DATABASE_SECRET", "OFFSITE_DATABASE_USER"].iter().any(|name| variables.optional(name).is_some())
    }

    /// Completes them by the secret's current content, or by a password that each connection makes anew.
    ///
    /// # Errors
    /// A secret that can't be read, or lacks a field; a setting that is missing without a secret.
    pub async fn connect_options(&self, aws: &aws_config::SdkConfig, secrets: &Secrets) -> Result<ConnectOptions> {
        match &self.login {
            Login::Secret(arn) => {
                let json = secrets.read(arn).await?;
                ConnectOptions::from_secret(&json, &self.overrides)
                    .with_context(|| format!("the secret {arn} of the database"))
            }
            Login::Iam { user } => {
                let mut options = ConnectOptions::from_overrides(user, &self.overrides)?;
                options.password = Some(rds_token::password(aws, &options.server(), user)?);
                Ok(options)
            }
        }
    }
}
