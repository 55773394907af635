//! What is restored, found out before anything is changed: the definitions are read once for it.

use std::collections::{BTreeMap, BTreeSet};

use pg_client::Session;
use sql_text::{TablePattern, split};
use sql_volume::SectionKind;

use crate::choice::{Choice, Content};
use crate::edit::{Edit, Edited, Tables};
use crate::error::Error;
use crate::existing::large_objects::made_by;
use crate::failure::{Failure, Rows};
use crate::report::RestoreReport;
use crate::source::SectionSource;
use crate::statement::roles::Roles;
use crate::statement::subject::Made;
use crate::statement::words::Name;

/// A schema for patterns that name none.
const PUBLIC: &str = "public";

/// What of a backup is restored.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) edit: Edit,
    /// The sections to be read, if not all.
    pub(crate) sections: Option<Vec<u32>>,
    /// The roles that must exist.
    pub(crate) roles: Vec<String>,
    /// Numbers of the large objects that are made, if a part of the backup is restored.
    pub(crate) large_objects: BTreeSet<u32>,
}

/// What the definitions of a backup say.
#[derive(Default)]
struct Definitions {
    tables: Tables,
    /// Sequences and whose they are.
    owned: BTreeMap<Name, Name>,
    /// Partitions and whose they are.
    partitions: BTreeMap<Name, Name>,
    sequences: BTreeSet<Name>,
}

impl Plan {
    /// Finds out what is restored. `session` is at the target's server, which knows what a pattern matches.
    pub(crate) async fn draw(
        session: &Session,
        source: &mut impl SectionSource,
        choice: &Choice,
    ) -> Result<Self, Error> {
        let mut edit = Edit::of(choice);
        let roles = source.requires().roles.clone();
        if edit.is_whole() && choice.tables.is_empty() {
            return Ok(Self { edit, sections: None, roles, ..Self::default() });
        }
        let Some(entries) = source.entries() else { return Err(Error::OnlyWhole) };
        let known_encoding = ["UTF8", "SQL_ASCII"].contains(&source.database().encoding.as_str());
        if !choice.tables.is_empty() && !known_encoding {
            let encoding = source.database().encoding.clone();
            return Err(Error::TablesOfEncoding { encoding });
        }
        // The preamble only because it comes along: whoever fetches what follows has it.
        let definitions = |kind| matches!(kind, SectionKind::Preamble | SectionKind::PreData | SectionKind::PostData);
        let wanted = entries.iter().filter(|entry| definitions(entry.kind)).map(|entry| entry.seq).collect();
        source.choose(wanted);
        let mut texts = Vec::new();
        let mut found = Definitions::default();
        while let Some((entry, sql)) = source.next().await.map_err(Error::Source)? {
            if entry.kind == SectionKind::Preamble {
                continue;
            }
            for statement in split(&sql) {
                let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
                if !choice.tables.is_empty() {
                    found.add(statement.sql().text);
                }
            }
            texts.push((entry, sql));
        }
        if !choice.tables.is_empty() {
            let name = source.database().name.clone();
            let recorded = source.tables().into_iter().map(|totals| (totals.schema, totals.table)).collect();
            edit.tables = Some(found.choose(session, &name, recorded, choice).await?);
        }
        // Which roles are left to be named, only the statements tell that stay.
        let (mut named, mut large_objects) = (BTreeSet::new(), BTreeSet::new());
        for (entry, sql) in texts {
            large_objects.extend(made_by(&entry, &sql, &edit)?);
            for statement in split(&sql) {
                let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
                if let Edited::Needed(text) | Edited::Optional(text) = edit.statement(statement.sql()) {
                    named.extend(Roles::of(&text).names().map(str::to_owned));
                }
            }
        }
        let renamed = roles.into_iter().map(|role| edit.roles.get(&role).cloned().unwrap_or(role));
        let roles = renamed.filter(|role| named.contains(role)).collect();
        let sections = entries.iter().filter(|entry| edit.wants(entry)).map(|entry| entry.seq).collect::<Vec<_>>();
        source.choose(sections.clone());
        Ok(Self { edit, sections: Some(sections), roles, large_objects })
    }
}

