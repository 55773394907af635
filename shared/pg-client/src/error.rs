use std::io;
use std::path::PathBuf;

/// What keeps us from a database. No message or `Debug` holds a password or a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection URL isn't one.
    #[error(
        "the connection URL is malformed: {what} HINT: Write it as postgresql://user:password@host:5432/dbname, with special characters percent-encoded."
    )]
    Url {
        /// What is wrong with it.
        what: String,
    },
    /// The connection URL has an option that we don't know.
    #[error(
        "the connection URL has the unknown option {name:?} HINT: Known are sslmode, sslrootcert, connect_timeout, application_name, host, port, dbname, user and password."
    )]
    UnknownOption {
        /// The option's name.
        name: String,
    },
    /// Not one of libpq's words.
    #[error(
        "sslmode {word:?} is unknown HINT: It is one of disable, allow, prefer, require, verify-ca and verify-full."
    )]
    SslMode {
        /// The word.
        word: String,
    },
    /// A field is missing.
    #[error("{place} has no {field} HINT: Add {field} to it, or configure it beside it.")]
    Missing {
        /// The field.
        field: &'static str,
        /// Where it is missing.
        place: &'static str,
    },
    /// The database's secret isn't JSON of the known shape.
    #[error(
        "the database's secret is not JSON of the expected shape, at line {line} column {column} HINT: Expected are username and password, and optionally host, port and dbname, as Amazon RDS writes them."
    )]
    Secret {
        /// Line of the secret, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// The port in the database's secret isn't one.
    #[error("port in the database's secret is not a number up to 65535")]
    SecretPort,
    /// The file of root certificates can't be read.
    #[error("read the root certificates {}", path.display())]
    ReadRootCertificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Root certificates that aren't.
    #[error("the root certificates hold no valid PEM certificate: {what}")]
    RootCertificates {
        /// What is wrong with them.
        what: String,
    },
    /// `verify-ca` with the public authorities verifies nothing: anyone can get such a certificate.
    #[error(
        "sslmode=verify-ca needs root certificates of its own HINT: Set sslrootcert to the server's authority, or use sslmode=verify-full."
    )]
    WeakVerification,
    /// The TLS configuration can't be made.
    #[error("prepare TLS")]
    TlsConfiguration(#[source] rustls::Error),
    /// The host's name has no address.
    #[error("resolve the host {host} HINT: Check the name, and that the resolver of this network knows it.")]
    Resolve {
        /// The host.
        host: String,
        /// The resolver's error.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error(
        "{server} did not answer within {seconds} s HINT: The database's security group probably has no rule that lets this side's in at that port. Else check host, port, and that a subnet route leads there."
    )]
    Timeout {
        /// `host:port`.
        server: String,
        /// The connect timeout.
        seconds: u64,
    },
    /// The network says no.
    #[error(
        "connect to {server} HINT: Check host and port, that the server runs, its security group and the subnet route."
    )]
    Unreachable {
        /// `host:port`.
        server: String,
        /// The network's error.
        #[source]
        source: io::Error,
    },
    /// TLS is asked for and the server has none.
    #[error(
        "{server} does not offer TLS and sslmode={sslmode} asks for it HINT: Turn on ssl at the server, or set sslmode=disable if the network between is yours."
    )]
    NoTls {
        /// `host:port`.
        server: String,
        /// The mode.
        sslmode: &'static str,
    },
    /// The server's certificate is signed by none of the root certificates, or is otherwise not valid.
    #[error(
        "the certificate of {server} is not trusted HINT: Set sslrootcert to the authority that signed it. Amazon RDS's and the public ones are known."
    )]
    Certificate {
        /// `host:port`.
        server: String,
        /// The verifier's reason.
        #[source]
        source: rustls::Error,
    },
    /// The server's certificate is another's.
    #[error(
        "the certificate of {server} is for another host HINT: Connect by the name in the certificate; sslmode=verify-ca does not compare names."
    )]
    HostName {
        /// `host:port`.
        server: String,
        /// The verifier's reason, with the names in the certificate.
        #[source]
        source: rustls::Error,
    },
    /// The handshake failed otherwise.
    #[error("shake hands over TLS with {server}")]
    Tls {
        /// `host:port`.
        server: String,
        /// The reason.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The password is wrong, or missing.
    #[error(
        "{server} refused the password of user {user} HINT: Check that the secret holds the role's current password."
    )]
    Password {
        /// `host:port`.
        server: String,
        /// The role.
        user: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// The password that is made for each connection could not be made.
    #[error("make the password of user {user}")]
    NoPassword {
        /// The role.
        user: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The password that was made for this connection is refused.
    #[error(
        "{server} does not let user {user} in by RDS IAM authentication HINT: Check that it is enabled there, that the role was granted rds_iam, and that host and port are the database's own, not an alias: the password is signed for them."
    )]
    Token {
        /// `host:port`.
        server: String,
        /// The role.
        user: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// No such database.
    #[error("database {dbname} does not exist at {server} HINT: Check dbname.")]
    UnknownDatabase {
        /// `host:port`.
        server: String,
        /// The database.
        dbname: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// `pg_hba.conf`, a missing CONNECT privilege or a role that may not log in.
    #[error(
        "{server} does not let user {user} into database {dbname} HINT: Check the role's LOGIN and CONNECT, and pg_hba.conf; servers that force TLS refuse sslmode=disable."
    )]
    Refused {
        /// `host:port`.
        server: String,
        /// The role.
        user: String,
        /// The database.
        dbname: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// All connection slots are taken.
    #[error("{server} has no connection left HINT: Raise max_connections, or free some.")]
    TooManyConnections {
        /// `host:port`.
        server: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// Anything else that the server said while we logged in.
    #[error("log in to {server} as {user}")]
    Login {
        /// `host:port`.
        server: String,
        /// The role.
        user: String,
        /// The server's message.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A running statement could not be cancelled.
    #[error("cancel the statement at {server}")]
    Cancel {
        /// `host:port`.
        server: String,
        /// The reason.
        #[source]
        source: tokio_postgres::Error,
    },
}
