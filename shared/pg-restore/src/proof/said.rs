//! What the statements of a backup say is there, noted as they are executed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sql_text::{Lexer, SqlText, TokenKind, setting};
use sql_volume::{DigestSeed, RowDigest, SectionKind};

use crate::statement::locks::is_setting;
use crate::statement::roles::{Roles, Use};
use crate::statement::subject::sequence_literal;
use crate::statement::words::Words;

/// Bytes of a large object that are hashed at once, whichever pieces they come in: what PostgreSQL stores in a row.
pub(super) const BLOCK: usize = 2048;

/// An entry of a dump by its header, or its owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    /// `TABLE public.t`
    pub(super) name: String,
    pub(super) owner: bool,
}

impl Object {
    /// `None` if nothing says what the statement belongs to.
    fn of(sql: &SqlText<'_>) -> Option<Self> {
        Some(Self { name: sql.object?.to_string(), owner: Roles::of(sql.text).used == Use::Owner })
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The settings that decide where and how a relation is stored: a connection's, as its statements left them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    tablespace: String,
    access_method: String,
}

impl Settings {
    fn note(&mut self, sql: &[u8]) {
        match setting(sql) {
            Some((name, value)) if name == "default_tablespace" => self.tablespace = value,
            Some((name, value)) if name == "default_table_access_method" => self.access_method = value,
            _ => {}
        }
    }

    /// What a statement takes of them.
    fn of(&self, sql: &[u8]) -> String {
        let mut words = Words::new(sql);
        if !words.take(&["create"]) {
            return String::new();
        }
        words.take_any(&["unlogged", "unique"]);
        if words.take(&["index"]) {
            return self.tablespace.clone();
        }
        let table = words.take(&["table"]);
        if !table && !words.take(&["materialized", "view"]) {
            return String::new();
        }
        // A partitioned table has no rows to keep: its access method is said otherwise.
        let method = if table && words.behind("partition") && words.take(&["by"]) { "" } else { &self.access_method };
        format!("{} {method}", self.tablespace)
    }
}

/// Digests of definitions, by entry: the order of an entry's statements doesn't count.
pub(super) type Definitions = BTreeMap<Object, RowDigest>;

/// What the backup says is there.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(super) definitions: Definitions,
    /// Of these a statement was not executed, which the report names.
    refused: BTreeSet<Object>,
    /// Of these the server warned that privileges were not granted, or not revoked. Where nothing differs, that made no difference.
    doubtful: BTreeMap<Object, Vec<String>>,
    /// By their names as `setval` takes them, in the backup's encoding: the value, and whether it was given out.
    pub(super) sequences: BTreeMap<Vec<u8>, (i64, bool)>,
    /// Blocks by OID.
    pub(super) large_objects: BTreeMap<u32, RowDigest>,
    /// Statements whose effect can't be looked for.
    strange: u64,
}

impl Said {
    /// Notes a statement that was executed.
    pub(crate) fn note(&mut self, kind: SectionKind, sql: &SqlText<'_>, settings: &mut Settings, seed: DigestSeed) {
        if is_setting(sql.text) {
            settings.note(sql.text);
            return;
        }
        let noted = match kind {
            SectionKind::Preamble | SectionKind::TableData => Some(()),
            SectionKind::PreData | SectionKind::PostData => {
                define(&mut self.definitions, sql, settings, seed);
                Some(())
            }
            SectionKind::SequenceValues => self.sequence(sql.text),
            SectionKind::LargeObjects => self.large_object(sql.text, seed),
        };
        self.strange += u64::from(noted.is_none());
    }

    /// Notes a statement that was refused.
    pub(crate) fn refuse(&mut self, sql: &SqlText<'_>) {
        self.refused.insert(object_of(sql));
    }

    /// Notes what the server warned of, over a statement that was executed.
    pub(crate) fn doubt(&mut self, sql: &SqlText<'_>, warnings: Vec<String>) {
        self.doubtful.entry(object_of(sql)).or_default().extend(warnings);
    }

    /// What the server warned of.
    pub(super) fn take_doubtful(&mut self) -> BTreeMap<Object, Vec<String>> {
        std::mem::take(&mut self.doubtful)
    }

    pub(super) fn is_refused(&self, object: &Object) -> bool {
        self.refused.contains(object)
    }

    pub(super) fn not_understood(&self) -> Vec<String> {
        match self.strange {
            0 => Vec::new(),
            strange => vec![format!("what {strange} statements did, which no dump of Offsite has")],
        }
    }

    fn sequence(&mut self, sql: &[u8]) -> Option<()> {
        let (name, rest) = sequence_literal(sql)?;
        let rest = std::str::from_utf8(rest).ok()?.trim().strip_prefix(',')?;
        let (value, called) = rest.strip_suffix(';')?.trim().strip_suffix(')')?.split_once(',')?;
        let called = match called.trim() {
            "true" => true,
            "false" => false,
            _ => return None,
        };
        self.sequences.insert(name, (value.trim().parse().ok()?, called));
        Some(())
    }

    /// `SELECT pg_catalog.lo_put(oid, offset, '\x…');`
    fn large_object(&mut self, sql: &[u8], seed: DigestSeed) -> Option<()> {
        let rest = sql.strip_prefix(b"SELECT pg_catalog.lo_put(")?;
        let (oid, rest) = cut(rest, b',')?;
        let (offset, rest) = cut(rest, b',')?;
        let digits = rest.strip_prefix(b" '\\x")?.strip_suffix(b"');")?;
        let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<u64>().ok();
        let (oid, offset) = (u32::try_from(number(oid)?).ok()?, number(offset)?);
        if !offset.is_multiple_of(BLOCK as u64) {
            return None;
        }
        let bytes = hex::decode(digits).ok()?;
        add_blocks(self.large_objects.entry(oid).or_default(), offset, &bytes, seed);
        Some(())
    }
}

