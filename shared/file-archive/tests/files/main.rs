//! Against a real S3 server, and judged by archivers of other people.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

mod changes;
mod fixtures;
mod hostile_keys;
mod older;
mod overwrite;
mod problems;
mod property;
mod round_trip;
mod volumes;
