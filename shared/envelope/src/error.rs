use std::io;

/// What to do about a message that somebody altered, cut or put into another's place.
const NOT_WHAT_WAS_STORED: &str =
    " HINT: It is not what its backup stored there: restore another backup, and keep this one for examination.";

/// Why a message could not be written or was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source of a message failed.
    #[error("read the {0}")]
    Read(&'static str, #[source] io::Error),
    /// A reader was read again after it had failed.
    #[error("the message was refused before")]
    FailedBefore,

    /// Nobody to encrypt for.
    #[error(
        "there is no recipient to encrypt for HINT: Configure at least one KMS key, RSA public key or wrapping key."
    )]
    NoRecipients,
    /// Two recipients of one name, or two KMS keys.
    #[error("there are two recipients {0} HINT: Give each key a name of its own; only one KMS key is possible.")]
    DuplicateRecipient(String),
    /// More than [`crate::MAX_ENCRYPTED_DATA_KEYS`].
    #[error("{0} recipients are more than a message can have")]
    TooManyRecipients(usize),
    /// A name or key of the caller's that can't be used.
    #[error("the key {name}: {defect}")]
    Key {
        /// Which key.
        name: String,
        /// What is wrong with it.
        defect: KeyDefect,
    },
    /// A JSON text that isn't a map of names to wrapping keys. The text is secret, so only the place is told.
    #[error("the wrapping keys are no JSON map of names to 64 hex digits (line {line}, column {column})")]
    WrappingKeys {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The encryption context is larger than the format's 65,535 bytes, or uses a reserved name.
    #[error("the encryption context {0}")]
    Context(&'static str),
    /// KMS made no data key.
    #[error("generate a data key with the KMS key {key}")]
    GenerateDataKey {
        /// As configured.
        key: String,
        /// KMS's answer.
        #[source]
        source: UnwrapError,
    },
    /// More frames than the format can count (2^32 − 1).
    #[error("the plaintext has more frames than a message can hold")]
    TooLong,
    /// The cryptographic library refused an operation that never fails on valid input.
    #[error("the cryptographic library failed to {0}")]
    Crypto(&'static str),

    /// The header isn't one that this crate reads.
    #[error("the message's header {0}")]
    Header(HeaderDefect),
    /// The encryption context isn't the expected one: the message belongs elsewhere.
    #[error("the message's encryption context has {found} for {key}, not {expected}{stored}", stored = NOT_WHAT_WAS_STORED)]
    ContextMismatch {
        /// The pair's key.
        key: String,
        /// Its value in the message, quoted, or `nothing`.
        found: String,
        /// What the caller expects, quoted, or `nothing`.
        expected: String,
    },
    /// None of the reader's keys is one of the message's recipients.
    #[error("the message is encrypted for {}, of which no key is at hand{}", or_nobody(.recipients), openers(.recipients))]
    NoMatchingKey {
        /// Of the message, by name.
        recipients: Vec<String>,
    },
    /// A key of the reader's is named in the message, but didn't unwrap its data key.
    #[error("unwrap the data key for {recipient}{}", also_failed(.others))]
    Unwrap {
        /// The first that failed.
        recipient: String,
        /// Why.
        #[source]
        source: UnwrapError,
        /// Further ones that failed.
        others: Vec<(String, UnwrapError)>,
    },
    /// The data key isn't the one that the header commits to.
    #[error("the message's header commits to another data key than the one it holds{stored}", stored = NOT_WHAT_WAS_STORED)]
    Commitment,
    /// The header was altered.
    #[error("the message's header is not authentic{stored}", stored = NOT_WHAT_WAS_STORED)]
    HeaderNotAuthentic,

    /// A frame out of its place.
    #[error("frame {expected} of the message is numbered {found}")]
    FrameOutOfOrder {
        /// Sequence number that is due.
        expected: u32,
        /// Sequence number that is there.
        found: u32,
    },
    /// A frame whose IV isn't its sequence number.
    #[error("frame {0} of the message has a foreign initialisation vector")]
    FrameIv(u32),
    /// A frame was altered, or belongs to another message.
    #[error("frame {0} of the message is not authentic{stored}", stored = NOT_WHAT_WAS_STORED)]
    FrameNotAuthentic(u32),
    /// A final frame longer than a frame may be.
    #[error("final frame {sequence} of the message claims {length} bytes, more than the frame length {frame_length}")]
    FinalFrameTooLong {
        /// Its number.
        sequence: u32,
        /// As claimed.
        length: u32,
        /// The header's.
        frame_length: u32,
    },
    /// The message ends within a frame.
    #[error("the message is truncated within frame {0}{stored}", stored = NOT_WHAT_WAS_STORED)]
    TruncatedFrame(u32),
    /// The message ends before its final frame.
    #[error("the message is truncated: it ends after {0} frames, without its final frame{stored}", stored = NOT_WHAT_WAS_STORED)]
    NoFinalFrame(u32),
    /// Something follows the final frame.
    #[error("the message has bytes after its final frame{stored}", stored = NOT_WHAT_WAS_STORED)]
    TrailingBytes,

    /// A message whose final frame isn't where its size puts it: cut off, or with bytes after its end.
    #[error(
        "the message of {0} bytes doesn't end with its final frame: it was truncated, or something was appended{stored}",
    stored = NOT_WHAT_WAS_STORED
    )]
    Size(u64),
    /// A range that reaches past the plaintext's end.
    #[error("the range {start}..{end} is outside of the plaintext's {length} bytes")]
    RangeOutside {
        /// First byte.
        start: u64,
        /// Past the last byte.
        end: u64,
        /// Of the plaintext.
        length: u64,
    },
    /// The source of ranges returned another number of bytes than was asked for.
    #[error("the source returned {found} bytes of the message's range {start}..{end}")]
    RangeLength {
        /// First byte.
        start: u64,
        /// Past the last byte.
        end: u64,
        /// Bytes returned.
        found: usize,
    },
}

