//! SQL sections → PostgreSQL: a backup into a new database, which gets its name when everything was verified.
//!
//! The way of the data: [`SectionSource`] → [`sections`] → [`apply`], on several connections → [`compare`]; around it [`readiness`] (before the first change) and
//! [`scratch`] (the database under its provisional name, dropped on every failure).

mod apply;
mod compare;
mod crew;
mod error;
mod failure;
mod options;
mod plain;
mod readiness;
mod report;
mod restore;
mod scratch;
mod sections;
mod session;
mod source;
mod statement;
mod target;
mod totals;

pub use error::{Difference, Error, Missing};
pub use failure::{Failure, ServerError};
pub use options::{Phase, Progress, RestoreOptions};
pub use plain::{PlainDump, PlainError, PlainFacts};
pub use report::{Compared, Durations, RestoreReport};
pub use restore::restore_into_new;
pub use source::{SectionSource, SourceError};
pub use target::Target;
