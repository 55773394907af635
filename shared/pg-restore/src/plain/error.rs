use sql_text::SplitError;

/// Why a plain dump is not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlainError {
    /// Its bytes can't be read.
    #[error("read the dump")]
    Read(#[source] std::io::Error),
    /// It is another kind of file.
    #[error(
        "it does not begin as pg_dump begins HINT: Only plain SQL of pg_dump is restored so; pg_restore writes it of other formats."
    )]
    NoDump,
    /// Its end is missing.
    #[error(
        "the dump is not complete: its last line is not pg_dump's last line HINT: pg_dump died when it was made, or it was cut. Restore another backup."
    )]
    Incomplete,
    /// A statement can't be told from the next.
    #[error("split the dump into statements: in what begins at line {line}")]
    Split {
        /// Where the statement, or what is before it, begins in the dump, from 1.
        line: u64,
        /// Why; its own lines count from there.
        #[source]
        source: SplitError,
    },
    /// A command of psql.
    #[error(
        "line {line} of the dump has the psql command \\{command}, which is refused: it could run programs and read files"
    )]
    Metacommand {
        /// Its name.
        command: String,
        /// The line in the dump, from 1.
        line: u64,
    },
    /// `\restrict` and `\unrestrict` don't belong together.
    #[error("line {line} of the dump: {what}")]
    Restrict {
        /// The line in the dump, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// More than PostgreSQL itself takes at once.
    #[error("a statement or row of the dump that begins at line {line} is longer than 1 GiB")]
    TooLong {
        /// The line in the dump, from 1.
        line: u64,
    },
    /// The second reading gave something else than the first.
    #[error("the dump is not the one that was read before: the file was changed meanwhile")]
    Changed,
    /// The system has no random numbers.
    #[error("draw a random number: {0}")]
    Random(String),
}
