use std::time::Duration;

use crate::error::Error;
use crate::options::{ConnectOptions, RootCertificates};
use crate::password::Password;

/// What a URL gave so far; libpq lets the query repeat and override the parts before it.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    dbname: Option<String>,
    user: Option<String>,
    password: Option<Password>,
}

impl ConnectOptions {
    /// Parses `postgresql://user:password@host:port/dbname?option=value&…` (libpq, "Connection URIs").
    ///
    /// Options: `sslmode`, `sslrootcert` (a path, or `system` for the public authorities), `connect_timeout` (seconds),
    /// `application_name`, `host`, `port`, `dbname`, `user`, `password`. Everything may be percent-encoded. Several hosts, and
    /// options that libpq knows and this doesn't, are errors rather than ignored.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::UnknownOption`], [`Error::Missing`] or [`Error::SslMode`]; none shows the URL, which may hold a
    /// password.
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let rest = url
            .strip_prefix("postgresql://")
            .or_else(|| url.strip_prefix("postgres://"))
            .ok_or_else(|| malformed("it doesn't begin with postgresql://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut parts = Parts::default();
        parts.read_authority(authority)?;
        if !path.is_empty() {
            parts.dbname = Some(decode(path, "the database's name")?);
        }

        let mut options = Self::new("", 5432, "", "");
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| malformed("an option has no value"))?;
            let key = decode(key, "an option's name")?;
            let value = decode(value, &format!("option {key}"))?;
            if !parts.read_option(&key, &value)? && !options.read_option(&key, &value)? {
                return Err(Error::UnknownOption { name: key });
            }
        }

