//! Every S3 call of ours: tried again where that can help, and told by its act where it can't.
//!
//! The SDK's own retries are off, because a retry that we don't see would make the answer 412 ambiguous.

mod call;
mod error;
mod patience;

pub use call::{Failure, Tries, call, retries};
pub use error::CallError;
pub use patience::Patience;
