//! What is asked for, by a rule of the inventory's own: each catalog says which table its rows belong to.

use std::collections::{HashMap, HashSet};

use crate::catalog::{CatalogError, Reader, SequenceData, TableData};
use crate::object::{ObjectId, class};
use crate::options::Content;
use crate::selection::Selection;

/// Rows of catalogs and the relations that they belong to.
const PARTS: &str = "SELECT 1259 AS class, indexrelid AS oid, indrelid AS of FROM pg_index \
    UNION ALL SELECT 2604, oid, adrelid FROM pg_attrdef \
    UNION ALL SELECT 2606, oid, conrelid FROM pg_constraint WHERE conrelid <> 0 \
    UNION ALL SELECT 2618, oid, ev_class FROM pg_rewrite \
    UNION ALL SELECT 2620, oid, tgrelid FROM pg_trigger \
    UNION ALL SELECT 3256, oid, polrelid FROM pg_policy \
    UNION ALL SELECT 3381, oid, stxrelid FROM pg_statistic_ext \
    UNION ALL SELECT 1259, oid, oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')";

/// Sequences that belong to columns.
const OWNED: &str = "SELECT objid AS oid, refobjid AS of, deptype = 'i' AS identity FROM pg_depend \
    WHERE classid = 1259 AND refclassid = 1259 AND refobjsubid > 0 AND deptype IN ('a', 'i') \
    AND objid IN (SELECT seqrelid FROM pg_sequence)";

/// Tables with rows, and sequences, that a dump is to hold: what extensions keep is theirs, unless they say otherwise.
const WITH_DATA: &str = "SELECT c.oid, c.relkind = 'S' AS sequence FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'S') AND c.relpersistence <> 't' AND c.oid >= 16384 \
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND NOT EXISTS ( \
        SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.classid = 1259 AND d.objid = c.oid \
        AND d.refclassid = 3079 AND d.deptype = 'e' AND c.oid <> ALL (coalesce(e.extconfig, '{}')))";

/// What a dump may leave out without losing anything.
pub(super) struct Asked<'a> {
    selection: &'a Selection,
    of_relation: HashMap<ObjectId, u32>,
    /// The tables that own sequences, and whether by an identity column.
    owned: HashMap<u32, (u32, bool)>,
}

impl<'a> Asked<'a> {
    pub(super) async fn read(reader: &Reader<'_>, selection: &'a Selection) -> Result<Self, CatalogError> {
        let (mut of_relation, mut owned) = (HashMap::new(), HashMap::new());
        if selection.included.is_some() || !selection.excluded.is_empty() {
            for row in reader.rows("what belongs to tables", PARTS).await? {
                of_relation.insert(ObjectId::new(row.oid("class")?, row.oid("oid")?), row.oid("of")?);
            }
            for row in reader.rows("sequences of columns", OWNED).await? {
                owned.insert(row.oid("oid")?, (row.oid("of")?, row.flag("identity")?));
            }
        }
        Ok(Self { selection, of_relation, owned })
    }

    /// Whether an object, or what is said of it, is not asked for.
    pub(super) fn leaves_out(&self, id: ObjectId) -> bool {
        let by_name = self.selection.included.is_some();
        let large_object = matches!(id.class, class::LARGE_OBJECT | class::LARGE_OBJECT_METADATA);
        match self.selection.content {
            Content::Data if !large_object => return true,
            Content::Schema if large_object => return true,
            _ => {}
        }
        match self.of_relation.get(&id) {
            // It is an object of its own, in a schema of its own.
            Some(_) if by_name && id.class == class::STATISTICS => true,
            Some(relation) => !self.is_wanted(*relation),
            None => by_name || (self.selection.no_privileges && id.class == class::DEFAULT_ACL),
        }
    }

    /// Whether no privileges are asked for.
    pub(super) fn leaves_out_privileges(&self) -> bool {
        self.selection.no_privileges || self.selection.content == Content::Data
    }

    /// Whether what belongs to no table is asked for.
    pub(super) fn is_of_no_table(&self) -> bool {
        self.selection.included.is_none() && self.selection.content != Content::Data
    }

    fn is_wanted(&self, relation: u32) -> bool {
        let wanted = |oid| {
            let included = self.selection.included.as_ref().is_none_or(|included| included.contains(&oid));
            included && !self.selection.excluded.contains(&oid)
        };
        // A sequence comes with its table, too; an identity column's has no definition without it.
        match self.owned.get(&relation) {
            Some((table, true)) => wanted(*table) || self.is_wanted_alone(relation, *table),
            Some((table, false)) => wanted(*table) || wanted(relation),
            None => wanted(relation),
        }
    }

    /// Whether a sequence was asked for by name, and its table was not refused: that it can't be had without its table is no reason to
    /// keep silent.
    fn is_wanted_alone(&self, sequence: u32, table: u32) -> bool {
        self.selection.included.as_ref().is_some_and(|included| included.contains(&sequence))
            && ![sequence, table].iter().any(|oid| self.selection.excluded.contains(oid))
    }

    /// Relations whose rows or values are asked for, and are neither among the tables nor the sequences.
    pub(super) async fn without_data(
        &self,
        reader: &Reader<'_>,
        tables: &[TableData],
        sequences: &[SequenceData],
    ) -> Result<Vec<ObjectId>, CatalogError> {
        if self.selection.content == Content::Schema {
            return Ok(Vec::new());
        }
        let tables: HashSet<u32> = tables.iter().map(|table| table.oid).collect();
        let sequences: HashSet<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
        let mut missing = Vec::new();
        for row in reader.rows("what has rows", WITH_DATA).await? {
            let oid = row.oid("oid")?;
            let dumped = if row.flag("sequence")? { &sequences } else { &tables };
            if !dumped.contains(&oid) && self.is_wanted(oid) {
                missing.push(ObjectId::new(class::RELATION, oid));
            }
        }
        Ok(missing)
    }
}
