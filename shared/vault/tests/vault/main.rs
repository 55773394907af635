//! The vault against a real S3 server that enforces Object Lock.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

mod choosing;
mod connection;
mod faulty;
mod listing;
mod lock;
mod read_faults;
mod round_trip;
mod sample;
mod watch;
mod write_faults;
