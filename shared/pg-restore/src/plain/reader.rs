//! Text → statements and rows, as psql cuts them, in bounded memory.

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr_iter, memmem};
use sql_text::SplitError;
use sql_volume::DigestSeed;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::error::PlainError;

/// Bytes that are asked for at first, and rows that are handed on at once.
const READ: usize = 1 << 20;
const ROWS: usize = 8 << 20;
/// PostgreSQL's own limit (`MaxAllocSize`).
const LONGEST: usize = 1 << 30;

const BEGINNING: &[u8] = b"--\n-- PostgreSQL database dump\n";
const COMPLETE: &[u8] = b"-- PostgreSQL database dump complete";
const VERSION: &[u8] = b"-- Dumped from database version ";

/// What comes next in a dump.
#[derive(Debug)]
pub(super) enum Piece {
    /// A statement other than COPY.
    Statement {
        /// With the comments before it.
        whole: Vec<u8>,
        /// From its first word to its semicolon.
        text: Vec<u8>,
        /// What `standard_conforming_strings` is before it.
        standard_strings: bool,
    },
    /// Rows of a COPY, whole ones; maybe none.
    Rows {
        /// `COPY … FROM stdin;`
        command: Vec<u8>,
        /// Each with its line end.
        rows: Vec<u8>,
    },
}

pub(super) struct PlainReader<R> {
    text: R,
    buffer: BytesMut,
    ended: bool,
    begun: bool,
    /// Of what was handed on.
    bytes: u64,
    digest: u128,
    seed: DigestSeed,
    line: u64,
    standard_strings: bool,
    /// The COPY whose rows come next, and whether some have come.
    copy: Option<(Vec<u8>, bool)>,
    restricted: Option<Vec<u8>>,
    version: (String, u32),
    /// The last comment of pg_dump was seen, and no statement since.
    complete: bool,
}

impl<R: AsyncRead + Send + Unpin> PlainReader<R> {
    pub(super) fn new(text: R, seed: DigestSeed) -> Self {
        Self {
            text,
            buffer: BytesMut::new(),
            ended: false,
            begun: false,
            bytes: 0,
            digest: 0,
            seed,
            line: 1,
            standard_strings: true,
            copy: None,
            restricted: None,
            version: ("unknown".to_owned(), 0),
            complete: false,
        }
    }

    /// The next piece; `None` at the end of a complete dump.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>, PlainError> {
        if !self.begun {
            while self.buffer.len() < BEGINNING.len() && !self.ended {
                self.more().await?;
            }
            if !self.buffer.starts_with(BEGINNING) {
                return Err(PlainError::NoDump);
            }
            self.begun = true;
        }
        loop {
            let found = if self.copy.is_some() { self.rows()? } else { self.statement()? };
            if found.is_some() {
                return Ok(found);
            }
            if self.copy.is_none() && self.ended && self.buffer.is_empty() {
                return if self.complete && self.restricted.is_none() { Ok(None) } else { Err(PlainError::Incomplete) };
            }
            if self.ended {
                return Err(PlainError::Incomplete);
            }
            self.more().await?;
        }
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of all bytes so far, however they were cut.
    pub(super) fn digest(&self) -> u128 {
        self.digest
    }

    /// Of the server that was dumped: as it says itself, and as `server_version_num`.
    pub(super) fn version(&self) -> (&str, u32) {
        (&self.version.0, self.version.1)
    }

    /// Reads as much again as is there, so that what is looked at again takes time in proportion to its length.
    async fn more(&mut self) -> Result<(), PlainError> {
        let wanted = self.buffer.len().max(READ);
        if self.buffer.len() >= LONGEST {
            return Err(PlainError::TooLong { line: self.line });
        }
        let target = self.buffer.len() + wanted;
        self.buffer.reserve(wanted);
        while self.buffer.len() < target && !self.ended {
            let read = self.text.read_buf(&mut self.buffer).await.map_err(PlainError::Read)?;
            self.ended = read == 0;
        }
        Ok(())
    }

