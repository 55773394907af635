use std::path::PathBuf;

use s3_call::CallError;

use crate::problem::Problems;

/// Why files were not archived or not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An S3 call failed for good, and not because of a single object.
    #[error("{act}{}", tried(*.tries))]
    Call {
        /// Which call on what: "list bucket shop-files".
        act: String,
        /// How often it was tried.
        tries: u32,
        /// What S3 or the network said last.
        #[source]
        source: CallError,
    },
    /// Objects could not be read, so the backup would not be whole.
    #[error(
        "{} objects of bucket {bucket} can't be read: {problems}. HINT: Grant s3:GetObject and s3:GetObjectTagging on them, restore what is archived, or allow a partial backup.",
        .problems.failing()
    )]
    Unread {
        /// The source.
        bucket: String,
        /// All of them, by kind; of many, the first names and the count.
        problems: Box<Problems>,
    },
    /// Tags exist, maybe, and are not shown to us.
    #[error(
        "the tags of bucket {bucket}'s objects can't be read, and S3 hides without a word that there are any. HINT: Grant s3:GetObjectTagging and s3:GetObjectVersionTagging, or allow a partial backup."
    )]
    TagsDenied {
        /// The source.
        bucket: String,
        /// What S3 said.
        #[source]
        source: CallError,
    },
    /// A volume that is not what we wrote.
    #[error("{volume} is refused: {what}. HINT: Restore another backup, and keep this one for examination.")]
    Refused {
        /// Which volume.
        volume: String,
        /// The entry, and what is wrong with it.
        what: String,
    },
    /// A volume could not be read.
    #[error("read {volume}")]
    Read {
        /// Which volume.
        volume: String,
        /// What its reader said.
        #[source]
        source: std::io::Error,
    },
    /// The folder that files are restored into.
    #[error("{act} {}", .path.display())]
    Folder {
        /// What was done.
        act: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Our own reading or compressing was ended from outside, or failed for no reason that a bucket could give.
    #[error("{0}")]
    Stopped(String),
}

pub(crate) fn tried(tries: u32) -> String {
    if tries > 1 { format!(" ({tries} tries)") } else { String::new() }
}

/// An error and all that caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
