//! What identifies an object of a database.

/// A row of a system catalog that has an `oid` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectId {
    /// OID of the catalog, such as [`class::RELATION`].
    pub(crate) class: u32,
    /// OID of the row.
    pub(crate) oid: u32,
}

impl ObjectId {
    pub(crate) const fn new(class: u32, oid: u32) -> Self {
        Self { class, oid }
    }
}

/// Objects below this OID were made by initdb, but for large objects, whose OIDs users choose.
pub(crate) const FIRST_USER_OID: u32 = 16_384;

impl ObjectId {
    /// Whether a user made it.
    pub(crate) fn is_users(self) -> bool {
        self.oid >= FIRST_USER_OID || matches!(self.class, class::LARGE_OBJECT | class::LARGE_OBJECT_METADATA)
    }
}

/// OIDs of catalogs: fixed in PostgreSQL's sources.
pub(crate) mod class {
    pub(crate) const TYPE: u32 = 1247;
    pub(crate) const FUNCTION: u32 = 1255;
    pub(crate) const RELATION: u32 = 1259;
    pub(crate) const DEFAULT_ACL: u32 = 826;
    pub(crate) const DATABASE: u32 = 1262;
    pub(crate) const SERVER: u32 = 1417;
    pub(crate) const USER_MAPPING: u32 = 1418;
    pub(crate) const FOREIGN_DATA_WRAPPER: u32 = 2328;
    pub(crate) const ACCESS_METHOD: u32 = 2601;
    pub(crate) const FAMILY_OPERATOR: u32 = 2602;
    pub(crate) const FAMILY_FUNCTION: u32 = 2603;
    pub(crate) const COLUMN_DEFAULT: u32 = 2604;
    pub(crate) const CAST: u32 = 2605;
    pub(crate) const CONSTRAINT: u32 = 2606;
    pub(crate) const CONVERSION: u32 = 2607;
    pub(crate) const LANGUAGE: u32 = 2612;
    /// `pg_largeobject`, by which comments and dependencies name large objects.
    pub(crate) const LARGE_OBJECT: u32 = 2613;
    pub(crate) const SCHEMA: u32 = 2615;
    pub(crate) const OPERATOR_CLASS: u32 = 2616;
    pub(crate) const OPERATOR: u32 = 2617;
    pub(crate) const RULE: u32 = 2618;
    pub(crate) const TRIGGER: u32 = 2620;
    pub(crate) const OPERATOR_FAMILY: u32 = 2753;
    /// `pg_largeobject_metadata`, which has their OIDs, owners and privileges.
    pub(crate) const LARGE_OBJECT_METADATA: u32 = 2995;
    pub(crate) const EXTENSION: u32 = 3079;
    pub(crate) const POLICY: u32 = 3256;
    pub(crate) const STATISTICS: u32 = 3381;
    pub(crate) const COLLATION: u32 = 3456;
    pub(crate) const EVENT_TRIGGER: u32 = 3466;
    pub(crate) const TRANSFORM: u32 = 3576;
    pub(crate) const TEXT_SEARCH_DICTIONARY: u32 = 3600;
    pub(crate) const TEXT_SEARCH_PARSER: u32 = 3601;
    pub(crate) const TEXT_SEARCH_CONFIGURATION: u32 = 3602;
    pub(crate) const TEXT_SEARCH_TEMPLATE: u32 = 3764;
    pub(crate) const SUBSCRIPTION: u32 = 6100;
    pub(crate) const PUBLICATION: u32 = 6104;
    pub(crate) const PUBLICATION_TABLE: u32 = 6106;
    pub(crate) const PUBLICATION_SCHEMA: u32 = 6237;
}
