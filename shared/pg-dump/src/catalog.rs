//! The catalog of a database, read once within the dump's snapshot, as the SQL that makes it again.
//!
//! ```text
//! pg_catalog ─► Model (kinds) ─► Graph (depend) ─► order (sort) ─► items (emit) ─► Entries
//!          └──────────────────────── inventory: was anything left out? ────────────┘
//! ```

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sql_volume::{DatabaseProperties, Requirements};
use tokio_postgres::Client;

pub(crate) mod array;
mod data;
mod error;
mod initial;
mod model;
mod rows;
mod select;
mod tell;

pub(crate) use data::{SequenceData, TableData};
pub use error::CatalogError;
pub(crate) use model::Model;
pub(crate) use rows::{Reader, Row, rows};

use crate::definitions::SETTINGS;
use crate::depend::Subject;
use crate::emit::{Emitted, Item, Pass, Section};
use crate::inventory::{self, Present};
use crate::object::ObjectId;
use crate::roles::{self, Roles};
use crate::selection::Selection;
use crate::version::Version;
use crate::{depend, properties, sort};

/// The definitions of a database, in order, and what there is of data.
pub(crate) struct Catalog {
    /// How the database itself is made.
    pub(crate) database: DatabaseProperties,
    /// What the definitions refer to and do not make.
    pub(crate) requires: Requirements,
    /// What it rests on, beside the dump.
    pub(crate) roles: Roles,
    /// Tables with rows to dump: those in an order of foreign keys first (extensions' configuration tables; without definitions, all
    /// tables with foreign keys); then by name.
    pub(crate) tables: Vec<TableData>,
    /// Sequences whose values are to be set.
    pub(crate) sequences: Vec<SequenceData>,
    /// Large objects, which the pre-data makes empty.
    pub(crate) large_objects: Vec<u32>,
    /// What the entries would not bring back, by name, if that is allowed.
    pub(crate) not_dumped: Vec<String>,
    /// Tables whose foreign keys lead to tables that come later, if there are no definitions.
    pub(crate) in_circles: Vec<String>,
    version: Version,
    entries: Vec<Entry>,
    counts: BTreeMap<String, u64>,
    /// What seems to be users' on extensions' tables, and doesn't come back.
    pub(crate) on_members: Vec<String>,
    told: HashSet<ObjectId>,
}

/// A header comment and whole statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What the text relies on of the entries before it: to be stated again at the start of a section.
    pub(crate) restated: Arc<str>,
    /// UTF-8, whatever the database's encoding is.
    pub(crate) text: String,
    section: Section,
}

impl Catalog {
    /// Reads everything in a fixed number of queries.
    ///
    /// `client` is within the dump's REPEATABLE READ snapshot, with all tables locked, `search_path = ''`,
    /// `quote_all_identifiers = off` and `extra_float_digits = 3`.
    ///
    /// # Errors
    /// [`CatalogError`]; [`CatalogError::NotDumped`] names everything that the entries would not bring back.
    pub(crate) async fn read(client: &Client) -> Result<Self, CatalogError> {
        Self::read_selected(client, client, Selection::default(), &[]).await
    }

    /// The same of what is asked for, and without large objects whose bytes can't be read. `beside` sees the same snapshot, under
    /// the same settings, and holds no locks.
    pub(crate) async fn read_selected(
        client: &Client,
        beside: &Client,
        selection: Selection,
        unread: &[u32],
    ) -> Result<Self, CatalogError> {
        let (database, version) = properties::read(client).await?;
        let reader = Reader::new(client, beside, version);
        let at_once = &reader.beside();
        // What there is is asked for last: the server answers while the definitions are told here.
        let definitions = async {
            let mut model = Model::read(&reader).await?;
            model.select(selection, unread);
            on_a_thread(move || Ok((Told::of(&model)?, model))).await
        };
        let ((told, model), present) = tokio::try_join!(biased; definitions, Present::read(at_once))?;
        Self::of(&reader, database, &model, told, &present).await
    }

    /// Looks whether what was told is all.
    async fn of(
        reader: &Reader<'_>,
        database: DatabaseProperties,
        model: &Model,
        told: Told,
        present: &Present,
    ) -> Result<Self, CatalogError> {
        let version = reader.version;
        let Told { emitted, tables, sequences } = told;
        let not_dumped = inventory::missing(reader, present, model, &emitted, &tables, &sequences).await?;
        if !not_dumped.is_empty() && !model.selection.allow_partial {
            return Err(CatalogError::NotDumped(not_dumped));
        }
        let whole = model.selection.is_whole() && !model.is_data_only();
        let on_members = if whole { inventory::members::changed(reader).await? } else { Vec::new() };
        let in_circles = data::in_circles(model, &tables);
        let large_objects = model.large_objects.iter().flat_map(|group| group.oids.iter().copied());
        let large_objects = large_objects.filter(|_| model.selection.tells(Subject::LargeObjects(0))).collect();
        let requires = requirements(&emitted);
        let roles = roles::read(reader, &database, &requires.roles).await?;
        let mut counts = emitted.counts();
        counts.insert("ROLE".to_owned(), roles.count);
        let entries = entries(emitted.items);
        let told = emitted.told;
        Ok(Self {
            database,
            requires,
            roles,
            tables,
            sequences,
            large_objects,
            not_dumped,
            in_circles,
            on_members,
            version,
            entries,
            counts,
            told,
        })
    }

    /// The banner and the settings under which the rest is to be run; no object.
    ///
    /// Only settings that the source's major knows, so that the file loads into it with ON_ERROR_STOP.
    pub(crate) fn preamble(&self) -> String {
        properties::preamble(&self.database, self.version)
    }