/// Adds a piece of a large object that begins with a block.
pub(super) fn add_blocks(digest: &mut RowDigest, offset: u64, bytes: &[u8], seed: DigestSeed) {
    let mut row = Vec::with_capacity(8 + BLOCK);
    for (number, block) in (offset / BLOCK as u64..).zip(bytes.chunks(BLOCK)) {
        row.clear();
        row.extend_from_slice(&number.to_be_bytes());
        row.extend_from_slice(block);
        digest.add_row(seed, &row);
    }
}

/// Adds a statement to the entry that it belongs to, unless it is a setting.
pub(super) fn define(definitions: &mut Definitions, sql: &SqlText<'_>, settings: &mut Settings, seed: DigestSeed) {
    if is_setting(sql.text) {
        settings.note(sql.text);
        return;
    }
    let object = object_of(sql);
    let mut text = plain(sql.text);
    text.extend_from_slice(settings.of(sql.text).as_bytes());
    definitions.entry(object).or_default().add_row(seed, &text);
}

/// What a statement belongs to; without a header, its own beginning.
fn object_of(sql: &SqlText<'_>) -> Object {
    Object::of(sql).unwrap_or_else(|| {
        let begin = String::from_utf8_lossy(&sql.text[..sql.text.len().min(60)]).into_owned();
        Object { name: format!("{begin}…"), owner: false }
    })
}

/// A statement word by word: where its lines end, and what its comments say, doesn't count.
fn plain(sql: &[u8]) -> Vec<u8> {
    let (mut lexer, mut plain) = (Lexer::new(sql), Vec::with_capacity(sql.len()));
    loop {
        match lexer.next_token() {
            Ok(Some(token)) => match token.kind {
                TokenKind::Space | TokenKind::LineComment | TokenKind::BlockComment => {}
                _ => {
                    plain.extend_from_slice(&sql[token.range]);
                    plain.push(b' ');
                }
            },
            Ok(None) => return plain,
            Err(_) => return sql.to_vec(),
        }
    }
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(at, text)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SEED: [u8; 8] = *b"seedseed";

    fn digest(sql: &str) -> RowDigest {
        let mut definitions = Definitions::new();
        let mut settings = Settings::default();
        for statement in sql_text::split(sql.as_bytes()) {
            define(&mut definitions, statement.unwrap().sql(), &mut settings, DigestSeed::new(SEED));
        }
        assert_eq!(definitions.len(), 1, "{definitions:?}");
        definitions.into_values().next().unwrap()
    }

    fn table(sql: &str) -> RowDigest {
        digest(&format!("-- Name: t; Type: TABLE; Schema: public; Owner: x\n\n{sql}"))
    }

    #[test]
    fn only_what_a_definition_says_counts() {
        let usual = table("CREATE TABLE public.t (a int);");
        assert_eq!(usual, table("CREATE TABLE public.t (\n  a int -- x\n);"));
        assert_ne!(usual, table("CREATE TABLE public.t (a text);"));
        assert_ne!(usual, table("CREATE TABLE public.t (\"A\" int);"));
        assert_ne!(usual, table("SET default_tablespace = fast;\nCREATE TABLE public.t (a int);"));
        assert_ne!(usual, table("SET default_table_access_method = heap2;\nCREATE TABLE public.t (a int);"));
        assert_eq!(
            table("CREATE TABLE public.t (a int) PARTITION BY HASH (a);"),
            table("SET default_table_access_method = heap2;\nCREATE TABLE public.t (a int) PARTITION BY HASH (a);")
        );
        let one = "ALTER TABLE public.t REPLICA IDENTITY FULL;";
        let two = "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;";
        assert_eq!(table(&format!("{one}\n{two}")), table(&format!("{two}\n{one}")));
        assert_ne!(table(one), table(&format!("{one}\n{one}")));
    }

    #[test]
    fn values_of_sequences_are_read() {
        let mut said = Said::default();
        for (sql, name, value) in [
            ("SELECT pg_catalog.setval('public.q', 5, true);", "public.q", (5, true)),
            ("SELECT pg_catalog.setval('s.\"it''s, \"', -7, false);", "s.\"it's, \"", (-7, false)),
        ] {
            said.sequence(sql.as_bytes()).unwrap();
            assert_eq!(said.sequences[name.as_bytes()], value);
        }
        for sql in ["SELECT pg_catalog.setval('q', x, true);", "SELECT 1;", "SELECT pg_catalog.setval('q', 1);"] {
            assert!(said.sequence(sql.as_bytes()).is_none(), "{sql}");
        }
    }

    #[test]
    fn large_objects_are_the_same_in_whichever_pieces_they_came() {
        let seed = DigestSeed::new(SEED);
        let bytes: Vec<u8> = (0..5000u32).map(|byte| byte as u8).collect();
        let put = |said: &mut Said, from: usize, to: usize| {
            let sql = format!("SELECT pg_catalog.lo_put(7, {from}, '\\x{}');", hex::encode(&bytes[from..to]));
            said.large_object(sql.as_bytes(), seed)
        };
        let (mut one, mut three) = (Said::default(), Said::default());
        put(&mut one, 0, 5000).unwrap();
        for (from, to) in [(4096, 5000), (0, 2048), (2048, 4096)] {
            put(&mut three, from, to).unwrap();
        }
        assert_eq!(one.large_objects, three.large_objects);
        assert!(put(&mut one, 7, 10).is_none());
        assert!(one.large_object(b"SELECT pg_catalog.lo_close(0);", seed).is_none());
    }
}
