//! What the tests encrypt, for whom, and how they read it back.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use envelope::{
    Decryptor, EncryptionContext, Error, ExpectedContext, Identities, RandomAccess, RangeSource, Recipients,
    RsaRecipient, SecretRecipient, encrypt_to_vec,
};
use tokio::io::{AsyncRead, AsyncReadExt};

pub const FRAME: usize = envelope::FRAME_LENGTH as usize;
/// 0, 1, n−1, n, n+1, 2n, 2n+k.
pub const SIZES: [usize; 7] = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 4711];

pub const SECRET_NAME: &str = "2026-11-22";
pub const ESCROW_PUBLIC: &str = include_str!("../vectors/escrow_public.pem");
pub const ESCROW_PRIVATE: &str = include_str!("../vectors/escrow_private.pem");
pub const SECRET_HEX: &str = include_str!("../vectors/secret.hex");

pub fn plaintext(length: usize) -> Vec<u8> {
    (0..length).map(|place| ((place * 31 + 7) % 251) as u8).collect()
}

pub fn context() -> EncryptionContext {
    [("offsite-backup", "20261122T121433Z-shop-0123456789abcdef"), ("offsite-part", "volume-0001"), ("naïve", "日本")]
        .into()
}

pub fn secret() -> SecretRecipient {
    SecretRecipient::from_hex(SECRET_NAME, SECRET_HEX.trim()).unwrap()
}

pub fn escrow() -> RsaRecipient {
    RsaRecipient::from_pem("escrow", ESCROW_PUBLIC).unwrap()
}

pub fn secret_identity() -> Identities {
    Identities::new().secret(secret())
}

pub fn escrow_identity() -> Identities {
    Identities::new().rsa(Some("escrow"), ESCROW_PRIVATE).unwrap()
}

/// A message of ours for the wrapping key.
pub async fn message(plaintext: &[u8]) -> Vec<u8> {
    encrypt_to_vec(plaintext, &Recipients::new().secret(secret()), context()).await.unwrap()
}

/// All that a decryptor hands out, and the error that ended it.
pub struct Outcome {
    pub plaintext: Vec<u8>,
    pub error: Option<Error>,
}

impl Outcome {
    /// The error, of a message that was refused.
    pub fn refused(&self) -> &Error {
        self.error.as_ref().expect("the message is refused")
    }
}

/// Reads a stream to its end or error; after an error it must go on failing, never look ended.
pub async fn drain(mut stream: impl AsyncRead + Unpin) -> (Vec<u8>, Option<io::Error>) {
    let mut out = Vec::new();
    loop {
        match stream.read_buf(&mut out).await {
            Ok(0) => return (out, None),
            Ok(_) => {}
            Err(error) => {
                let before = out.len();
                for _ in 0..2 {
                    assert!(stream.read_buf(&mut out).await.is_err(), "an error, and then a clean end");
                }
                assert_eq!(before, out.len(), "plaintext after an error");
                return (out, Some(error));
            }
        }
    }
}

pub async fn decrypt_stream(
    message: impl AsyncRead + Unpin,
    identities: &Identities,
    expected: impl Into<ExpectedContext>,
) -> Outcome {
    match Decryptor::new(message, identities, expected).await {
        Err(error) => Outcome { plaintext: Vec::new(), error: Some(error) },
        Ok(decryptor) => {
            let (plaintext, error) = drain(decryptor).await;
            Outcome { plaintext, error: error.map(|error| error.downcast().expect("an error of ours")) }
        }
    }
}

pub async fn decrypt(message: &[u8]) -> Outcome {
    decrypt_stream(message, &secret_identity(), ExpectedContext::Any).await
}

/// A message in memory; counts reads.
#[derive(Clone)]
pub struct Memory {
    pub message: Bytes,
    pub reads: Arc<AtomicUsize>,
}

impl Memory {
    pub fn new(message: impl Into<Bytes>) -> Self {
        Self { message: message.into(), reads: Arc::default() }
    }

    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    pub async fn open(&self, expected: impl Into<ExpectedContext>) -> Result<RandomAccess<Self>, Error> {
        RandomAccess::open(self.clone(), self.message.len() as u64, &secret_identity(), expected).await
    }
}

#[async_trait]
impl RangeSource for Memory {
    async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        assert!(range.start < range.end && range.end <= self.message.len() as u64, "{range:?}");
        Ok(self.message.slice(range.start as usize..range.end as usize))
    }
}

/// Reads the whole plaintext at random.
pub async fn read_all(message: &[u8]) -> Result<Vec<u8>, Error> {
    let opened = Memory::new(message.to_vec()).open(ExpectedContext::Any).await?;
    opened.read(0..opened.plaintext_len()).await.map(Into::into)
}