    /// Definitions that data needs.
    pub(crate) fn pre_data(&self) -> impl Iterator<Item = &Entry> {
        self.section(Section::PreData)
    }

    /// Definitions that need data; then privileges; then what acts by itself.
    pub(crate) fn post_data(&self) -> impl Iterator<Item = &Entry> {
        self.section(Section::PostData)
    }

    /// The texts of all entries, in order.
    pub(crate) fn into_texts(self) -> Vec<String> {
        self.entries.into_iter().map(|entry| entry.text).collect()
    }

    fn section(&self, section: Section) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.section == section)
    }

    /// The last lines of a dump.
    pub(crate) fn trailer() -> &'static str {
        "--\n-- PostgreSQL database dump complete\n--\n\n"
    }

    /// How many entries of each kind there are, by the kinds' names in the headers, and roles beside them.
    pub(crate) fn inventory(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// Names of the dumped objects whose catalog rows are others for `fresh`, a connection outside of the dump's transaction, than
    /// for `client`, which is within it: functions such as `pg_get_viewdef` see the current catalog, so their text may be torn.
    ///
    /// # Errors
    /// [`CatalogError::Query`].
    pub(crate) async fn changed_since(&self, snapshot: &Client, fresh: &Client) -> Result<Vec<String>, CatalogError> {
        inventory::changed(snapshot, fresh, Some(&self.told)).await
    }

    /// The same, when reading has failed: of everything that users made.
    ///
    /// # Errors
    /// [`CatalogError::Query`].
    pub(crate) async fn moved_since(snapshot: &Client, fresh: &Client) -> Result<Vec<String>, CatalogError> {
        inventory::changed(snapshot, fresh, None).await
    }
}

/// The schema of the database that `client` is connected to, as one SQL file without rows.
///
/// It is read in a transaction of its own, without locks: an object that is dropped meanwhile is an error.
///
/// # Errors
/// [`CatalogError`].
pub async fn schema_text(client: &Client) -> Result<String, CatalogError> {
    let run = async |sql| {
        client.batch_execute(sql).await.map_err(|source| CatalogError::Query { what: "the schema", source })
    };
    run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    run(SETTINGS).await?;
    let catalog = Catalog::read(client).await;
    run("ROLLBACK").await?;
    let catalog = catalog?;
    let entries = catalog.pre_data().chain(catalog.post_data()).map(|entry| entry.text.as_str());
    Ok(std::iter::once(catalog.preamble().as_str()).chain(entries).chain([Catalog::trailer()]).collect())
}

/// A model as text.
struct Told {
    emitted: Emitted,
    tables: Vec<TableData>,
    sequences: Vec<SequenceData>,
}

impl Told {
    fn of(model: &Model) -> Result<Self, CatalogError> {
        let mut graph = depend::build(model);
        let order = sort::sort(&mut graph)?;
        let emitted = tell::all(model, &graph, &order)?;
        let (tables, sequences) = data::read(model, &graph, &order);
        Ok(Self { emitted, tables, sequences })
    }
}

/// Runs what takes long without waiting for anything where it keeps no connection waiting.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CatalogError> + Send + 'static,
) -> Result<T, CatalogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // It isn't aborted, so it panicked.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn requirements(emitted: &Emitted) -> Requirements {
    let kind = |kind: &str| {
        let items = emitted.items.iter().filter(move |item| item.kind == kind);
        items.map(|item| item.tag.clone()).collect::<Vec<_>>()
    };
    let mut tablespaces: Vec<_> =
        emitted.items.iter().filter_map(|item| item.tablespace.clone()).filter(|name| !name.is_empty()).collect();
    tablespaces.sort();
    tablespaces.dedup();
    Requirements {
        roles: emitted.roles.iter().filter(|role| !role.starts_with("pg_")).cloned().collect(),
        extensions: kind("EXTENSION"),
        tablespaces,
    }
}

/// Texts in their final order: what comes last within the main pass is followed by privileges, and these by what acts.
fn entries(mut items: Vec<Item>) -> Vec<Entry> {
    for item in &mut items {
        if item.pass != Pass::Main {
            item.section = Section::PostData;
        }
    }
    items.sort_by_key(|item| (item.section, item.pass));
    let (mut tablespace, mut method): (Option<String>, Option<String>) = (None, None);
    let mut restated: Arc<str> = "".into();
    let mut section = Section::PreData;
    let mut entries = Vec::with_capacity(items.len());
    for item in items {
        // The data is between: what follows it stands on its own.
        if item.section != section {
            section = item.section;
            (tablespace, method, restated) = (None, None, "".into());
        }
        let before = Arc::clone(&restated);
        let mut text = String::new();
        if item.tablespace.is_some() && item.tablespace != tablespace {
            text.push_str(&set_tablespace(item.tablespace.as_deref()));
            tablespace.clone_from(&item.tablespace);
        }
        if item.access_method.is_some() && item.access_method != method {
            text.push_str(&set_access_method(item.access_method.as_deref()));
            method.clone_from(&item.access_method);
        }
        if !text.is_empty() {
            restated = (set_tablespace(tablespace.as_deref()) + &set_access_method(method.as_deref())).into();
        }
        text.push_str(&item.text());
        entries.push(Entry { restated: before, text, section });
    }
    entries
}

fn set_tablespace(name: Option<&str>) -> String {
    match name {
        None => String::new(),
        Some("") => "SET default_tablespace = '';\n\n".to_owned(),
        Some(name) => format!("SET default_tablespace = {};\n\n", sql_text::quote::identifier(name)),
    }
}

fn set_access_method(name: Option<&str>) -> String {
    name.map(|name| format!("SET default_table_access_method = {};\n\n", sql_text::quote::identifier(name)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
