//! Any plain file that pg_dump wrote, as sections: read twice, first to know that it is whole and what it needs, then to be applied.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sql_volume::{DatabaseProperties, DigestSeed, Requirements, RowDigest, SectionEntry, SectionKind, TableTotals};
use tokio::io::AsyncRead;

use crate::source::{SectionSource, SourceError};

mod error;
mod mentions;
mod reader;

pub use error::PlainError;
use mentions::Mentions;
use reader::{Piece, PlainReader};

/// Statements are put together up to so many bytes of SQL.
const SECTION: usize = 1 << 20;

/// What a plain dump was found to be, by reading all of it.
#[derive(Clone, Debug)]
pub struct PlainFacts {
    database: DatabaseProperties,
    requires: Requirements,
    bytes: u64,
    digest: u128,
    seed: DigestSeed,
}

impl PlainFacts {
    /// Reads a dump to its end: it is SQL of pg_dump, complete, and without commands of psql. Nothing is kept of it but what it says of
    /// its database, called `name` here, and what it needs.
    ///
    /// # Errors
    /// [`PlainError`].
    pub async fn read(name: &str, text: impl AsyncRead + Send + Unpin) -> Result<Self, PlainError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| PlainError::Random(error.to_string()))?;
        let seed = DigestSeed::new(random);
        let mut reader = PlainReader::new(text, seed);
        let mut mentions = Mentions::default();
        while let Some(piece) = reader.next().await? {
            if let Piece::Statement { text, .. } = piece {
                mentions.statement(&text);
            }
        }
        let (version, server_version_num) = reader.version();
        // A plain dump says in which encoding it is, not in which its database was. All but SQL_ASCII, which is none, fits into UTF-8.
        let bytes_as_they_are = mentions.encoding().is_some_and(|encoding| encoding.eq_ignore_ascii_case("SQL_ASCII"));
        let (encoding, locale) = if bytes_as_they_are { ("SQL_ASCII", "C") } else { ("UTF8", "") };
        let database = DatabaseProperties {
            name: name.to_owned(),
            server_version: version.to_owned(),
            server_version_num,
            encoding: encoding.to_owned(),
            collate: locale.to_owned(),
            ctype: locale.to_owned(),
            ..DatabaseProperties::default()
        };
        Ok(Self { database, requires: mentions.requires(), bytes: reader.bytes(), digest: reader.digest(), seed })
    }

    /// Bytes of SQL.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// `server_version` of the database that was dumped, as the dump says.
    pub fn server_version(&self) -> &str {
        &self.database.server_version
    }

    /// What must exist at the server.
    pub fn requires(&self) -> &Requirements {
        &self.requires
    }
}

/// A plain dump, to be given to [`crate::restore_into_new`]. Its rows can't be compared after that: it holds no digests, and
/// [`crate::RestoreOptions::compare`] must be off; that the server stored as many as there are is seen in any case.
pub struct PlainDump<R> {
    facts: PlainFacts,
    reader: PlainReader<R>,
    seq: u32,
    tables: BTreeMap<(String, String), RowDigest>,
    /// What was read and belongs to the next section.
    pending: Option<Piece>,
    /// Whether rows may have come, so that messages of the server may hold some.
    rows: bool,
}

impl<R: AsyncRead + Send + Unpin> PlainDump<R> {
    /// The same text again, of which `facts` are known.
    pub fn new(facts: PlainFacts, text: R) -> Self {
        let reader = PlainReader::new(text, facts.seed);
        Self { facts, reader, seq: 0, tables: BTreeMap::new(), pending: None, rows: false }
    }

    async fn piece(&mut self) -> Result<Option<Piece>, PlainError> {
        match self.pending.take() {
            Some(piece) => Ok(Some(piece)),
            None => self.reader.next().await,
        }
    }

    async fn statements(&mut self) -> Result<Option<(SectionEntry, Vec<u8>)>, PlainError> {
        let mut sql = Vec::new();
        let mut kind = None;
        while let Some(piece) = self.piece().await? {
            let Piece::Statement { whole, text, standard_strings } = piece else {
                if sql.is_empty() {
                    return Ok(Some(self.rows(piece)));
                }
                self.pending = Some(piece);
                break;
            };
            self.rows |= mentions::holds_rows(&text);
            let now = if self.rows { SectionKind::PostData } else { SectionKind::PreData };
            let now = if mentions::is_large_object(&text) { SectionKind::LargeObjects } else { now };
            if kind.is_some_and(|kind| kind != now) || sql.len() + whole.len() > SECTION && !sql.is_empty() {
                self.pending = Some(Piece::Statement { whole, text, standard_strings });
                break;
            }
            if sql.is_empty() && !standard_strings {
                // A section is split by itself, and the setting is still what it was.
                sql.extend_from_slice(b"SET standard_conforming_strings = off;\n");
            }
            kind = Some(now);
            if !mentions::is_timeout(&text) {
                sql.extend_from_slice(&whole);
            }
        }
        let Some(kind) = kind else { return Ok(None) };
        Ok(Some((self.entry(kind, &sql), sql)))
    }

    fn rows(&mut self, piece: Piece) -> (SectionEntry, Vec<u8>) {
        self.rows = true;
        let Piece::Rows { command, rows } = piece else { return (self.entry(SectionKind::PostData, &[]), Vec::new()) };
        let mut digest = RowDigest::default();
        digest.add_rows(self.facts.seed, &rows);
        let mut sql = Vec::with_capacity(command.len() + rows.len() + 4);
        sql.extend_from_slice(&command);
        sql.push(b'\n');
        sql.extend_from_slice(&rows);
        sql.extend_from_slice(b"\\.\n");
        let (schema, table) = mentions::copied_table(&command);
        self.tables.entry((schema.clone(), table.clone())).or_default().merge(digest);
        let mut entry = self.entry(SectionKind::TableData, &sql);
        (entry.schema, entry.table, entry.rows) = (Some(schema), Some(table), Some(digest));
        (entry, sql)
    }

    fn entry(&mut self, kind: SectionKind, sql: &[u8]) -> SectionEntry {
        let seq = self.seq;
        self.seq += 1;
        let sql_length = sql.len() as u64;
        let after = seq.checked_sub(1);
        let (schema, table, rows) = (None, None, None);
        SectionEntry { seq, after, kind, schema, table, offset: 0, length: 0, sql_length, digest: 0, rows }
    }
}

#[async_trait]
impl<R: AsyncRead + Send + Unpin> SectionSource for PlainDump<R> {
    fn database(&self) -> &DatabaseProperties {
        &self.facts.database
    }

    fn requires(&self) -> &Requirements {
        &self.facts.requires
    }

    fn digest_seed(&self) -> DigestSeed {
        self.facts.seed
    }

    async fn next(&mut self) -> Result<Option<(SectionEntry, Vec<u8>)>, SourceError> {
        Ok(self.statements().await?)
    }

    async fn verified(&mut self) -> Result<(), SourceError> {
        // The reader has seen the end, or has failed. It must be the end of the same text.
        if (self.reader.bytes(), self.reader.digest()) != (self.facts.bytes, self.facts.digest) {
            return Err(PlainError::Changed.into());
        }
        Ok(())
    }

    fn tables(&self) -> Vec<TableTotals> {
        let totals = self.tables.iter().map(|((schema, table), digest)| TableTotals {
            schema: schema.clone(),
            table: table.clone(),
            columns: Vec::new(),
            digest: *digest,
        });
        totals.collect()
    }
}