    /// Passes on, and counts, what was understood.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.buffer[..length].to_vec();
        self.buffer.advance(length);
        self.line += memchr_iter(b'\n', &taken).count() as u64;
        self.bytes += length as u64;
        // Each line by itself, in order: pieces may be cut at other lines the next time.
        for line in taken.split_inclusive(|byte| *byte == b'\n') {
            self.digest = self.digest.rotate_left(5).wrapping_add(self.seed.hash(line));
        }
        taken
    }

    /// A statement, if all of it is here. `None` if not, or if nothing but comments is left.
    fn statement(&mut self) -> Result<Option<Piece>, PlainError> {
        let mut at = 0;
        loop {
            let rest = &self.buffer[at..];
            let Some(end) = memchr(b'\n', rest).map(|end| end + 1).or(self.ended.then_some(rest.len())) else {
                return Ok(None);
            };
            let line = &rest[..end];
            if line.is_empty() {
                // The end: what is left is comments.
                self.take(at);
                return Ok(None);
            }
            if line.starts_with(b"\\") {
                self.restrict(at)?;
                self.take(at + end);
                at = 0;
                continue;
            }
            if !line.starts_with(b"--") && !line.trim_ascii().is_empty() {
                break;
            }
            self.comment(at, end);
            at += end;
        }
        let first = match sql_text::first(&self.buffer, self.standard_strings) {
            Ok(Some(first)) => first,
            Ok(None) => return Ok(None),
            Err(error) if error.is_cut_off() && !self.ended => return Ok(None),
            Err(SplitError::Metacommand { command, line }) => {
                return Err(PlainError::Metacommand { command, line: self.line + line as u64 - 1 });
            }
            Err(source) => return Err(PlainError::Split { line: self.line, source }),
        };
        let (end, text) = (first.sql.whole.end, first.sql.text.to_vec());
        let (copies, next) = (first.copies, first.standard_strings);
        let standard_strings = std::mem::replace(&mut self.standard_strings, next);
        self.complete = false;
        let whole = self.take(end);
        if copies {
            self.copy = Some((text, false));
            return self.rows();
        }
        Ok(Some(Piece::Statement { whole, text, standard_strings }))
    }

    fn comment(&mut self, at: usize, length: usize) {
        let line = self.buffer[at..at + length].trim_ascii_end();
        if line == COMPLETE {
            self.complete = true;
        } else if let Some(version) = line.strip_prefix(VERSION)
            && self.version.1 == 0
        {
            let version = String::from_utf8_lossy(version);
            let version = version.split(' ').next().unwrap_or_default();
            self.version = (version.to_owned(), number(version).unwrap_or(0));
        }
    }

    /// The two commands of psql that pg_dump writes; no others.
    fn restrict(&mut self, at: usize) -> Result<(), PlainError> {
        let rest = &self.buffer[at..];
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let cut = !rest.contains(&b'\n');
        let line = self.line + memchr_iter(b'\n', &self.buffer[..at]).count() as u64;
        let words: Vec<&[u8]> = rest[1..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
        let token = |token: &[u8]| token.iter().all(u8::is_ascii_alphanumeric);
        match words[..] {
            [b"restrict", begin] if token(begin) => {
                if self.restricted.is_some() {
                    return Err(PlainError::Restrict { line, what: "a second \\restrict" });
                }
                self.restricted = Some(begin.to_vec());
            }
            [b"unrestrict", end] if token(end) => {
                let begin = self.restricted.take();
                if cut && begin.as_deref().is_some_and(|begin| begin.starts_with(end) && begin != end) {
                    return Err(PlainError::Incomplete);
                }
                if begin.as_deref() != Some(end) {
                    return Err(PlainError::Restrict { line, what: "an \\unrestrict that ends no \\restrict" });
                }
            }
            _ => {
                let command = words.first().copied().unwrap_or_default();
                if cut && [&b"restrict"[..], b"unrestrict"].iter().any(|whole| whole.starts_with(command)) {
                    return Err(PlainError::Incomplete);
                }
                let command = String::from_utf8_lossy(&command[..command.len().min(40)]).into_owned();
                return Err(PlainError::Metacommand { command, line });
            }
        }
        Ok(())
    }

    /// Rows that are here, up to the line that ends them.
    fn rows(&mut self) -> Result<Option<Piece>, PlainError> {
        let Some((command, some)) = &self.copy else { return Ok(None) };
        let (command, some) = (command.clone(), *some);
        if let Some(end) = ends(&self.buffer, self.ended) {
            self.take(end);
            self.copy = None;
            // A table without rows is one with a COPY, too.
            let rows = Vec::new();
            return if some { self.statement() } else { Ok(Some(Piece::Rows { command, rows })) };
        }
        let within = &self.buffer[..self.buffer.len().min(ROWS)];
        let mut lines = memmem::find_iter(within, b"\n\\.").map(|at| at + 1);
        let last = lines.find(|at| is_end_or_open(&self.buffer[*at..]));
        let length = match last.or_else(|| memchr::memrchr(b'\n', within).map(|at| at + 1)) {
            Some(length) => length,
            // A row of more than that.
            None => match memchr(b'\n', &self.buffer[within.len()..]) {
                Some(end) => within.len() + end + 1,
                None => return Ok(None),
            },
        };
        self.copy = Some((command.clone(), true));
        let rows = self.take(length);
        Ok(Some(Piece::Rows { command, rows }))
    }
}

/// Whether a line begins here that ends the rows, or may once more of it is here.
fn is_end_or_open(line: &[u8]) -> bool {
    line.starts_with(b"\\.\n") || line.starts_with(b"\\.\r\n") || line == b"\\." || line == b"\\.\r"
}

/// The length of the line that ends the rows, if it is the first and is whole.
fn ends(text: &[u8], ended: bool) -> Option<usize> {
    if text.starts_with(b"\\.\n") {
        Some(3)
    } else if text.starts_with(b"\\.\r\n") {
        Some(4)
    } else {
        (ended && is_end_or_open(text)).then_some(text.len())
    }
}

/// `server_version_num` of a version: `15.8` → 150008, `9.6.24` → 90624, `18beta1` → 180000.
fn number(version: &str) -> Option<u32> {
    let digits = |text: &str| -> Option<u32> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let mut parts = version.split('.');
    let major = digits(parts.next()?)?;
    let minor = parts.next().and_then(digits).unwrap_or(0);
    if major >= 10 {
        return Some(major * 10_000 + minor);
    }
    Some(major * 10_000 + minor * 100 + parts.next().and_then(digits).unwrap_or(0))
}

#[cfg(test)]
mod tests;
