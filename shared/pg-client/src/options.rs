use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;
use crate::password::Password;

/// How to reach a database. Made by [`ConnectOptions::from_url`], [`ConnectOptions::from_secret`] or field by field from
/// [`ConnectOptions::new`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Host name, IP address, or the directory of a Unix socket (starts with `/`).
    pub host: String,
    /// Port, 5432 by default.
    pub port: u16,
    /// Name of the database.
    pub dbname: String,
    /// Name of the role.
    pub user: String,
    /// The role's password, if it has one.
    pub password: Option<Password>,
    /// Whether TLS is used and how far the server is verified; `verify-full` by default.
    pub sslmode: SslMode,
    /// Who may have signed the server's certificate.
    pub root_certificates: RootCertificates,
    /// Time for resolving, connecting, the TLS handshake and logging in, together; 10 s by default.
    pub connect_timeout: Duration,
    /// Shown in `pg_stat_activity`; `offsite` by default.
    pub application_name: String,
    /// Connect to this address; `host` then only names the server for the verification of its certificate.
    pub pinned: Option<IpAddr>,
}

/// libpq's six words. The default is `verify-full` and not libpq's `prefer`, which accepts any server, or none of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only if the server refuses a session without it. The server isn't verified.
    Allow,
    /// TLS if the server has it. The server isn't verified.
    Prefer,
    /// TLS. The server isn't verified, unless root certificates are given: then as `verify-ca`, as libpq does.
    Require,
    /// TLS, and the server's certificate is signed by one of the root certificates.
    VerifyCa,
    /// As `verify-ca`, and the certificate is for `host`.
    #[default]
    VerifyFull,
}

impl SslMode {
    /// libpq's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl FromStr for SslMode {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        [Self::Disable, Self::Allow, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or_else(|| Error::SslMode { word: word.to_owned() })
    }
}

/// Who may have signed the server's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RootCertificates {
    /// The authorities that browsers trust (Mozilla's list), and Amazon RDS's own; both are compiled in.
    #[default]
    Public,
    /// A file of PEM certificates.
    Path(PathBuf),
    /// PEM certificates.
    Pem(String),
}

impl ConnectOptions {
    /// The required parts, and defaults for the others.
    pub fn new(host: impl Into<String>, port: u16, user: impl Into<String>, dbname: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            dbname: dbname.into(),
            user: user.into(),
            password: None,
            sslmode: SslMode::default(),
            root_certificates: RootCertificates::default(),
            connect_timeout: Duration::from_secs(10),
            application_name: "offsite".to_owned(),
            pinned: None,
        }
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_dbname(mut self, name: impl Into<String>) -> Self {
        self.dbname = name.into();
        self
    }

    /// The same server by its address, so that all sessions of a run meet the same one behind a name of several.
    #[must_use]
    pub fn pinned_to(mut self, address: IpAddr) -> Self {
        self.pinned = Some(address);
        self
    }

    /// Takes the password from `PGPASSWORD`, if that is set and none was given. Nothing else reads the environment.
    #[must_use]
    pub fn with_password_from_environment(mut self) -> Self {
        if self.password.is_none() {
            self.password = std::env::var("PGPASSWORD").ok().map(Password::new);
        }
        self
    }

    /// `host:port`, as messages name the server.
    pub fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}
