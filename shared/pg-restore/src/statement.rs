//! One statement, apart from the section it came in: to be executed by any connection.

use std::sync::Arc;

use bytes::Bytes;
use sql_text::{ObjectHeader, SqlText};
use sql_volume::SectionEntry;

pub(crate) mod locks;
pub(crate) mod roles;
pub(crate) mod subject;
pub(crate) mod words;

/// A statement that isn't a COPY.
#[derive(Clone, Debug)]
pub(crate) struct Act {
    pub(crate) entry: Arc<SectionEntry>,
    text: Bytes,
    line: usize,
    header: Option<Header>,
}

#[derive(Clone, Debug)]
struct Header {
    name: Bytes,
    kind: Bytes,
    schema: Option<Bytes>,
}

impl Act {
    /// A statement of `section`, of which it keeps the text alive.
    pub(crate) fn of(entry: &Arc<SectionEntry>, section: &Bytes, sql: &SqlText<'_>) -> Self {
        let header = sql.object.map(|object| Header {
            name: section.slice_ref(object.name),
            kind: section.slice_ref(object.kind),
            schema: object.schema.map(|schema| section.slice_ref(schema)),
        });
        Self { entry: Arc::clone(entry), text: section.slice_ref(sql.text), line: sql.line, header }
    }

    /// The same with a text of its own, that keeps no section alive.
    pub(crate) fn apart(entry: &SectionEntry, sql: &SqlText<'_>) -> Self {
        let header = sql.object.map(|object| Header {
            name: Bytes::copy_from_slice(object.name),
            kind: Bytes::copy_from_slice(object.kind),
            schema: object.schema.map(Bytes::copy_from_slice),
        });
        Self { entry: Arc::new(entry.clone()), text: Bytes::copy_from_slice(sql.text), line: sql.line, header }
    }

    /// As the splitter had it.
    pub(crate) fn sql(&self) -> SqlText<'_> {
        let object = self.header.as_ref().map(|header| ObjectHeader {
            name: &header.name,
            kind: &header.kind,
            schema: header.schema.as_deref(),
        });
        SqlText { text: &self.text, object, offset: 0, line: self.line, whole: 0..self.text.len() }
    }
}
