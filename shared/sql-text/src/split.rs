use std::ops::Range;

use memchr::{memchr, memchr_iter};

use crate::boundary::Boundary;
use crate::lexer::{Lexer, TokenKind, Unterminated};

mod command;
mod object;

use command::Command;
pub use command::setting;
pub use object::ObjectHeader;

/// Splits a whole plain dump, or a section of one, into its statements.
pub fn split(sql: &[u8]) -> Splitter<'_> {
    Splitter::new(sql)
}

/// An iterator over the statements of a plain dump. Statements end as psql has it; a statement that is cut off is an error, where
/// psql would run it. After an error there is nothing more.
#[derive(Debug)]
pub struct Splitter<'a> {
    sql: &'a [u8],
    lexer: Lexer<'a>,
    /// Where what has not been returned begins.
    begin: usize,
    lines: Lines<'a>,
    object: Option<ObjectHeader<'a>>,
    standard_strings: bool,
    failed: bool,
}

/// Splits off the first statement of a text of which more may follow. `standard_strings` is what the text before it left
/// `standard_conforming_strings` at. `None` if there are but white space and comments.
///
/// # Errors
/// [`SplitError`]; if more of the text could change that, [`SplitError::is_cut_off`] says so.
pub fn first(sql: &[u8], standard_strings: bool) -> Result<Option<First<'_>>, SplitError> {
    let mut splitter = Splitter::new(sql);
    splitter.standard_strings = standard_strings;
    splitter.lexer.set_standard_strings(standard_strings);
    let first = splitter.command()?;
    Ok(first.map(|(sql, copies)| First { sql, copies, standard_strings: splitter.standard_strings }))
}

/// The first statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First<'a> {
    /// Its text; `whole` ends where the next statement begins, or the rows of a COPY.
    pub sql: SqlText<'a>,
    /// Whether it is `COPY … FROM stdin;`, so that rows follow.
    pub copies: bool,
    /// What it leaves `standard_conforming_strings` at.
    pub standard_strings: bool,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement<'a> {
    /// Any but the following.
    Sql(SqlText<'a>),
    /// `COPY … FROM stdin;` with its rows.
    CopyFromStdin {
        /// The command.
        sql: SqlText<'a>,
        /// Where the rows are, without the `\.` line: in the bytes that were split.
        rows: Range<usize>,
    },
}

/// The text of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlText<'a> {
    /// From its first word to its semicolon.
    pub text: &'a [u8],
    /// What pg_dump's header before it says it belongs to.
    pub object: Option<ObjectHeader<'a>>,
    /// Where the text begins.
    pub offset: usize,
    /// The line where it begins, from 1.
    pub line: usize,
    /// All that belongs to the statement: white space and comments before it, and the data that follows a COPY with its `\.`
    /// line. The statements' ranges and [`Splitter::remainder`] are the whole input.
    pub whole: Range<usize>,
}

impl<'a> Statement<'a> {
    /// The text.
    pub fn sql(&self) -> &SqlText<'a> {
        match self {
            Self::Sql(sql) | Self::CopyFromStdin { sql, .. } => sql,
        }
    }
}

/// A text can't be split into statements.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The end comes within a token.
    #[error("line {line} begins a {} that never ends HINT: The text is cut off.", .open.construct)]
    Unterminated {
        /// What is open, and where.
        open: Unterminated,
        /// The line of its beginning.
        line: usize,
    },
    /// The end comes before the statement's semicolon.
    #[error("the statement at line {line} has no end HINT: The text is cut off.")]
    Unfinished {
        /// The line of its beginning.
        line: usize,
    },
    /// The end comes before the `\.` line.
    #[error("the data of the COPY at line {line} has no end HINT: The text is cut off.")]
    UnfinishedCopy {
        /// The line of the command.
        line: usize,
    },
    /// There is something on the line behind a COPY, where psql looks for it after the data.
    #[error("there is text behind the COPY at line {line}")]
    BehindCopy {
        /// The line.
        line: usize,
    },
    /// A command of psql, which could run programs and read files where psql runs.
    #[error("line {line} has the psql command \\{command}, which is not SQL")]
    Metacommand {
        /// Its name.
        command: String,
        /// The line.
        line: usize,
    },
    /// The text is, from here on, in an encoding in which bytes of a character can look like quotes.
    #[error(
        "line {line} sets client_encoding to {encoding} HINT: Dump with an encoding that a server can have, such as UTF8."
    )]
    Encoding {
        /// Its name.
        encoding: String,
        /// The line.
        line: usize,
    },
}

impl SplitError {
    /// Whether the text ends too early, and all that there is of it is well.
    pub fn is_cut_off(&self) -> bool {
        matches!(self, Self::Unterminated { .. } | Self::Unfinished { .. } | Self::UnfinishedCopy { .. })
    }
}

