//! Restores on real servers, of backups that are made of stock pg_dump's text.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod backup;
mod cancelled;
mod database;
mod drill;
mod encodings;
mod equality;
mod existing;
mod extension_rows;
mod failures;
mod full_disk;
mod large_objects;
mod login;
mod managed;
mod parallel;
mod plain;
mod proof;
mod psql;
mod readiness;
mod request;
mod row_security;
mod selection;
mod source;