        let missing = |field| Error::Missing { field, place: "the connection URL" };
        options.host = parts.host.filter(|host| !host.is_empty()).ok_or_else(|| missing("host"))?;
        options.user = parts.user.filter(|user| !user.is_empty()).ok_or_else(|| missing("user"))?;
        options.dbname = parts.dbname.filter(|name| !name.is_empty()).ok_or_else(|| missing("dbname"))?;
        options.port = parts.port.unwrap_or(5432);
        options.password = parts.password;
        Ok(options)
    }

    fn read_option(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        match key {
            "sslmode" => self.sslmode = value.parse()?,
            "sslrootcert" if value == "system" => self.root_certificates = RootCertificates::Public,
            "sslrootcert" => self.root_certificates = RootCertificates::Path(value.into()),
            "connect_timeout" => {
                let seconds = value.parse().map_err(|_| malformed("connect_timeout isn't a number of seconds"))?;
                self.connect_timeout = Duration::from_secs(seconds);
            }
            "application_name" => self.application_name = value.to_owned(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Parts {
    fn read_authority(&mut self, authority: &str) -> Result<(), Error> {
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, authority),
        };
        if let Some(credentials) = credentials {
            let (user, password) = match credentials.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (credentials, None),
            };
            self.user = Some(decode(user, "the user")?);
            self.password = password.map(|text| decode(text, "the password")).transpose()?.map(Password::new);
        }
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or_else(|| malformed("the IPv6 address has no ]"))?;
                match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if rest.is_empty() => (host, None),
                    None => return Err(malformed("text follows the IPv6 address")),
                }
            }
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (address, None),
            },
        };
        if host.contains(',') {
            return Err(malformed("it names several hosts"));
        }
        self.host = Some(decode(host, "the host")?);
        if let Some(port) = port.filter(|port| !port.is_empty()) {
            self.port = Some(read_port(port)?);
        }
        Ok(())
    }

    fn read_option(&mut self, key: &str, value: &str) -> Result<bool, Error> {
        match key {
            "host" if value.contains(',') => return Err(malformed("it names several hosts")),
            "host" => self.host = Some(value.to_owned()),
            "port" => self.port = Some(read_port(value)?),
            "dbname" => self.dbname = Some(value.to_owned()),
            "user" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Password::new(value.to_owned())),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn read_port(text: &str) -> Result<u16, Error> {
    text.parse().map_err(|_| malformed("the port isn't a number up to 65535"))
}

/// Percent-decodes. `what` names the part, never its content.
fn decode(text: &str, what: &str) -> Result<String, Error> {
    let wrong = || Error::Url { what: format!("{what} isn't percent-encoded UTF-8") };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.get(..2).and_then(|pair| std::str::from_utf8(pair).ok()).ok_or_else(wrong)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        match u8::from_str_radix(digits, 16) {
            Ok(value) if value != 0 => bytes.push(value),
            _ => return Err(wrong()),
        }
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn malformed(what: &str) -> Error {
    Error::Url { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::options::SslMode;

    #[test]
    fn url_gives_all_parts() {
        let options = ConnectOptions::from_url(
            "postgresql://us%40er:p%3Aa%2Fs%25s@db.example.com:6543/my%20db?sslmode=verify-ca&sslrootcert=/etc/ca.pem\
             &connect_timeout=3&application_name=x%26y",
        )
        .unwrap();
        assert_eq!(
            (&*options.host, options.port, &*options.user, &*options.dbname),
            ("db.example.com", 6543, "us@er", "my db")
        );
        assert_eq!(options.password.unwrap().known(), Some("p:a/s%s"));
        assert_eq!(options.sslmode, SslMode::VerifyCa);
        assert_eq!(options.root_certificates, RootCertificates::Path("/etc/ca.pem".into()));
        assert_eq!((options.connect_timeout, &*options.application_name), (Duration::from_secs(3), "x&y"));
    }

    #[test]
    fn url_defaults_are_port_5432_and_a_verified_server() {
        let options = ConnectOptions::from_url("postgres://u@h/d").unwrap();
        assert_eq!((options.port, options.sslmode), (5432, SslMode::VerifyFull));
        assert_eq!(options.root_certificates, RootCertificates::Public);
        assert_eq!(options.application_name, "offsite");
        assert!(options.password.is_none());
    }

    #[test]
    fn url_takes_ipv6_addresses_and_socket_directories() {
        let options = ConnectOptions::from_url("postgresql://u@[2001:db8::1]:5433/d").unwrap();
        assert_eq!((&*options.host, options.port), ("2001:db8::1", 5433));
        assert_eq!(options.server(), "[2001:db8::1]:5433");
        let options = ConnectOptions::from_url("postgresql://u@%2Frun%2Fpostgresql/d").unwrap();
        assert_eq!(options.host, "/run/postgresql");
        let options = ConnectOptions::from_url("postgresql:///d?host=/run/postgresql&user=u&port=5434").unwrap();
        assert_eq!((&*options.host, options.port, &*options.user), ("/run/postgresql", 5434, "u"));
    }

    #[test]
    fn url_errors_name_the_part_and_never_the_password() {
        for (url, named) in [
            ("mysql://u:s3cret@h/d", "postgresql://"),
            ("postgresql://u:s3cret@h:99999/d", "port"),
            ("postgresql://u:s3cret%zz@h/d", "password"),
            ("postgresql://u:s3cret%0@h/d", "password"),
            ("postgresql://u:s3cret@a,b/d", "several hosts"),
            ("postgresql://u:s3cret@[::1/d", "IPv6"),
            ("postgresql://u:s3cret@h/d?sslmode=on", "sslmode"),
            ("postgresql://u:s3cret@h/d?sslkey=x", "sslkey"),
            ("postgresql://u:s3cret@h/d?connect_timeout=soon", "connect_timeout"),
            ("postgresql://u:s3cret@h", "dbname"),
            ("postgresql://u:s3cret@/d", "host"),
            ("postgresql://h/d", "user"),
        ] {
            let error = ConnectOptions::from_url(url).unwrap_err();
            assert!(error.to_string().contains(named), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn options_never_show_the_password() {
        let options = ConnectOptions::from_url("postgresql://u:s3cret@h/d").unwrap();
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
