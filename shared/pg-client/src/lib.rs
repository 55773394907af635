//! Connections to PostgreSQL: from a URL or a secret, over TLS by rustls, with errors that say what to do.
//!
//! `tokio-postgres` speaks the protocol; this crate adds what it leaves to its callers: libpq's `sslmode`s with a verified
//! server by default, cancelling over the same TLS, an owned connection task, keepalives.

mod connect;
mod copy_out;
mod error;
mod options;
mod password;
mod secret;
mod session;
mod tls;
mod url;

pub use copy_out::CopyOut;
pub use error::Error;
pub use options::{ConnectOptions, RootCertificates, SslMode};
pub use password::Password;
pub use secret::Overrides;
pub use session::{Canceller, Session};
