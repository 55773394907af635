//! A plain dump cut into sections, as a backup has them.

use std::collections::BTreeMap;

use sql_text::{Statement, split};
use sql_volume::{
    CompressedSection, CopyRows, DatabaseProperties, DigestSeed, Requirements, RowDigest, Section, SectionKind,
    TableTotals, compress,
};
use testing::postgres::Database;

use crate::database::pg_dump;

/// A backup in memory.
#[derive(Debug)]
pub(crate) struct Backup {
    pub(crate) database: DatabaseProperties,
    pub(crate) requires: Requirements,
    pub(crate) seed: DigestSeed,
    pub(crate) sections: Vec<CompressedSection>,
    pub(crate) tables: Vec<TableTotals>,
}

impl Backup {
    /// What stock pg_dump says of a database.
    pub(crate) async fn of(database: &Database) -> Self {
        let properties = properties(database).await;
        Self::of_dump(properties, &pg_dump(&database.server, &database.name))
    }

    pub(crate) fn of_dump(database: DatabaseProperties, dump: &[u8]) -> Self {
        let seed = DigestSeed::new(*b"testseed");
        let mut tables: BTreeMap<(String, String), TableTotals> = BTreeMap::new();
        let mut sections = Vec::new();
        let mut definitions = None;
        for section in cut(dump, &database.encoding) {
            if let Some((rows, columns)) = section.rows.as_ref().zip(section.columns) {
                let mut digest = RowDigest::default();
                digest.add_rows(seed, &section.sql[rows.range.clone()]);
                let (schema, table) = (rows.schema.clone(), rows.table.clone());
                tables
                    .entry((schema.clone(), table.clone()))
                    .and_modify(|totals| totals.digest.merge(digest))
                    .or_insert_with(|| TableTotals { schema, table, columns, digest });
            }
            let seq = u32::try_from(sections.len()).unwrap();
            let Cut { kind, sql, rows, .. } = section;
            // As in a backup: data in any order, behind all definitions that come before it. But for stock pg_dump's large objects, whose
            // statements are a transaction.
            let data = matches!(kind, SectionKind::TableData | SectionKind::SequenceValues);
            let after = if data { definitions } else { seq.checked_sub(1) };
            if !data {
                definitions = Some(seq);
            }
            let section = Section { kind, seq, after, sql, rows };
            sections.push(compress(&section, 1, seed).unwrap());
        }
        let tables = tables.into_values().collect();
        Self { database, requires: Requirements::default(), seed, sections, tables }
    }
}

/// A database as tests create them, on the oldest server: every other takes it.
pub(crate) fn simple() -> DatabaseProperties {
    DatabaseProperties {
        name: "simple".to_owned(),
        server_version: "13.0".to_owned(),
        server_version_num: 130_000,
        encoding: "UTF8".to_owned(),
        collate: "C".to_owned(),
        ctype: "C".to_owned(),
        locale_provider: "libc".to_owned(),
        ..DatabaseProperties::default()
    }
}

/// How a database of the stack was created.
pub(crate) async fn properties(database: &Database) -> DatabaseProperties {
    let client = database.connect().await;
    let row = client
        .query_one(
            "SELECT current_setting('server_version'), current_setting('server_version_num')::int, \
             pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, to_jsonb(d) ->> 'datlocprovider', \
             coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules' \
             FROM pg_database d WHERE datname = current_database()",
            &[],
        )
        .await
        .unwrap();
    DatabaseProperties {
        name: database.name.clone(),
        server_version: row.get(0),
        server_version_num: row.get::<_, i32>(1).unsigned_abs(),
        encoding: row.get(2),
        collate: row.get(3),
        ctype: row.get(4),
        locale_provider: match row.get::<_, Option<&str>>(5) {
            Some("i") => "icu",
            Some("b") => "builtin",
            _ => "libc",
        }
        .to_owned(),
        locale: row.get(6),
        icu_rules: row.get(7),
    }
}

/// A section, and the columns of the table that it has rows of.
struct Cut {
    kind: SectionKind,
    sql: Vec<u8>,
    rows: Option<CopyRows>,
    columns: Option<Vec<String>>,
}

