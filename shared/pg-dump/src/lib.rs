//! PostgreSQL → SQL sections, natively over the wire protocol: what a stock `pg_dump` would say, in parallel, and refused
//! rather than partial.
//!
//! [`Dump::open`] locks the tables, takes one snapshot and reads the catalog; [`Dump::next`] gives the sections;
//! [`Dump::finish`] says how it went. The concatenation of all sections is one SQL file for psql.

mod access;
mod cancel;
mod catalog;
mod copy;
mod crew;
mod definitions;
mod depend;
mod dump;
mod emit;
mod encoding;
mod error;
mod handover;
mod inventory;
mod kinds;
mod large_objects;
mod lock;
mod object;
mod options;
mod properties;
mod roles;
mod selection;
mod sequences;
mod session;
mod settings;
mod slices;
mod snapshot;
mod sort;
mod statements;
mod version;
mod watch;

pub use catalog::{CatalogError, schema_text};
pub use definitions::{Definitions, definitions};
pub use dump::{Dump, DumpedTable, Summary, Warning};
pub use error::{Blocker, Blockers, Error};
pub use options::{Content, DumpOptions};
pub use sql_text::{PatternError, TablePattern};
pub use watch::BlockedSession;
