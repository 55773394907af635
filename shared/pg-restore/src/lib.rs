//! SQL sections → PostgreSQL: a backup into a new database, which gets its name when everything was verified, or into an existing
//! one in one transaction ([`existing`]).
//!
//! The way of the data: [`SectionSource`] → [`sections`] → [`apply`], on several connections → [`compare`] (rows) and [`proof`] (all else); around it [`plan`] (what is
//! restored) and [`readiness`], both before the first change, and [`scratch`] (the database under its provisional name, dropped on every failure).

mod apply;
mod choice;
mod compare;
mod configuration;
mod crew;
mod drill;
mod edit;
mod error;
mod estimate;
mod existing;
mod failure;
mod options;
mod plain;
mod plan;
mod proof;
mod readiness;
mod report;
mod restore;
mod roles;
mod scratch;
mod sections;
mod session;
mod source;
mod statement;
mod target;
mod totals;

pub use choice::{Choice, Content, OnConflict, RenamedRole};
pub use drill::{DrillCheck, DrillOptions, DrillReport, PassedCheck, drill};
pub use error::{Difference, Error, Missing};
pub use estimate::Extent;
pub use existing::restore_into_existing;
pub use failure::{Failure, ServerError};
pub use options::{Phase, Progress, RestoreOptions};
pub use plain::{PlainDump, PlainError, PlainFacts};
pub use proof::{Describe, Described};
pub use report::{Compared, Durations, RestoreReport};
pub use restore::restore_into_new;
pub use source::{SectionSource, SourceError};
pub use target::Target;
