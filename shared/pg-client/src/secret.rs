use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::options::{ConnectOptions, RootCertificates, SslMode};
use crate::password::Password;

/// Parts of a connection that are configured beside a secret; each one that is given wins over the secret's.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Host name or address.
    pub host: Option<String>,
    /// Port.
    pub port: Option<u16>,
    /// Name of the database.
    pub dbname: Option<String>,
    /// Whether TLS is used and how far the server is verified.
    pub sslmode: Option<SslMode>,
    /// Who may have signed the server's certificate.
    pub root_certificates: Option<RootCertificates>,
}

/// The secret's shape: as Amazon RDS and Secrets Manager's rotation functions write it. Other fields
/// (`dbInstanceIdentifier`, `engine`, …) say nothing that a connection needs.
#[derive(Deserialize)]
struct Secret {
    username: Option<String>,
    password: Option<Password>,
    host: Option<String>,
    port: Option<Value>,
    dbname: Option<String>,
}

impl ConnectOptions {
    /// Reads a secret's JSON: `username`, `password`, and `host`, `port`, `dbname` from it or from `overrides`.
    ///
    /// # Errors
    /// [`Error::Secret`] for what isn't such JSON, [`Error::Missing`] naming the field; never showing the secret.
    pub fn from_secret(json: &str, overrides: &Overrides) -> Result<Self, Error> {
        // serde's own message may quote the secret; only its position is kept.
        let secret: Secret =
            serde_json::from_str(json).map_err(|error| Error::Secret { line: error.line(), column: error.column() })?;
        let missing = |field| Error::Missing { field, place: "the database's secret" };
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let host = given(overrides.host.clone()).or(given(secret.host)).ok_or_else(|| missing("host"))?;
        let port = match overrides.port {
            Some(port) => port,
            None => read_port(secret.port.as_ref())?,
        };
        let user = given(secret.username).ok_or_else(|| missing("username"))?;
        let dbname = given(overrides.dbname.clone()).or(given(secret.dbname)).ok_or_else(|| missing("dbname"))?;
        let password = Some(secret.password.ok_or_else(|| missing("password"))?);
        Ok(Self { password, ..Self::new(host, port, user, dbname).secured_as(overrides) })
    }

    /// Without a secret: all from `overrides` but the role's name, and no password yet.
    ///
    /// # Errors
    /// [`Error::Missing`] naming the field.
    pub fn from_overrides(user: &str, overrides: &Overrides) -> Result<Self, Error> {
        let given = |text: &Option<String>, field| {
            let text = text.clone().filter(|text| !text.is_empty());
            text.ok_or(Error::Missing { field, place: "the database's configuration" })
        };
        let (host, dbname) = (given(&overrides.host, "host")?, given(&overrides.dbname, "dbname")?);
        Ok(Self::new(host, overrides.port.unwrap_or(5432), user, dbname).secured_as(overrides))
    }

    fn secured_as(mut self, overrides: &Overrides) -> Self {
        self.sslmode = overrides.sslmode.unwrap_or_default();
        self.root_certificates = overrides.root_certificates.clone().unwrap_or_default();
        self
    }
}

/// A number, or digits in a string, which rotation functions write too; 5432 if absent.
fn read_port(value: Option<&Value>) -> Result<u16, Error> {
    let port = match value {
        None | Some(Value::Null) => return Ok(5432),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(_) => None,
    };
    port.ok_or(Error::SecretPort)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RDS: &str = r#"{"username":"app","password":"s3cret","engine":"postgres","host":"db.example.com","port":5433,
        "dbname":"shop","dbInstanceIdentifier":"shop-1"}"#;

    #[test]
    fn secret_as_rds_writes_it_gives_all_parts() {
        let options = ConnectOptions::from_secret(RDS, &Overrides::default()).unwrap();
        assert_eq!(
            (&*options.host, options.port, &*options.user, &*options.dbname),
            ("db.example.com", 5433, "app", "shop")
        );
        assert_eq!(options.password.unwrap().known(), Some("s3cret"));
    }

    #[test]
    fn secret_of_only_a_login_is_completed_by_overrides_which_win() {
        let overrides = Overrides {
            host: Some("h".into()),
            port: Some(6000),
            dbname: Some("other".into()),
            sslmode: Some(SslMode::Require),
            ..Overrides::default()
        };
        let login = r#"{"username":"app","password":"s3cret"}"#;
        for json in [login, RDS] {
            let options = ConnectOptions::from_secret(json, &overrides).unwrap();
            assert_eq!((&*options.host, options.port, &*options.dbname), ("h", 6000, "other"));
            assert_eq!(options.sslmode, SslMode::Require);
            assert_eq!(options.sslmode, SslMode::Require);
        }
    }

    #[test]
    fn overrides_alone_name_what_they_lack() {
        let overrides = Overrides { host: Some("h".into()), dbname: Some("d".into()), ..Overrides::default() };
        let options = ConnectOptions::from_overrides("app", &overrides).unwrap();
        assert_eq!((&*options.host, options.port, &*options.user, &*options.dbname), ("h", 5432, "app", "d"));
        assert!(options.password.is_none() && options.sslmode == SslMode::VerifyFull);
        let lacking = Overrides { dbname: None, ..overrides };
        let error = ConnectOptions::from_overrides("app", &lacking).unwrap_err().to_string();
        assert!(error.contains("has no dbname"), "{error}");
    }

    #[test]
    fn secret_errors_name_the_field_and_never_the_content() {
        for (json, named) in [
            ("s3cret", "JSON"),
            (r#"{"username":"app","password":"s3cret""#, "JSON"),
            (r#"{"username":"app","password":["s3cret"],"host":"h"}"#, "JSON"),
            (r#"["s3cret"]"#, "JSON"),
            (r#"{"password":"s3cret","host":"h","dbname":"d"}"#, "username"),
            (r#"{"username":"s3cret","host":"h","dbname":"d"}"#, "password"),
            (r#"{"username":"app","password":"s3cret","dbname":"d"}"#, "host"),
            (r#"{"username":"app","password":"s3cret","host":"h"}"#, "dbname"),
            (r#"{"username":"app","password":"s3cret","host":"h","dbname":"d","port":"s3cret"}"#, "port"),
        ] {
            let error = ConnectOptions::from_secret(json, &Overrides::default()).unwrap_err();
            assert!(error.to_string().contains(named), "{json}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{json}");
        }
    }
}