/// What a header has that this crate refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderDefect {
    /// The stream ends in it.
    #[error("is truncated")]
    Truncated,
    /// Neither 1 nor 2, so probably no message at all.
    #[error("starts with the byte {0:#04x}: this is no message of the AWS Encryption SDK")]
    NoMessage(u8),
    /// Version 1 can't commit to a key.
    #[error("has format version 1, which doesn't commit to its key; only version 2 is read")]
    Version1,
    /// Another suite than `0x0478`.
    #[error("names the algorithm suite {0:#06x}; only 0x0478 is read")]
    Suite(u16),
    /// The content isn't framed.
    #[error("names the content type {0}; only 2, framed, is read")]
    ContentType(u8),
    /// Zero, or above [`crate::MAX_FRAME_LENGTH`].
    #[error("names the frame length {0}, which is not from 1 to 16777216")]
    FrameLength(u32),
    /// None, or above [`crate::MAX_ENCRYPTED_DATA_KEYS`].
    #[error("counts {0} encrypted data keys, which is not from 1 to 20")]
    DataKeys(u16),
    /// Above [`crate::MAX_HEADER_LENGTH`].
    #[error("is longer than 131072 bytes")]
    TooLong,
    /// The serialised context isn't sorted pairs of UTF-8, each key once, filling its length.
    #[error("holds a malformed encryption context")]
    Context,
    /// A recipient's fields aren't text where they must be.
    #[error("holds a malformed encrypted data key")]
    DataKey,
}

/// What is wrong with a key that the caller gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyDefect {
    /// Names stand in every message, for anyone to read.
    #[error("a name has 1 to 128 printable ASCII characters")]
    Name,
    /// Not PEM at all.
    #[error("it is no PEM text")]
    Pem,
    /// PEM of something else than `PUBLIC KEY`.
    #[error(
        "it is no PEM of a PUBLIC KEY HINT: The public part of a key file prints with openssl pkey -in FILE -pubout."
    )]
    NotPublic,
    /// PEM of something else than `PRIVATE KEY`.
    #[error(
        "it is no PEM of a PRIVATE KEY HINT: Convert a key that is encrypted or starts with BEGIN RSA PRIVATE KEY \
         with openssl pkcs8 -topk8 -nocrypt -in FILE."
    )]
    NotPrivate,
    /// Another algorithm than RSA, or damaged.
    #[error("it is no valid RSA key")]
    Rsa,
    /// A recipient's key under 4096 bits.
    #[error("it has {0} bits, of which backups need at least 4096")]
    RsaBits(usize),
    /// A wrapping key that isn't 64 hex digits.
    #[error("it is not 64 hex digits")]
    Hex,
}

/// Why a data key stayed wrapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnwrapError {
    /// KMS answered with an error, or didn't answer. Its words only: the SDK's own error holds the response, in which a
    /// data key may stand.
    #[error("KMS: {0}")]
    Kms(String),
    /// KMS answered without a key's ARN or a key of 32 bytes, or for another key.
    #[error("KMS answered with {0}")]
    KmsAnswer(&'static str),
    /// The provider info isn't the ARN of a KMS key.
    #[error("the message names no ARN of a KMS key")]
    KmsKey,
    /// RSA-OAEP refused it: another key pair, or altered.
    #[error(
        "the private key does not fit HINT: Take the one whose public key was this recipient's when it was encrypted."
    )]
    Rsa,
    /// AES-GCM refused it: another key, another encryption context, or altered.
    #[error(
        "the wrapping key does not fit, or the encryption context was altered HINT: Take the key that had this name \
         when it was encrypted."
    )]
    Secret,
}

fn or_nobody(recipients: &[String]) -> String {
    if recipients.is_empty() { "nobody".into() } else { recipients.join(", ") }
}

/// What opens a message, as the kinds of its recipients say.
fn openers(recipients: &[String]) -> String {
    let any = |kind: &str| recipients.iter().any(|recipient| recipient.starts_with(kind));
    let mut keys = Vec::new();
    if any("kms ") {
        keys.push("credentials that may decrypt with that KMS key");
    }
    if any("rsa ") {
        keys.push("the private key of that RSA recipient");
    }
    if any("secret ") {
        keys.push("the wrapping key of that name");
    }
    if keys.is_empty() { String::new() } else { format!(" HINT: One of these opens it: {}.", keys.join("; ")) }
}

fn also_failed(others: &[(String, UnwrapError)]) -> String {
    let why = |error: &UnwrapError| error.to_string().split(" HINT: ").next().unwrap_or_default().to_owned();
    others.iter().map(|(recipient, error)| format!("; nor for {recipient} ({})", why(error))).collect()
}

impl From<Error> for io::Error {
    /// As a reader's error; `get_ref` and `downcast_ref` find the [`Error`] in it.
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::TruncatedFrame(_) | Error::NoFinalFrame(_) | Error::Header(HeaderDefect::Truncated) => {
                io::ErrorKind::UnexpectedEof
            }
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}
