//! The envelope from outside: round trips, the official SDK's judgement, and all that must be refused.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs, unreachable_pub)]

mod document;
mod fixtures;
mod judge;
mod keys;
mod kms;
mod known_answers;
mod layout;
mod official_sdk;
mod random_access;
mod recipients;
mod streams;
mod tampering;
