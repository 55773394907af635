//! Which part of a database is asked for, and which relations its patterns match.

use std::collections::BTreeSet;

use pg_client::Session;

use crate::depend::Subject;
use crate::error::Error;
use crate::options::{Content, DumpOptions};
use crate::session::fault;
use sql_text::TablePattern;

/// Which part of a database is asked for, with patterns resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) content: Content,
    /// The relations that are asked for by name; `None` if none are, and so everything is.
    pub(crate) included: Option<BTreeSet<u32>>,
    /// The relations that are not.
    pub(crate) excluded: BTreeSet<u32>,
    pub(crate) no_owner: bool,
    pub(crate) no_privileges: bool,
    /// What would be lost is a warning, and not an error.
    pub(crate) allow_partial: bool,
}

/// Resolves the patterns of a dump, as often as its tables are listed.
pub(crate) struct Patterns<'a> {
    options: &'a DumpOptions,
    /// Schemas that are searched for names without a schema, in order.
    path: Vec<String>,
}

/// What patterns apply to. The system's own relations and those that an extension brings are never dumped, so no pattern means
/// them, unless the rows are the user's (`extconfig`).
const RELATIONS: &str = "
    SELECT p.number, c.oid
    FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[]))
      WITH ORDINALITY AS p (schema, name, number)
    CROSS JOIN pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.relkind OPERATOR(pg_catalog.=) ANY (ARRAY['r', 'S', 'v', 'm', 'f', 'p']::pg_catalog.\"char\"[])
      AND n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname OPERATOR(pg_catalog.<>) 'information_schema'
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
          AND d.objid OPERATOR(pg_catalog.=) c.oid AND d.deptype OPERATOR(pg_catalog.=) 'e'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e
            WHERE e.oid OPERATOR(pg_catalog.=) d.refobjid AND c.oid OPERATOR(pg_catalog.=) ANY (e.extconfig)))
      AND c.relname OPERATOR(pg_catalog.~) p.name COLLATE pg_catalog.default
      AND CASE WHEN p.schema IS NOT NULL THEN n.nspname OPERATOR(pg_catalog.~) p.schema COLLATE pg_catalog.default
          ELSE n.nspname OPERATOR(pg_catalog.=) (
            SELECT s.name FROM pg_catalog.unnest($3::pg_catalog.text[]) WITH ORDINALITY AS s (name, place)
            JOIN pg_catalog.pg_namespace o ON o.nspname OPERATOR(pg_catalog.=) s.name
            JOIN pg_catalog.pg_class same ON same.relnamespace OPERATOR(pg_catalog.=) o.oid
              AND same.relname OPERATOR(pg_catalog.=) c.relname
            ORDER BY s.place LIMIT 1) END";

impl<'a> Patterns<'a> {
    /// Reads the search path of `side`, a session without settings of ours.
    ///
    /// # Errors
    /// [`Error::AnotherDatabase`] when a pattern names one.
    pub(crate) async fn read(side: &Session, options: &'a DumpOptions) -> Result<Self, Error> {
        let mut path = Vec::new();
        if options.selects_tables() {
            let sql = "SELECT pg_catalog.current_schemas(true)::pg_catalog.text[], pg_catalog.current_database()::pg_catalog.text";
            let row = side.client.query_one(sql, &[]).await;
            let row = row.map_err(|error| fault(side, "read the search path", error))?;
            path = row.get(0);
            let ours: &str = row.get(1);
            let mut patterns = options.tables.iter().chain(&options.exclude_tables);
            let of_another = |pattern: &&TablePattern| pattern.database().is_some_and(|database| database != ours);
            if let Some(pattern) = patterns.find(of_another) {
                return Err(Error::AnotherDatabase { pattern: pattern.to_string(), database: ours.to_owned() });
            }
        }
        Ok(Self { options, path })
    }

    /// What they match in what `session` sees.
    ///
    /// # Errors
    /// [`Error::NoMatch`] with every pattern of [`DumpOptions::tables`] that matches nothing.
    pub(crate) async fn resolve(&self, session: &Session) -> Result<Selection, Error> {
        let options = self.options;
        let mut selection = Selection {
            content: options.content,
            no_owner: options.no_owner,
            no_privileges: options.no_privileges,
            allow_partial: options.allow_partial,
            ..Selection::default()
        };
        if !options.tables.is_empty() {
            let matches = self.matches(session, &options.tables).await?;
            let matched: BTreeSet<i64> = matches.iter().map(|(number, _)| *number).collect();
            let nothing = (1..).zip(&options.tables).filter(|(number, _)| !matched.contains(number));
            let patterns: Vec<String> = nothing.map(|(_, pattern)| pattern.to_string()).collect();
            if !patterns.is_empty() {
                return Err(Error::NoMatch { patterns });
            }
            selection.included = Some(matches.into_iter().map(|(_, oid)| oid).collect());
        }
        if !options.exclude_tables.is_empty() {
            let matches = self.matches(session, &options.exclude_tables).await?;
            selection.excluded = matches.into_iter().map(|(_, oid)| oid).collect();
        }
        Ok(selection)
    }

    /// Numbers of patterns, from 1, with the relations that each matches.
    async fn matches(&self, session: &Session, patterns: &[TablePattern]) -> Result<Vec<(i64, u32)>, Error> {
        let schemas: Vec<Option<&str>> = patterns.iter().map(TablePattern::schema).collect();
        let names: Vec<&str> = patterns.iter().map(TablePattern::name).collect();
        let rows = session.client.query(RELATIONS, &[&schemas, &names, &self.path]).await;
        let rows = rows.map_err(|error| {
            let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            fault(session, format!("look for tables that match {}", patterns.join(", ")), error)
        })?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

impl DumpOptions {
    fn selects_tables(&self) -> bool {
        !self.tables.is_empty() || !self.exclude_tables.is_empty()
    }
}

impl Selection {
    /// Whether a relation is asked for by itself. A sequence may also come with the table that owns it.
    pub(crate) fn names(&self, relation: u32) -> bool {
        self.included.as_ref().is_none_or(|included| included.contains(&relation)) && !self.excluded.contains(&relation)
    }

    /// Whether all relations are asked for, and what belongs to none of them.
    pub(crate) fn is_whole(&self) -> bool {
        self.included.is_none()
    }

    /// Whether a node of the graph is to be told, as far as its kind says. With names of tables, only what belongs to tables is.
    pub(crate) fn tells(&self, subject: Subject) -> bool {
        let data = matches!(subject, Subject::LargeObjects(_) | Subject::Refresh(_));
        let of_relation = matches!(
            subject,
            Subject::Relation(_)
                | Subject::TableAttach(_)
                | Subject::ColumnDefault(_)
                | Subject::NullDefault(..)
                | Subject::Constraint(_)
                | Subject::Index(_)
                | Subject::IndexAttach(_)
                | Subject::Rule(_)
                | Subject::Trigger(_)
                | Subject::ForeignKey(_)
                | Subject::RowSecurity(_)
                | Subject::Policy(_)
                | Subject::Refresh(_)
        );
        (self.is_whole() || of_relation)
            && match self.content {
                Content::All => true,
                Content::Schema => !data,
                Content::Data => data,
            }
    }

    /// Whether rows are asked for.
    pub(crate) fn rows(&self) -> bool {
        self.content != Content::Schema
    }
}
