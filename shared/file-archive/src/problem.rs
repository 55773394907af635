//! Objects that were listed and are not in the archive, and why.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Why an object is not in the archive, or not with all that belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// Reading it is not allowed, or its key in KMS can't be used.
    Denied,
    /// It lies in an archive class, and is not restored from there.
    Archived,
    /// Its bytes are encrypted with a key that only the customer has (SSE-C).
    CustomerKey,
    /// It was replaced again and again while it was read.
    Changing,
    /// It is larger than a volume may be.
    TooLarge,
    /// It was deleted after it had been listed: a note, for a moment later it would not have been there either.
    Deleted,
    /// It has user metadata that S3 does not tell over HTTP: a note.
    HiddenMetadata,
}

impl ProblemKind {
    /// It fails the run unless a partial backup is allowed.
    pub fn fails(self) -> bool {
        !matches!(self, Self::Deleted | Self::HiddenMetadata)
    }

    /// As in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Archived => "archived",
            Self::CustomerKey => "customer_key",
            Self::Changing => "changing",
            Self::TooLarge => "too_large",
            Self::Deleted => "deleted",
            Self::HiddenMetadata => "hidden_metadata",
        }
    }
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Its key.
    pub key: String,
    /// What S3 said of it.
    pub detail: String,
}

/// All problems of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// How many objects.
    pub count: u64,
    /// The first of them in the order of their keys.
    pub first: Vec<Problem>,
}

/// What is not in the archive, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// Kinds that occurred.
    pub kinds: BTreeMap<ProblemKind, Affected>,
    #[serde(skip)]
    named: usize,
}

impl Problems {
    pub(crate) fn naming(named: usize) -> Self {
        Self { kinds: BTreeMap::new(), named }
    }

    pub(crate) fn add(&mut self, kind: ProblemKind, key: String, detail: String) {
        let affected = self.kinds.entry(kind).or_default();
        affected.count += 1;
        if affected.first.len() < self.named {
            affected.first.push(Problem { key, detail });
        }
    }

    /// Objects for which a run fails unless a partial backup is allowed.
    pub fn failing(&self) -> u64 {
        self.kinds.iter().filter(|(kind, _)| kind.fails()).map(|(_, affected)| affected.count).sum()
    }

    /// No problem and no note.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, affected) in &self.kinds {
            write!(f, "{separator}{} {}:", affected.count, kind.as_str())?;
            separator = "; ";
            for (number, problem) in affected.first.iter().enumerate() {
                write!(f, "{} {:?} ({})", if number > 0 { "," } else { "" }, problem.key, problem.detail)?;
            }
            let more = affected.count - affected.first.len() as u64;
            if more > 0 {
                write!(f, " and {more} more")?;
            }
        }
        Ok(())
    }
}