impl Plan {
    /// Says what would be done.
    pub(crate) fn tell(&self, source: &impl SectionSource, report: &mut RestoreReport) {
        report.dry_run = true;
        (report.sections, report.bytes) = self.read(source);
        let tables = self.edit.totals(source.tables());
        report.tables = tables.len() as u64;
        report.rows = tables.iter().map(|table| table.digest.rows()).sum();
    }
}

impl Plan {
    /// Sections to be read, and their bytes of SQL.
    pub(crate) fn read(&self, source: &impl SectionSource) -> (u64, u64) {
        let entries = source.entries().unwrap_or_default();
        let wanted = |seq: &u32| self.sections.as_ref().is_none_or(|sections| sections.binary_search(seq).is_ok());
        let wanted = entries.iter().filter(|entry| wanted(&entry.seq));
        wanted.fold((0, 0), |(sections, bytes), entry| (sections + 1, bytes + entry.sql_length))
    }
}

impl Definitions {
    fn add(&mut self, sql: &[u8]) {
        match Made::by(sql) {
            Some(Made::Relation(name)) => {
                if sql.get(..15).is_some_and(|words| words.eq_ignore_ascii_case(b"CREATE SEQUENCE")) {
                    self.sequences.insert(name.clone());
                }
                self.tables.known.insert(name);
            }
            Some(Made::Owned { sequence, table }) => {
                self.tables.known.insert(sequence.clone());
                self.owned.insert(sequence, table);
            }
            Some(Made::Dependent { name, table }) => {
                self.tables.dependents.insert(name, table);
            }
            Some(Made::Partition { table, of }) => {
                self.partitions.insert(table, of);
            }
            None => {}
        }
    }

    async fn choose(
        mut self,
        session: &Session,
        database: &str,
        recorded: BTreeSet<Name>,
        choice: &Choice,
    ) -> Result<Tables, Error> {
        let mut unmatched = Vec::new();
        for pattern in &choice.tables {
            let matched = self.matched(session, pattern, database).await?;
            if matched.is_empty() {
                unmatched.push(pattern.to_string());
            }
            self.tables.chosen.extend(matched);
        }
        if !unmatched.is_empty() {
            return Err(Error::NoSuchTable { patterns: unmatched });
        }
        // A sequence comes with its table; one that is nobody's may be what a column's default needs.
        let chosen = self.tables.chosen.clone();
        self.tables
            .chosen
            .extend(self.owned.iter().filter(|(_, table)| chosen.contains(*table)).map(|(name, _)| name.clone()));
        let nobodys = self.sequences.iter().filter(|sequence| !self.owned.contains_key(*sequence));
        if choice.content != Content::Data {
            self.tables.chosen.extend(nobodys.cloned());
        }
        // The rows of some partitions are stored with the table that they are partitions of.
        for table in &chosen {
            let mut root = table;
            while let Some(parent) = self.partitions.get(root).filter(|_| !recorded.contains(root)) {
                root = parent;
            }
            if root != table && recorded.contains(root) && !chosen.contains(root) {
                let name = |(schema, table): &Name| format!("{schema}.{table}");
                return Err(Error::RowsElsewhere { table: name(table), root: name(root) });
            }
        }
        Ok(self.tables)
    }

    async fn matched(&self, session: &Session, pattern: &TablePattern, database: &str) -> Result<Vec<Name>, Error> {
        if pattern.database().is_some_and(|named| named != database) {
            return Ok(Vec::new());
        }
        let (schemas, names): (Vec<_>, Vec<_>) =
            self.tables.known.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).unzip();
        let any = format!("^({PUBLIC})$");
        let schema = pattern.schema().unwrap_or(&any);
        let sql = "SELECT u.schema, u.name FROM unnest($1::text[], $2::text[]) AS u(schema, name) \
                   WHERE u.schema OPERATOR(pg_catalog.~) $3 AND u.name OPERATOR(pg_catalog.~) $4";
        let rows = session.client.query(sql, &[&schemas, &names, &schema, &pattern.name()]).await;
        let rows = rows.map_err(|error| Error::Step {
            act: format!("look for what the pattern {pattern} means"),
            source: Failure::of(session, error, Rows::None),
        })?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

impl Choice {
    /// Whether everything of a backup is to be restored as it was.
    pub(crate) fn is_whole(&self) -> bool {
        self.tables.is_empty() && Edit::of(self).is_whole()
    }
}
