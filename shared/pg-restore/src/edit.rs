//! What of a backup is restored, and as whose.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use sql_text::SqlText;
use sql_volume::{SectionEntry, SectionKind, TableTotals};

use crate::choice::{Choice, Content};
use crate::statement::locks::is_setting;
use crate::statement::roles::{Roles, Use};
use crate::statement::subject::{Subject, sequence_of};
use crate::statement::words::Name;

/// How statements are changed or left out on their way. The default changes nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Edit {
    pub(crate) content: Content,
    pub(crate) no_owner: bool,
    pub(crate) no_privileges: bool,
    pub(crate) roles: BTreeMap<String, String>,
    pub(crate) tables: Option<Tables>,
}

/// The relations that were chosen, and what is known of the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// All that the backup makes.
    pub(crate) known: BTreeSet<Name>,
    /// Those that are wanted, with the sequences that they own.
    pub(crate) chosen: BTreeSet<Name>,
    /// Indexes, constraints and statistics by name, and their tables.
    pub(crate) dependents: BTreeMap<Name, Name>,
}

/// What becomes of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edited<'a> {
    /// It isn't executed.
    Left,
    /// It must work.
    Needed(Cow<'a, [u8]>),
    /// It may lack something that was not chosen: then it is reported.
    Optional(Cow<'a, [u8]>),
}

impl Edit {
    pub(crate) fn of(choice: &Choice) -> Self {
        Self {
            content: choice.content,
            no_owner: choice.no_owner,
            no_privileges: choice.no_privileges,
            roles: choice.roles.iter().map(|role| (role.old.clone(), role.new.clone())).collect(),
            tables: None,
        }
    }

    /// Whether everything stays as it is.
    pub(crate) fn is_whole(&self) -> bool {
        let Self { content, no_owner, no_privileges, roles, tables } = self;
        *content == Content::All && !no_owner && !no_privileges && roles.is_empty() && tables.is_none()
    }

    /// Whether a table's rows are wanted.
    pub(crate) fn wants_rows(&self, schema: &str, table: &str) -> bool {
        let chosen = |tables: &Tables| tables.chosen.contains(&(schema.to_owned(), table.to_owned()));
        self.content != Content::Schema && self.tables.as_ref().is_none_or(chosen)
    }

    /// Whether anything of a section may be wanted.
    pub(crate) fn wants(&self, entry: &SectionEntry) -> bool {
        match (entry.kind, &entry.schema, &entry.table) {
            (SectionKind::TableData, Some(schema), Some(table)) => self.wants_rows(schema, table),
            (SectionKind::LargeObjects, ..) => self.content != Content::Schema && self.tables.is_none(),
            (SectionKind::SequenceValues, ..) => self.content != Content::Schema,
            _ => true,
        }
    }

    /// The totals of the tables whose rows are wanted.
    pub(crate) fn totals(&self, mut tables: Vec<TableTotals>) -> Vec<TableTotals> {
        tables.retain(|totals| self.wants_rows(&totals.schema, &totals.table));
        tables
    }

    /// What becomes of a statement.
    pub(crate) fn statement<'a>(&self, sql: &SqlText<'a>) -> Edited<'a> {
        let text = sql.text;
        if self.is_whole() || is_setting(text) && !text.to_ascii_lowercase().contains_word(b"authorization") {
            return Edited::Needed(Cow::Borrowed(text));
        }
        let roles = Roles::of(text);
        if (roles.used == Use::Owner && self.no_owner) || (roles.used == Use::Privileges && self.no_privileges) {
            return Edited::Left;
        }
        let text = roles.renamed(text, &self.roles).map_or(Cow::Borrowed(text), Cow::Owned);
        let subject = Subject::of(sql.text);
        if self.content == Content::Schema {
            let refresh = sql.text.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"refresh"));
            if subject == Subject::LargeObject || refresh {
                return Edited::Left;
            }
        }
        if self.content == Content::Data && !fills(&subject, sql.text) {
            return Edited::Left;
        }
        let Some(tables) = &self.tables else { return Edited::Needed(text) };
        let names = match subject {
            Subject::Relations(names) => names,
            Subject::Dependents(names) => {
                names.iter().map(|name| tables.dependents.get(name).unwrap_or(name).clone()).collect()
            }
            Subject::LargeObject | Subject::Database => return Edited::Left,
            Subject::Other => return Edited::Optional(text),
        };
        if names.iter().any(|name| tables.known.contains(name) && !tables.chosen.contains(name)) {
            return Edited::Left;
        }
        let known = names.iter().all(|name| tables.known.contains(name));
        if known { Edited::Needed(text) } else { Edited::Optional(text) }
    }
}

/// Whether a statement is of the data: a large object, the value of a sequence, the filling of a materialised view.
fn fills(subject: &Subject, sql: &[u8]) -> bool {
    let starts = |word: &str| sql.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
    *subject == Subject::LargeObject || starts("refresh") || starts("insert") || sequence_of(sql).is_some()
}

trait Contains {
    fn contains_word(&self, word: &[u8]) -> bool;
}

impl Contains for Vec<u8> {
    fn contains_word(&self, word: &[u8]) -> bool {
        self.windows(word.len()).any(|window| window == word)
    }
}
