use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Negotiation;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connect::{Socket, explain, open};
use crate::copy_out::Loan;
use crate::copy_out::stream::{Handshake, Messages};
use crate::error::Error;
use crate::options::{ConnectOptions, SslMode};
use crate::tls::connector;

/// How long a polite goodbye may take before the socket is closed without it.
const GOODBYE: Duration = Duration::from_secs(5);

/// A connection to a database. Dropping it closes the socket at once, even in the middle of a COPY; [`Session::close`] says
/// goodbye first.
pub struct Session {
    /// The protocol's client. Its calls fail once the connection is lost; [`Session::why_lost`] then knows more.
    pub client: Client,
    canceller: Canceller,
    connection: Connection,
    lost: Arc<OnceLock<(String, Option<SqlState>)>>,
    pub(crate) loan: Arc<Loan>,
    /// Whether nothing comes any more of the last COPY that was read. Held by the one that is being read.
    pub(crate) last_copy_ended: Mutex<bool>,
    warnings: Warnings,
}

/// What the server warned of and nobody has taken yet.
type Warnings = Arc<std::sync::Mutex<VecDeque<DbError>>>;

/// Warnings that wait to be taken, at most: of more, the oldest are forgotten.
const WARNINGS: usize = 100;

impl Session {
    /// Connects and logs in.
    ///
    /// # Errors
    /// [`Error`], saying what to do about it, within `connect_timeout`.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, Error> {
        let tls = connector(options)?;
        let (first, otherwise) = match options.sslmode {
            // A Unix socket has no TLS, whatever the mode, as in libpq.
            _ if options.host.starts_with('/') => (Negotiation::Disable, None),
            SslMode::Disable => (Negotiation::Disable, None),
            SslMode::Allow => (Negotiation::Disable, Some(Negotiation::Require)),
            SslMode::Prefer => (Negotiation::Require, Some(Negotiation::Disable)),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Negotiation::Require, None),
        };
        let connecting = async {
            match Self::attempt(options, &tls, first).await {
                Err(error) if may_try_otherwise(&error) => match otherwise {
                    // Whichever got as far as the login says more than "no TLS" does.
                    Some(second) => Self::attempt(options, &tls, second).await.map_err(|second| match error {
                        Error::NoTls { .. } => second,
                        _ => error,
                    }),
                    None => Err(error),
                },
                done => done,
            }
        };
        match tokio::time::timeout(options.connect_timeout, connecting).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { server: options.server(), seconds: options.connect_timeout.as_secs() }),
        }
    }

    async fn attempt(
        options: &ConnectOptions,
        tls: &MakeRustlsConnect,
        negotiation: Negotiation,
    ) -> Result<Self, Error> {
        let (socket, address) = open(options, None).await?;
        let mut config = Config::new();
        config
            .user(&options.user)
            .dbname(&options.dbname)
            .application_name(&options.application_name)
            .ssl_mode(negotiation);
        if let Some(password) = &options.password {
            let made = password.reveal().await;
            let made = made.map_err(|source| Error::NoPassword { user: options.user.clone(), source })?;
            config.password(made.as_bytes());
        }
        let loan = Arc::new(Loan::default());
        let plain = negotiation == Negotiation::Disable;
        let socket = Messages::new(socket, plain.then(|| Arc::clone(&loan)));
        let handshake = Handshake { tls: handshake::<Messages<Socket>>(tls, &options.host), loan: Arc::clone(&loan) };
        let (client, connection) =
            config.connect_raw(socket, handshake).await.map_err(|error| explain(options, error))?;
        let lost = Arc::new(OnceLock::new());
        let reason = Arc::clone(&lost);
        let warnings = Warnings::default();
        let warned = Arc::clone(&warnings);
        let connection = Connection(tokio::spawn(async move {
            // Requests learn that it is closed when it is dropped: once the reason can be asked for.
            let mut connection = connection;
            while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    // Kept before the statement's own end is read: whoever has that finds its warnings.
                    Ok(AsyncMessage::Notice(notice)) => keep(&warned, notice),
                    Ok(_) => {}
                    Err(error) => {
                        let _ = reason.set((with_sources(&error), error.code().cloned()));
                        break;
                    }
                }
            }
        }));
        let token = client.cancel_token();
        let canceller = Canceller { token, options: options.clone(), tls: tls.clone(), address };
        Ok(Self { client, canceller, connection, lost, loan, last_copy_ended: Mutex::new(true), warnings })
    }

    /// The server's address; `None` over a Unix socket. Give it to [`ConnectOptions::pinned_to`] to meet the same server again.
    pub fn address(&self) -> Option<IpAddr> {
        self.canceller.address
    }

    /// The options this session was made by.
    pub fn options(&self) -> &ConnectOptions {
        &self.canceller.options
    }

    /// Why the connection ended by itself, if it did: what `connection closed` doesn't say.
    pub fn why_lost(&self) -> Option<&str> {
        self.lost.get().map(|(reason, _)| reason.as_str())
    }

    /// The server's code of why it ended the connection by itself, if it did and said so.
    pub fn lost_code(&self) -> Option<&SqlState> {
        self.lost.get().and_then(|(_, code)| code.as_ref())
    }

    /// What the server has warned of since this was last asked for: warnings, whose codes are of class 01, and no other notices.
    pub fn take_warnings(&self) -> Vec<DbError> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }

    /// What cancels this session's statements from elsewhere.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// [`Canceller::cancel`] of this session.
    ///
    /// # Errors
    /// As there.
    pub async fn cancel(&self) -> Result<(), Error> {
        self.canceller.cancel().await
    }

    /// Says goodbye and waits until the connection is closed, a few seconds at most.
    pub async fn close(self) {
        let Self { client, mut connection, .. } = self;
        drop(client);
        let _ = tokio::time::timeout(GOODBYE, &mut connection.0).await;
    }
}