/// Preamble, pre-data, a section per COPY, the rest of the data by its kind, post-data.
fn cut(dump: &[u8], encoding: &str) -> Vec<Cut> {
    let mut sections: Vec<Cut> = Vec::new();
    let (mut splitter, mut put) = (split(dump), Put::default());
    for statement in splitter.by_ref() {
        let statement = statement.unwrap();
        let text = statement.sql();
        let whole = &dump[text.whole.clone()];
        let before = sections.last().map_or(SectionKind::Preamble, |last| last.kind);
        let kind = match (&statement, text.object.map(|object| object.kind)) {
            (Statement::CopyFromStdin { .. }, _) => SectionKind::TableData,
            (_, None) => SectionKind::Preamble,
            (_, Some(b"SEQUENCE SET")) => SectionKind::SequenceValues,
            (_, Some(b"BLOBS")) => SectionKind::LargeObjects,
            (_, Some(kind)) if kind.starts_with(b"BLOB") => SectionKind::PreData,
            (
                _,
                Some(b"CONSTRAINT" | b"FK CONSTRAINT" | b"INDEX" | b"TRIGGER" | b"RULE" | b"MATERIALIZED VIEW DATA"),
            ) => SectionKind::PostData,
            _ if matches!(before, SectionKind::Preamble | SectionKind::PreData) => SectionKind::PreData,
            _ => SectionKind::PostData,
        };
        if let Statement::CopyFromStdin { rows, .. } = &statement {
            let start = text.whole.start;
            let (schema, table, columns) = copy_target(text.text, encoding);
            let count = dump[rows.clone()].iter().filter(|byte| **byte == b'\n').count() as u64;
            let range = rows.start - start..rows.end - start;
            let rows = Some(CopyRows { schema, table, range, count });
            sections.push(Cut { kind, sql: whole.to_vec(), rows, columns: Some(columns) });
        } else if kind == SectionKind::LargeObjects {
            sections.extend(put.of(text.text).map(|sql| Cut { kind, sql, rows: None, columns: None }));
        } else if before == kind
            && sections
                .last()
                .is_some_and(|last| last.sql.len() < 2000 || !whole.windows(9).any(|text| text == b"\n-- Name:"))
        {
            sections.last_mut().unwrap().sql.extend_from_slice(whole);
        } else {
            sections.push(Cut { kind, sql: whole.to_vec(), rows: None, columns: None });
        }
    }
    let rest = &dump[splitter.remainder()];
    sections.last_mut().expect("a section").sql.extend_from_slice(rest);
    sections
}

/// Stock pg_dump's large objects in the words of a backup.
#[derive(Default)]
struct Put {
    oid: String,
    offset: usize,
}

impl Put {
    fn of(&mut self, sql: &[u8]) -> Option<Vec<u8>> {
        let sql = std::str::from_utf8(sql).unwrap();
        if let Some(rest) = sql.strip_prefix("SELECT pg_catalog.lo_open('") {
            (self.oid, self.offset) = (rest.split_once('\'').unwrap().0.to_owned(), 0);
        }
        let digits = sql.strip_prefix("SELECT pg_catalog.lowrite(0, '\\x")?.strip_suffix("');").unwrap();
        let put = format!("SELECT pg_catalog.lo_put({}, {}, '\\x{digits}');\n", self.oid, self.offset);
        self.offset += digits.len() / 2;
        Some(put.into_bytes())
    }
}

/// Schema, table and columns of `COPY schema.table (columns) FROM stdin;`.
fn copy_target(command: &[u8], encoding: &str) -> (String, String, Vec<String>) {
    // The only encodings in these tests in which names go beyond ASCII are UTF-8 and single-byte Latin 1's like.
    let command = match encoding {
        "UTF8" => String::from_utf8(command.to_vec()).unwrap(),
        _ => command.iter().map(|byte| char::from(*byte)).collect(),
    };
    let target = command.strip_prefix("COPY ").unwrap();
    let (target, columns) = target.split_once(" (").unwrap_or((target, ")"));
    let names = |text: &str, separator: char| -> Vec<String> {
        let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| part.trim_matches('"').replace("\"\"", "\"")).collect()
    };
    let mut target = names(target.split(" FROM stdin").next().unwrap(), '.').into_iter();
    let columns = names(columns.split(')').next().unwrap(), ',');
    (target.next().unwrap(), target.next().unwrap(), columns)
}