impl<'a> Splitter<'a> {
    /// A splitter of `sql`, which begins between statements, under `standard_conforming_strings`.
    pub fn new(sql: &'a [u8]) -> Self {
        let lines = Lines { sql, position: 0, line: 1 };
        Self { sql, lexer: Lexer::new(sql), begin: 0, lines, object: None, standard_strings: true, failed: false }
    }

    /// White space and comments after the last statement, once the iterator has ended.
    pub fn remainder(&self) -> Range<usize> {
        self.begin..self.sql.len()
    }

    fn statement(&mut self) -> Result<Option<Statement<'a>>, SplitError> {
        let Some((mut sql, copies)) = self.command()? else { return Ok(None) };
        if !copies {
            return Ok(Some(Statement::Sql(sql)));
        }
        let start = sql.whole.end;
        let line = sql.line;
        let (rows, whole) = data_end(self.sql, start).ok_or(SplitError::UnfinishedCopy { line })?;
        sql.whole.end = whole;
        self.begin = whole;
        self.lexer.jump(whole);
        Ok(Some(Statement::CopyFromStdin { sql, rows: start..rows }))
    }

    /// The next statement, and whether rows follow where it ends.
    fn command(&mut self) -> Result<Option<(SqlText<'a>, bool)>, SplitError> {
        let mut boundary = Boundary::default();
        let mut command = Command::default();
        let mut first = None;
        loop {
            let token = self.lexer.next_token();
            let token = token.map_err(|open| SplitError::Unterminated { open, line: self.lines.at(open.offset) })?;
            let Some(token) = token else {
                return match first {
                    Some(first) => Err(SplitError::Unfinished { line: self.lines.at(first) }),
                    None => Ok(None),
                };
            };
            let text = &self.sql[token.range.clone()];
            match token.kind {
                TokenKind::Space | TokenKind::BlockComment => continue,
                TokenKind::LineComment => {
                    if first.is_none() {
                        self.object = ObjectHeader::read(text).or(self.object);
                    }
                    continue;
                }
                TokenKind::Backslash => return Err(self.metacommand(token.range.start)),
                TokenKind::Open => boundary.open(),
                TokenKind::Close => {
                    boundary.close();
                }
                TokenKind::Word => boundary.word(text),
                _ => {}
            }
            let first = *first.get_or_insert(token.range.start);
            if token.kind == TokenKind::Semicolon && boundary.at_top_level() {
                return self.end(first, token.range.end, &command).map(Some);
            }
            if !boundary.in_parentheses() && token.kind != TokenKind::Close {
                command.token(text);
            }
        }
    }

    fn end(&mut self, first: usize, end: usize, command: &Command<'a>) -> Result<(SqlText<'a>, bool), SplitError> {
        let line = self.lines.at(first);
        let text = &self.sql[first..end];
        let mut sql = SqlText { text, object: self.object, offset: first, line, whole: self.begin..end };
        if let Some(on) = command.standard_strings() {
            self.standard_strings = on;
            self.lexer.set_standard_strings(on);
        }
        if let Some(encoding) = command.unsafe_encoding() {
            return Err(SplitError::Encoding { encoding, line });
        }
        let copies = command.copies_from_stdin();
        if copies {
            let line_end = memchr(b'\n', &self.sql[end..]).ok_or(SplitError::UnfinishedCopy { line })? + end;
            if !self.sql[end..line_end].trim_ascii().is_empty() {
                return Err(SplitError::BehindCopy { line });
            }
            sql.whole.end = line_end + 1;
        }
        self.begin = sql.whole.end;
        Ok((sql, copies))
    }

    /// The one place where commands of psql are met: all are refused.
    fn metacommand(&mut self, backslash: usize) -> SplitError {
        let name = &self.sql[backslash + 1..];
        let length = name.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(name.len());
        let command = String::from_utf8_lossy(&name[..length.min(40)]).into_owned();
        SplitError::Metacommand { command, line: self.lines.at(backslash) }
    }
}

impl<'a> Iterator for Splitter<'a> {
    type Item = Result<Statement<'a>, SplitError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.statement().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

/// The end of the rows and of the line `\.` that ends COPY's data, as psql looks for it.
fn data_end(sql: &[u8], start: usize) -> Option<(usize, usize)> {
    let is_end = |line: &[u8]| line == b"\\." || line == b"\\.\r";
    let mut begin = start;
    for end in memchr_iter(b'\n', &sql[start..]) {
        if is_end(&sql[begin..start + end]) {
            return Some((begin, start + end + 1));
        }
        begin = start + end + 1;
    }
    is_end(&sql[begin..]).then_some((begin, sql.len()))
}

/// Counts lines on the way.
#[derive(Debug)]
struct Lines<'a> {
    sql: &'a [u8],
    position: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of `offset`, which is never before one asked for earlier.
    fn at(&mut self, offset: usize) -> usize {
        if let Some(passed) = self.sql.get(self.position..offset) {
            self.line += memchr_iter(b'\n', passed).count();
            self.position = offset;
        }
        self.line
    }
}

#[cfg(test)]
mod tests;