/// Cancels the statements of one session, wherever that session is.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    options: ConnectOptions,
    tls: MakeRustlsConnect,
    address: Option<IpAddr>,
}

impl Canceller {
    /// Asks the server to cancel the running statement, over a connection of its own under the same TLS. The statement's own
    /// result tells whether it worked.
    ///
    /// # Errors
    /// [`Error`] if the server isn't reached within `connect_timeout`.
    pub async fn cancel(&self) -> Result<(), Error> {
        let cancelling = async {
            let (socket, _) = open(&self.options, self.address).await?;
            self.token
                .cancel_query_raw(socket, handshake::<Socket>(&self.tls, &self.options.host))
                .await
                .map_err(|source| Error::Cancel { server: self.options.server(), source })
        };
        match tokio::time::timeout(self.options.connect_timeout, cancelling).await {
            Ok(result) => result,
            Err(_) => {
                Err(Error::Timeout { server: self.options.server(), seconds: self.options.connect_timeout.as_secs() })
            }
        }
    }
}

/// The task that reads and writes the socket; it ends with its session.
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn keep(warnings: &Warnings, notice: DbError) {
    if !notice.code().code().starts_with("01") {
        return;
    }
    let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
    if warnings.len() == WARNINGS {
        warnings.pop_front();
    }
    warnings.push_back(notice);
}

fn handshake<S>(tls: &MakeRustlsConnect, host: &str) -> <MakeRustlsConnect as MakeTlsConnect<S>>::TlsConnect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match MakeTlsConnect::<S>::make_tls_connect(&mut tls.clone(), host) {
        Ok(handshake) => handshake,
        Err(never) => match never {},
    }
}

/// Whether libpq's `allow` and `prefer` try the other way after this.
fn may_try_otherwise(error: &Error) -> bool {
    matches!(error, Error::Refused { .. } | Error::NoTls { .. } | Error::Tls { .. })
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
