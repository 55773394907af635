use std::error::Error as StdError;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;

pub(crate) type Raw = aws_sdk_s3::config::http::HttpResponse;

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
    #[error(
        "S3 gave no answer. HINT: See whether this network leads to S3: in a VPC by a gateway endpoint in the subnets' route tables, or by NAT"
    )]
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
        "NoSuchBucket" => ". HINT: Check the bucket's name.",
        "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => {
            ". HINT: Check the bucket's Region."
        }
        "RequestTimeTooSkewed" => {
            ". HINT: The clock of this machine and S3's are more than 15 minutes apart: set this one by NTP."
        }
        "ExpiredToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" => ". HINT: Check the credentials.",
        _ => "",
    }
}

impl CallError {
    /// What the SDK says.
    pub fn of<E>(error: SdkError<E, Raw>) -> Self
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

    /// HTTP status, if S3 answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// S3's error code; empty if it did not answer.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered { code, .. } => code,
            _ => "",
        }
    }

    /// Another try may end otherwise.
    pub(crate) fn passing(&self) -> bool {
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
    pub(crate) fn ambiguous(&self) -> bool {
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
