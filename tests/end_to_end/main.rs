//! End to end: the functions' real programs, real servers, and the official tools as judges.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod backup_command;
mod cat;
mod check;
mod check_bad_input;
mod choosing;
mod command_line;
mod cut_ciphertext;
mod database_role;
mod drill;
mod files;
mod files_command_line;
mod files_denied;
mod files_refused;
mod forged_backup;
mod interrupted;
mod managed;
mod migrating;
mod older_function;
mod older_tools;
mod partial;
mod parts;
mod rds_login;
mod recovery_drill;
mod refused_aws;
mod refused_backup;
mod refused_source;
mod refused_vault;
mod roles;
mod round_trip;
mod runbook;
mod status;
mod stock_tools;
mod watch;

/// A schema with something of most kinds that an application holds, and rows that need more than one frame.
const SHOP: &str = include_str!("shop.sql");
