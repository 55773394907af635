use std::fmt;

use time::OffsetDateTime;

/// Something odd in the vault, to be told by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The key or folder.
    pub key: String,
    /// What about it.
    pub problem: Problem,
}

/// What is odd.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Someone wrote the key again. The oldest version counts.
    SecondVersion {
        /// In all.
        versions: usize,
    },
    /// A later version than the oldest was asked for by its id, and counts.
    LaterVersion {
        /// Its id.
        version: String,
    },
    /// Someone deleted the key, as far as the lock lets him. It counts all the same. After the lock's end the bucket's lifecycle does so.
    DeleteMarker {
        /// How old the object was then.
        days: u32,
    },
    /// A folder without a summary: a run that is under way, or failed.
    Incomplete {
        /// Objects in it.
        objects: usize,
        /// Of all of them.
        bytes: u64,
    },
    /// S3 stored the key more than two hours before or after the time in its id. Such a backup is never `latest`.
    TimeDisagrees {
        /// S3's LastModified, in seconds since 1970.
        modified: i64,
    },
    /// The summary can't be read.
    UnreadableSummary {
        /// Why.
        why: String,
    },
    /// The summary doesn't fit what is there.
    SummaryDisagrees {
        /// In what.
        what: String,
    },
    /// An object that the summary does not name.
    Unexpected,
    /// A key that is not where a backup's object would be.
    Stray,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecondVersion { versions } => {
                write!(f, "was written again and has {versions} versions, of which the oldest counts")
            }
            Self::LaterVersion { version } => {
                write!(f, "is read in version {version}, which was asked for and is not the oldest")
            }
            Self::DeleteMarker { days } => {
                write!(f, "was deleted, {days} days old, and is still there beneath the delete marker")
            }
            Self::Incomplete { objects, bytes } => {
                write!(
                    f,
                    "incomplete: {objects} objects with {bytes} bytes and no summary, of a run that is under way or failed"
                )
            }
            Self::TimeDisagrees { modified } => match OffsetDateTime::from_unix_timestamp(*modified) {
                Ok(time) => write!(f, "was stored at {time}, more than two hours from the time in its id"),
                Err(_) => f.write_str("was stored at an impossible time"),
            },
            Self::UnreadableSummary { why } => write!(f, "no readable summary: {why}"),
            Self::SummaryDisagrees { what } => write!(f, "does not fit its backup: {what}"),
            Self::Unexpected => f.write_str("is not named by its backup's summary"),
            Self::Stray => f.write_str("is not where an object of a backup would be"),
        }
    }
}
