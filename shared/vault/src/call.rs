//! Every S3 call: tried again where that can help, and named by its act where it can't.
//!
//! The SDK's own retries are off, because a retry that we don't see would make the answer 412 ambiguous.

use std::error::Error as StdError;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

use crate::connect::Patience;
use crate::error::Error;

type Raw = aws_sdk_s3::config::http::HttpResponse;

/// What S3 or the network said to one try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// S3 refused or failed.
    #[error("S3 answered {status} {code}: {message}{}{}", request(.request_id), hint(.code))]
    Answered {
        /// HTTP status.
        status: u16,
        /// S3's error code, such as `SlowDown`.
        code: String,
        /// S3's words.
        message: String,
        /// For AWS's support.
        request_id: Option<String>,
    },
    /// The connection failed, or the time was over.
    #[error("S3 gave no answer")]
    NoAnswer(#[source] Box<dyn StdError + Send + Sync>),
    /// An answer that makes no sense, or an error within an answer that began as a success.
    #[error("S3's answer can't be read")]
    Unreadable(#[source] Box<dyn StdError + Send + Sync>),
    /// The request was not sent: no credentials, or a malformed parameter.
    #[error("the request was not sent")]
    NotSent(#[source] Box<dyn StdError + Send + Sync>),
    /// Fewer bytes than were asked for, or others.
    #[error("S3 sent {0}")]
    Wrong(String),
}

fn source<E: StdError + Send + Sync + 'static>(error: SdkError<E, Raw>) -> Box<dyn StdError + Send + Sync> {
    error.into_source().unwrap_or_else(|error| Box::new(error))
}

fn request(id: &Option<String>) -> String {
    id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default()
}

fn hint(code: &str) -> &'static str {
    match code {
        "AccessDenied" => {
            ". HINT: See whether the role's policy and the bucket's allow this call, and whether the expected account owns the bucket."
        }
        "NoSuchBucket" => ". HINT: Check the vault's name.",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            ". HINT: Check the vault's Region."
        }
        "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" => ". HINT: Check the credentials.",
        _ => "",
    }
}

impl CallError {
    pub(crate) fn of<E>(error: SdkError<E, Raw>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(context) => {
                let status = context.raw().status().as_u16();
                let meta = context.err().meta();
                if status < 300 {
                    // S3 may begin its answer with 200 and then find that it can't.
                    let text = format!("{}: {}", meta.code().unwrap_or("an error"), meta.message().unwrap_or_default());
                    return Self::Unreadable(text.into());
                }
                Self::Answered {
                    status,
                    code: meta.code().map_or_else(|| code_of(status).to_owned(), str::to_owned),
                    message: meta.message().unwrap_or("no message").to_owned(),
                    request_id: meta.request_id().map(str::to_owned),
                }
            }
            SdkError::ConstructionFailure(_) => Self::NotSent(source(error)),
            SdkError::DispatchFailure(ref failure) if failure.is_user() => Self::NotSent(source(error)),
            SdkError::ResponseError(_) => Self::Unreadable(source(error)),
            _ => Self::NoAnswer(source(error)),
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Answered { code, .. } => code,
            _ => "",
        }
    }

    /// Another try may end otherwise.
    fn passing(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable(_) | Self::Wrong(_) => true,
            Self::NotSent(_) => false,
            Self::Answered { status, code, .. } => {
                *status >= 500
                    || *status == 429
                    || matches!(
                        code.as_str(),
                        "RequestTimeout" | "BadDigest" | "SlowDown" | "OperationAborted" | "ConditionalRequestConflict"
                    )
            }
        }
    }

    /// The request may have worked all the same.
    fn ambiguous(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Unreadable(_) => true,
            Self::Answered { status, code, .. } => *status >= 500 && code != "SlowDown",
            Self::NotSent(_) | Self::Wrong(_) => false,
        }
    }
}

/// Answers to HEAD, and of proxies, have no code.
fn code_of(status: u16) -> &'static str {
    match status {
        403 => "AccessDenied",
        404 => "NotFound",
        412 => "PreconditionFailed",
        _ => "without a code",
    }
}

/// A call that failed for good.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) tries: u32,
    pub(crate) error: CallError,
    /// Any of the tries may have worked.
    pub(crate) ambiguous: bool,
}

impl Failure {
    /// S3 says that the key of a conditional write exists, and an earlier try of ours may have written it.
    ///
    /// Only we know the key's random attempt, so then we have.
    pub(crate) fn was_stored(&self) -> bool {
        self.error.status() == Some(412) && self.tries > 1
    }

    /// For calls that change nothing.
    pub(crate) fn reading(self, act: impl Into<String>) -> Error {
        Error::Call { act: act.into(), tries: self.tries, unknown: false, source: self.error }
    }

    /// For the call that makes a backup visible.
    pub(crate) fn committing(self, act: impl Into<String>) -> Error {
        Error::Call { act: act.into(), tries: self.tries, unknown: self.ambiguous, source: self.error }
    }
}

/// Tries `send` until it works, fails for good, or patience ends.
pub(crate) async fn call<T, E, F>(patience: &Patience, mut send: impl FnMut() -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, SdkError<E, Raw>>>,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let mut tries = Tries::new(patience);
    loop {
        match send().await {
            Ok(answer) => return Ok(answer),
            Err(error) => tries.failed(CallError::of(error)).await?,
        }
    }
}

/// Counts tries of one call, and waits between them.
pub(crate) struct Tries<'a> {
    patience: &'a Patience,
    tries: u32,
    ambiguous: bool,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(patience: &'a Patience) -> Self {
        Self { patience, tries: 0, ambiguous: false }
    }

    /// After so many failures in a row.
    pub(crate) fn resumed(patience: &'a Patience, failures: u32) -> Self {
        Self { patience, tries: failures, ambiguous: false }
    }

    /// Waits before the next try; an error if there is none.
    pub(crate) async fn failed(&mut self, error: CallError) -> Result<(), Failure> {
        self.tries += 1;
        self.ambiguous |= error.ambiguous();
        if !error.passing() || self.tries >= self.patience.tries {
            return Err(Failure { tries: self.tries, error, ambiguous: self.ambiguous });
        }
        let throttled = matches!(error.code(), "SlowDown" | "TooManyRequests");
        tokio::time::sleep(pause(self.patience, self.tries, throttled)).await;
        Ok(())
    }
}

/// Half fixed and half random, doubled with every try, four times as long if S3 asked to slow down.
fn pause(patience: &Patience, tries: u32, throttled: bool) -> Duration {
    let doubled = patience.pause.saturating_mul(1 << tries.saturating_sub(1).min(16));
    let longest = doubled.saturating_mul(if throttled { 4 } else { 1 }).min(patience.longest_pause);
    let mut random = [0];
    // Without random numbers the pause is the longest.
    let share = getrandom::fill(&mut random).map_or(255, |()| u32::from(random[0]));
    longest / 2 + longest / 2 * share / 255
}
