//! Real parts for tests: PostgreSQL servers, an S3 server that enforces Object Lock, a local AWS, hostile readers, faults.
//!
//! The servers are started by `make stack-up` (`make test` does it), which describes them in `.local/stack.json`.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

pub mod archivers;
pub mod extension;
pub mod faults;
pub mod iam;
pub mod lambda;
pub mod managed;
pub mod postgres;
pub mod readers;
pub mod s3;
pub mod secrets;
pub mod small_disk;
pub mod stack;
pub mod standby;
mod unprivileged;

/// A name that no other test uses: `prefix` and 12 random hex digits.
pub fn unique(prefix: &str) -> String {
    let mut random = [0u8; 6];
    getrandom::fill(&mut random).expect("the system's random numbers");
    format!("{prefix}{}", hex::encode(random))
}
