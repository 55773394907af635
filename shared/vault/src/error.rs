use s3_call::CallError;

use crate::environment::Kind;

/// Why a call on the vault failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An S3 call failed for good.
    #[error("{act}{}", tried(*tries, *unknown))]
    Call {
        /// Which call on which object: "upload part 3 of production/database/…".
        act: String,
        /// How often it was tried.
        tries: u32,
        /// The call may have worked, and only its answer was lost.
        unknown: bool,
        /// What S3 or the network said last.
        #[source]
        source: CallError,
    },
    /// What was to be stored could not be read; nothing is left of it in the vault.
    #[error(transparent)]
    Source(std::io::Error),
    /// S3's checksum or size is not ours.
    #[error("{act}: S3 has {theirs}, and {ours} was sent. HINT: Run the backup again; nothing of this one is visible.")]
    Mismatch {
        /// Which call on which object.
        act: String,
        /// As S3 says.
        theirs: String,
        /// As computed here.
        ours: String,
    },
    /// A key that only this run could have written exists before its first try.
    #[error(
        "{0} exists already, though its name was drawn at random for this run. HINT: Find out who writes to the vault."
    )]
    Exists(String),
    /// More than S3's 10,000 parts.
    #[error("{0} is larger than 10,000 parts of 8 MiB. HINT: Let volumes close earlier.")]
    TooLarge(String),
    /// The vault does not protect what is written to it.
    #[error("the vault {bucket} {what}. HINT: {hint}")]
    Unlocked {
        /// The bucket.
        bucket: String,
        /// What its lock is like.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// The environment's name.
    #[error("{0:?} is no environment's name: 1 to 64 of A-Z a-z 0-9 . _ - are, beginning with a letter or digit")]
    Environment(String),
    /// Not an id.
    #[error(
        "{0:?} is no backup's id. HINT: An id reads like 20261122T121433Z-shop-0123456789abcdef; `offsite list` shows them."
    )]
    Id(String),
    /// Neither an id nor `latest` nor `before` with a time.
    #[error(
        "{0:?} names no backup. HINT: Give `latest`, `before 2026-11-22T12:00:00Z`, an id as `offsite list` shows it, or the key of an object of a backup."
    )]
    Selector(String),
    /// Neither a database nor files.
    #[error("{0:?} is neither `database` nor `files`")]
    Kind(String),
    /// Backups of several sources could be meant.
    #[error(
        "{place} has backups of several: {}. HINT: Say which is meant: by its name, `--source` on the command line, `source` in an event; or by a backup's id.",
        listed(.candidates)
    )]
    Ambiguous {
        /// Environment, kind and bucket.
        place: String,
        /// The newest backup of each source that could be meant, newest first.
        candidates: Vec<Candidate>,
    },
    /// The backup is of the other kind.
    #[error("backup {backup} is of {what}. HINT: Ask for it as that: `offsite restore {is}`, `\"kind\": \"{is}\"` in an event.", what = what(*is))]
    OtherKind {
        /// Its id.
        backup: String,
        /// What it is of.
        is: Kind,
    },
    /// A key of another bucket or environment.
    #[error(
        "{key} is {is}, and {asked}. HINT: Name its bucket and its environment: `--vault` and `--environment`, or the function of that environment."
    )]
    Elsewhere {
        /// The key.
        key: String,
        /// Where it is.
        is: String,
        /// What was looked for.
        asked: String,
    },
    /// A version id, and no key that it could be of.
    #[error(
        "version {0:?} of which object? HINT: A version id goes with the key of one object, such as a manifest's: `offsite list --json` shows keys and versions."
    )]
    VersionOfNothing(String),
    /// The system has no random numbers.
    #[error("draw random numbers for a backup's id")]
    Random(#[source] getrandom::Error),
    /// The system's clock is not within the years 0 to 9999.
    #[error("the time is outside the years 0 to 9999. HINT: Set the system's clock.")]
    Clock,
    /// There is no such backup.
    #[error("{place} has no {what}{}", passed_over(.findings))]
    NotFound {
        /// Environment, kind and bucket.
        place: String,
        /// What was asked for.
        what: String,
        /// What was passed over, and why.
        findings: Vec<crate::list::Finding>,
    },
    /// What was read is not what was stored.
    #[error(
        "{key} is not what its backup's summary says: {what}. HINT: Restore another backup, and keep this one for examination."
    )]
    Altered {
        /// The object.
        key: String,
        /// The difference.
        what: String,
    },
    /// The manifest and the plain summary, or the objects, contradict one another.
    #[error(
        "backup {backup} contradicts itself: {what}. HINT: Restore another backup, and keep this one for examination."
    )]
    Contradiction {
        /// Its id.
        backup: String,
        /// What does not fit what.
        what: String,
    },
    /// A manifest or summary that is not what its format says.
    #[error("read {what}")]
    Format {
        /// Which one.
        what: String,
        /// serde's error.
        #[source]
        source: serde_json::Error,
    },
    /// Written by a newer version.
    #[error("{what} has format {format}, and this version reads format 1. HINT: Use a newer version of Offsite.")]
    NewerFormat {
        /// Which one.
        what: String,
        /// Its number.
        format: u64,
    },
    /// Bytes that an object does not have were asked for.
    #[error("bytes {start} to {end} of {key}, which has {size}")]
    Range {
        /// The object.
        key: String,
        /// First byte.
        start: u64,
        /// Behind the last byte.
        end: u64,
        /// Bytes it has.
        size: u64,
    },
    /// A task was ended from outside.
    #[error("{0} was stopped from outside")]
    Stopped(String),
}

/// A backup that could be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The name of what it is of, as far as an id holds it.
    pub source: String,
    /// Its id.
    pub backup: String,
    /// Seconds since the instant that it shows.
    pub age_seconds: i64,
}

impl Candidate {
    pub(crate) fn of(backup: &crate::backup::Backup, now: time::OffsetDateTime) -> Self {
        let age_seconds = (now - backup.summary.snapshot).whole_seconds();
        Self { source: backup.id.name().to_owned(), backup: backup.id.to_string(), age_seconds }
    }
}

/// Candidates that are told one by one.
const NAMED: usize = 20;

fn listed(candidates: &[Candidate]) -> String {
    let told = candidates.iter().take(NAMED).map(|Candidate { source, backup, age_seconds }| {
        let (days, hours, minutes) = (age_seconds / 86_400, age_seconds / 3600, age_seconds / 60);
        let age = match (days, hours) {
            (2.., _) => format!("{days} days"),
            (_, 2..) => format!("{hours} hours"),
            _ => format!("{minutes} minutes"),
        };
        format!("{source} (newest {backup}, {age} old)")
    });
    let more = (candidates.len() > NAMED).then(|| format!("and {} more", candidates.len() - NAMED));
    told.chain(more).collect::<Vec<_>>().join(", ")
}

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Database => "a database",
        Kind::Files => "files",
    }
}

fn tried(tries: u32, unknown: bool) -> String {
    let mut text = if tries > 1 { format!(" ({tries} tries)") } else { String::new() };
    if unknown {
        text += ", whose outcome is unknown. HINT: `offsite list` shows whether the backup is there.";
    }
    text
}

fn passed_over(findings: &[crate::list::Finding]) -> String {
    let Some(first) = findings.first() else { return " HINT: `offsite list` shows what is there.".to_owned() };
    let mut text = format!("; passed over: {first}");
    if findings.len() > 1 {
        text += &format!(" and {} more findings.", findings.len() - 1);
    }
    text + " HINT: `offsite list` shows all. Restore another backup, and keep this one for examination."
}
