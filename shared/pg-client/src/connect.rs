use std::error::Error as _;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustls::CertificateError;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::error::SqlState;
use tokio_util::either::Either;

use crate::error::Error;
use crate::options::ConnectOptions;
use crate::password::Password;

/// What a session runs over, below TLS.
pub(crate) type Socket = Either<TcpStream, UnixStream>;

/// A dead peer is noticed within 2 minutes, while a long query may stay silent for as long as the peer answers probes.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15)).with_retries(4);

/// Connects to `to`, or else to the first address of the host that answers. `None` as address is a Unix socket's.
pub(crate) async fn open(options: &ConnectOptions, to: Option<IpAddr>) -> Result<(Socket, Option<IpAddr>), Error> {
    let unreachable = |source| Error::Unreachable { server: options.server(), source };
    if options.host.starts_with('/') {
        let path = format!("{}/.s.PGSQL.{}", options.host, options.port);
        return Ok((Either::Right(UnixStream::connect(path).await.map_err(unreachable)?), None));
    }
    let addresses: Vec<SocketAddr> = match to.or(options.pinned) {
        Some(address) => vec![SocketAddr::new(address, options.port)],
        None => tokio::net::lookup_host((options.host.as_str(), options.port))
            .await
            .map_err(|source| Error::Resolve { host: options.host.clone(), source })?
            .collect(),
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(unreachable)?;
                SockRef::from(&stream).set_tcp_keepalive(&KEEPALIVE).map_err(unreachable)?;
                return Ok((Either::Left(stream), Some(address.ip())));
            }
            Err(error) => last = error,
        }
    }
    Err(unreachable(last))
}

/// Says what a failed login means and what to do.
pub(crate) fn explain(options: &ConnectOptions, error: tokio_postgres::Error) -> Error {
    let (server, user, dbname) = (options.server(), options.user.clone(), options.dbname.clone());
    let made = options.password.as_ref().is_some_and(Password::is_made);
    if let Some(code) = error.code() {
        return match *code {
            SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION if made => {
                Error::Token { server, user, source: error }
            }
            SqlState::INVALID_PASSWORD => Error::Password { server, user, source: error },
            SqlState::INVALID_CATALOG_NAME => Error::UnknownDatabase { server, dbname, source: error },
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION | SqlState::INSUFFICIENT_PRIVILEGE => {
                Error::Refused { server, user, dbname, source: error }
            }
            SqlState::TOO_MANY_CONNECTIONS => Error::TooManyConnections { server, source: error },
            _ => Error::Login { server, user, source: error },
        };
    }
    if let Some(tls) = rustls_error(&error) {
        let source = tls.clone();
        return match tls {
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Error::HostName { server, source },
            rustls::Error::InvalidCertificate(_) => Error::Certificate { server, source },
            _ => Error::Tls { server, source: error },
        };
    }
    // tokio-postgres keeps its kinds to itself; its words are all there is to tell them apart.
    match (error.to_string().as_str(), error.source().map(ToString::to_string).as_deref()) {
        ("error performing TLS handshake", Some("server does not support TLS")) => {
            Error::NoTls { server, sslmode: options.sslmode.as_str() }
        }
        ("error performing TLS handshake", _) => Error::Tls { server, source: error },
        ("invalid configuration", Some("password missing")) => Error::Password { server, user, source: error },
        _ => Error::Login { server, user, source: error },
    }
}

fn rustls_error(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An io::Error's source is its payload's source: the payload itself is reached by get_ref.
        if let Some(found) = source
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|payload| payload.downcast_ref::<rustls::Error>())
        {
            return Some(found);
        }
        next = source.source();
    }
    None
}
