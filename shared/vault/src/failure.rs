//! What a failed call means to the vault.

use s3_call::Failure;

use crate::error::Error;

pub(crate) trait FailedAct {
    /// S3 says that the key of a conditional write exists, and an earlier try of ours may have written it.
    ///
    /// Only we know the key's random attempt, so then we have.
    fn was_stored(&self) -> bool;

    /// Of a call that changes nothing, or nothing that can be seen.
    fn reading(self, act: impl Into<String>) -> Error;

    /// Of the call that makes a backup visible.
    fn committing(self, act: impl Into<String>) -> Error;
}

impl FailedAct for Failure {
    fn was_stored(&self) -> bool {
        self.error.status() == Some(412) && self.tries > 1
    }

    fn reading(self, act: impl Into<String>) -> Error {
        Error::Call { act: act.into(), tries: self.tries, unknown: false, source: self.error }
    }

    fn committing(self, act: impl Into<String>) -> Error {
        Error::Call { act: act.into(), tries: self.tries, unknown: self.ambiguous, source: self.error }
    }
}
