//! Which part of which table is read at once.

use std::collections::HashMap;
use std::sync::Arc;

use pg_client::Session;

use crate::catalog::TableData;
use crate::error::Error;
use crate::options::DumpOptions;
use crate::session::{Server, fault};

/// A part of a table, read by one COPY.
#[derive(Clone)]
pub(crate) struct Slice {
    pub(crate) table: Arc<TableData>,
    /// The table's header and COPY line, in the database's encoding.
    pub(crate) header: Arc<[u8]>,
    pub(crate) extent: Extent,
}

/// A table that is going to be read.
pub(crate) struct Table {
    pub(crate) data: Arc<TableData>,
    /// As [`Slice::header`].
    pub(crate) header: Arc<[u8]>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All.
    Whole,
    /// Those on pages from `.0` to before `.1`; without an end, those on later pages too.
    Pages(u32, Option<u32>),
}

impl Slice {
    /// All of a table.
    pub(crate) fn whole(table: &Table) -> Self {
        Self { table: Arc::clone(&table.data), header: Arc::clone(&table.header), extent: Extent::Whole }
    }

    /// `table`, as messages name it.
    pub(crate) fn name(&self) -> String {
        sql_text::quote::qualified(&self.table.schema, &self.table.name)
    }

    /// What COPY reads. Whole tables are named, which needs no plan and so no lock on an index.
    pub(crate) fn source(&self) -> String {
        let columns = sql_text::quote::identifiers(&self.table.columns);
        match (&self.condition(), columns.is_empty()) {
            (None, true) => self.name(),
            (None, false) => format!("{} ({columns})", self.name()),
            (Some(condition), _) => format!("(SELECT {columns} FROM ONLY {}{condition})", self.name()),
        }
    }

    /// ` WHERE …`, if not all rows are read.
    pub(crate) fn condition(&self) -> Option<String> {
        // ONLY: a child's rows are the child's. The bounds are pages of the snapshot's time; later rows aren't visible.
        match (self.extent, self.table.filter.as_deref()) {
            (Extent::Whole, None) => None,
            // An extension's condition begins with its own WHERE.
            (Extent::Whole, Some(filter)) => Some(format!(" {filter}")),
            (Extent::Pages(0, Some(end)), _) => Some(format!(" WHERE ctid < '({end},0)'")),
            (Extent::Pages(start, Some(end)), _) => {
                Some(format!(" WHERE ctid >= '({start},0)' AND ctid < '({end},0)'"))
            }
            (Extent::Pages(start, None), _) => Some(format!(" WHERE ctid >= '({start},0)'")),
        }
    }
}

/// Size of a table in the snapshot's time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Size {
    /// Bytes of the main part.
    pub(crate) main: u64,
    /// Bytes of its out-of-line values.
    pub(crate) toast: u64,
}

/// Sizes by OID, read after the snapshot: rows that it shows are on pages that exist then.
pub(crate) async fn sizes(leader: &Session, tables: &[TableData]) -> Result<HashMap<u32, Size>, Error> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let rows = leader
        .client
        .query(
            "SELECT c.oid, pg_catalog.pg_relation_size(c.oid),
                    CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_catalog.pg_relation_size(c.reltoastrelid) END
             FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1)",
            &[&oids],
        )
        .await
        .map_err(|error| fault(leader, "read the tables' sizes", error))?;
    let bytes = |size: Option<i64>| size.map_or(0, |size| u64::try_from(size).unwrap_or(0));
    Ok(rows.iter().map(|row| (row.get(0), Size { main: bytes(row.get(1)), toast: bytes(row.get(2)) })).collect())
}

/// Cuts the tables into slices, the heaviest table first. Those of a table stand together: all who read share it, and so its sections lie
/// together too, for whoever wants one table of a backup.
pub(crate) fn plan(server: &Server, tables: &[Table], sizes: &HashMap<u32, Size>, options: &DumpOptions) -> Vec<Slice> {
    let pages_at_once = u32::try_from(options.slice_bytes / server.page_bytes.max(1)).unwrap_or(u32::MAX).max(1);
    let mut weighed: Vec<(u64, &Table)> = Vec::with_capacity(tables.len());
    for table in tables {
        let size = sizes.get(&table.data.oid).copied().unwrap_or_default();
        weighed.push((size.main + size.toast, table));
    }
    weighed.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    let mut slices = Vec::new();
    for (weight, table) in weighed {
        let data = &table.data;
        let size = sizes.get(&data.oid).copied().unwrap_or_default();
        let pages = u32::try_from(size.main / server.page_bytes.max(1)).unwrap_or(u32::MAX);
        // A single reader has nothing to gain from slices, and whole tables need no plan.
        let alone = options.connections <= 2;
        let whole = alone || !data.is_heap || data.filter.is_some() || !server.scans_ctid_ranges();
        // Out-of-line values weigh on the slices too, so a table of few pages and much toast is cut finer.
        let count = u32::try_from(weight.div_ceil(options.slice_bytes.max(1))).unwrap_or(u32::MAX);
        let step = pages.div_ceil(count.max(1)).clamp(1, pages_at_once);
        if whole || pages <= step {
            slices.push(Slice::whole(table));
            continue;
        }
        let parts = pages.div_ceil(step);
        for part in 0..parts {
            let end = (part + 1 < parts).then(|| (part + 1) * step);
            slices.push(Slice { extent: Extent::Pages(part * step, end), ..Slice::whole(table) });
        }
    }
    slices
}
