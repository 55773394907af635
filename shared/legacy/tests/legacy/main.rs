//! The older tools' own files, and what can have happened to them.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod aescrypt;
mod fixtures;
mod openssl;
mod readers;
mod whole;
