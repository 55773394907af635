//! What Amazon RDS puts before PostgreSQL: TLS, and a login by a signed request, sent in clear within TLS.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use testing::stack::Server;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::signed::{Expected, when_signed};

const TLS: u32 = 80_877_103;
const CANCEL: u32 = 80_877_102;

/// It lets in whoever has a token, makes that the role's password at the server, and logs in there with it.
pub(crate) struct Front {
    pub(crate) port: u16,
    /// When each login that was let in had been signed, in order.
    pub(crate) logins: Arc<Mutex<Vec<OffsetDateTime>>>,
}

impl Front {
    pub(crate) async fn start(server: &Server, expected: Expected) -> Self {
        let tls = server.ca.parent().unwrap();
        let chain = CertificateDer::pem_file_iter(tls.join("server.crt")).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(tls.join("server.key")).unwrap();
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let logins = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared {
            tls: TlsAcceptor::from(Arc::new(tls)),
            server: server.clone(),
            expected: Expected { server: format!("localhost:{port}"), ..expected },
            one_by_one: tokio::sync::Mutex::new(()),
            logins: Arc::clone(&logins),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // Whoever is refused, or goes away, is told by the other side.
                tokio::spawn(async move { drop(shared.serve(stream).await) });
            }
        });
        Self { port, logins }
    }
}

struct Shared {
    tls: TlsAcceptor,
    server: Server,
    expected: Expected,
    /// The role has one password at a time.
    one_by_one: tokio::sync::Mutex<()>,
    logins: Arc<Mutex<Vec<OffsetDateTime>>>,
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        assert_eq!(first_message(&mut stream).await?.0, TLS, "RDS takes no such password without TLS");
        stream.write_all(b"S").await?;
        let mut client = self.tls.accept(stream).await?;
        let (code, startup) = first_message(&mut client).await?;
        let mut server = TcpStream::connect((self.server.host.as_str(), self.server.port)).await?;
        if code == CANCEL {
            return server.write_all(&startup).await;
        }
        // AuthenticationCleartextPassword
        client.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
        let (_, password) = message(&mut client).await?;
        let token = String::from_utf8(password[..password.len() - 1].to_vec()).unwrap();
        let signed = match when_signed(&token, &self.expected) {
            Ok(signed) => signed,
            Err(why) => return client.write_all(&refusal(&why)).await,
        };
        let turn = self.one_by_one.lock().await;
        let administrator = self.server.connect("postgres").await;
        let sql = format!("ALTER ROLE {} PASSWORD '{token}'", self.expected.user);
        administrator.batch_execute(&sql).await.map_err(io::Error::other)?;
        server.write_all(&startup).await?;
        let let_in = log_in(&mut server, &token).await?;
        drop(turn);
        self.logins.lock().unwrap().push(signed);
        // So that what is signed for another connection later bears a later time.
        while OffsetDateTime::now_utc().unix_timestamp() <= signed.unix_timestamp() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        client.write_all(&let_in).await?;
        copy_bidirectional(&mut client, &mut server).await.map(drop)
    }
}

/// The code of a message that has no type, and the whole of it.
async fn first_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u32, Vec<u8>)> {
    let length = stream.read_u32().await?;
    let mut whole = length.to_be_bytes().to_vec();
    whole.resize(length as usize, 0);
    stream.read_exact(&mut whole[4..]).await?;
    Ok((u32::from_be_bytes([whole[4], whole[5], whole[6], whole[7]]), whole))
}

/// A message's type and content.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    let mut content = vec![0; stream.read_u32().await? as usize - 4];
    stream.read_exact(&mut content).await?;
    Ok((kind, content))
}

async fn send_password(stream: &mut (impl AsyncWrite + Unpin), content: &[u8]) -> io::Result<()> {
    stream.write_u8(b'p').await?;
    stream.write_u32(content.len() as u32 + 4).await?;
    stream.write_all(content).await
}

/// Logs in at the server with the password; AuthenticationOk.
async fn log_in(server: &mut TcpStream, password: &str) -> io::Result<Vec<u8>> {
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    assert_eq!(message(server).await?.1[..4], 10_u32.to_be_bytes(), "AuthenticationSASL");
    let mut first = format!("{SCRAM_SHA_256}\0").into_bytes();
    first.extend((scram.message().len() as u32).to_be_bytes());
    first.extend(scram.message());
    send_password(server, &first).await?;
    scram.update(&message(server).await?.1[4..])?;
    send_password(server, scram.message()).await?;
    let (kind, last) = message(server).await?;
    assert_eq!(kind, b'R', "{}", String::from_utf8_lossy(&last));
    scram.finish(&last[4..])?;
    let mut let_in = vec![0; 9];
    server.read_exact(&mut let_in).await?;
    Ok(let_in)
}

/// As PostgreSQL says it of a login by PAM, which is RDS's way.
fn refusal(why: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user: {why}\0\0");
    [b"E", &(fields.len() as u32 + 4).to_be_bytes()[..], fields.as_bytes()].concat()
}
