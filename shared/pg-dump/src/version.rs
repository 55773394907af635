//! What each server major knows: every version gate of the dump stands here.

use crate::catalog::CatalogError;

/// The first and the last major whose catalogs this version knows.
const KNOWN: std::ops::RangeInclusive<u32> = 13..=18;

/// A server's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    number: u32,
}

impl Version {
    /// From `server_version_num`, such as 150008.
    ///
    /// # Errors
    /// [`CatalogError::UnknownMajor`]: a catalog that nobody has looked at may hold what a dump would lose.
    pub(crate) fn new(number: u32) -> Result<Self, CatalogError> {
        let major = number / 10_000;
        if KNOWN.contains(&major) { Ok(Self { number }) } else { Err(CatalogError::UnknownMajor(major)) }
    }

    /// `server_version_num`.
    pub(crate) fn number(self) -> u32 {
        self.number
    }

    /// Such as 15.
    pub(crate) fn major(self) -> u32 {
        self.number / 10_000
    }

    fn since(self, major: u32, then: &'static str, before: &'static str) -> &'static str {
        if self.major() >= major { then } else { before }
    }

    /// `SET transaction_timeout`.
    pub(crate) fn knows_transaction_timeout(self) -> bool {
        self.major() >= 17
    }

    /// initdb lets everyone create in the schema `public`.
    pub(crate) fn opens_public(self) -> bool {
        self.major() < 15
    }

    /// `LOGGED` and `UNLOGGED` for sequences.
    pub(crate) fn knows_unlogged_sequences(self) -> bool {
        self.major() >= 15
    }

    /// `ALTER TABLE … SET EXPRESSION` of a generated column.
    pub(crate) fn sets_expressions(self) -> bool {
        self.major() >= 17
    }

    /// NOT NULL constraints have rows in `pg_constraint`, names and properties.
    pub(crate) fn catalogues_not_null(self) -> bool {
        self.major() >= 18
    }

    /// `pg_attribute.attcompression`.
    pub(crate) fn column_compression(self) -> &'static str {
        self.since(14, "a.attcompression", "''")
    }

    /// `pg_attribute.attstattarget` is NULL by default, and -1 before.
    pub(crate) fn column_statistics(self) -> &'static str {
        self.since(17, "coalesce(a.attstattarget, -1)", "a.attstattarget")
    }

    /// `pg_statistic_ext.stxstattarget` likewise.
    pub(crate) fn extended_statistics_target(self) -> &'static str {
        self.since(17, "coalesce(s.stxstattarget, -1)", "s.stxstattarget")
    }

    /// Functions whose body is SQL that was parsed when they were made.
    pub(crate) fn function_sql_body(self) -> &'static str {
        self.since(14, "pg_get_function_sqlbody(p.oid)", "NULL")
    }

    /// Whether a function is one of these.
    pub(crate) fn function_has_sql_body(self) -> &'static str {
        self.since(14, "p.prosqlbody IS NOT NULL", "false")
    }

    /// `pg_index.indnullsnotdistinct`.
    pub(crate) fn index_nulls_not_distinct(self) -> &'static str {
        self.since(15, "i.indnullsnotdistinct", "false")
    }

    /// `pg_constraint.conperiod`: WITHOUT OVERLAPS and PERIOD.
    pub(crate) fn constraint_period(self) -> &'static str {
        self.since(18, "c.conperiod", "false")
    }

    /// `pg_range.rngmultitypid`.
    pub(crate) fn multirange_type(self) -> &'static str {
        self.since(14, "r.rngmultitypid", "0")
    }

    /// Base types with a subscript handler.
    pub(crate) fn subscript_handler(self) -> &'static str {
        self.since(14, "b.typsubscript::text", "'-'")
    }

    /// Clones of a partitioned table's triggers: internal ones before 15, ones with a parent since.
    pub(crate) fn trigger_is_clone(self) -> &'static str {
        self.since(15, "t.tgparentid <> 0", "t.tgisinternal")
    }

    /// The triggers that a dump has to say something of: users' own, and clones that were enabled or disabled alone.
    pub(crate) fn trigger_is_dumped(self) -> &'static str {
        self.since(
            15,
            "((NOT t.tgisinternal AND t.tgparentid = 0) OR t.tgenabled <> u.tgenabled)",
            "(NOT t.tgisinternal OR t.tgenabled <> u.tgenabled)",
        )
    }

    /// The database's locale provider.
    pub(crate) fn locale_provider(self) -> &'static str {
        self.since(15, "CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END", "'libc'")
    }

    /// The database's ICU or built-in locale.
    pub(crate) fn database_locale(self) -> &'static str {
        self.since(17, "d.datlocale", self.since(15, "d.daticulocale", "NULL"))
    }

    /// `pg_collation`: locale of an ICU or built-in collation.
    pub(crate) fn collation_locale(self) -> &'static str {
        let before = self.since(15, "c.colliculocale", "c.collcollate");
        self.since(17, "c.colllocale", before)
    }

    /// `pg_collation.collicurules`.
    pub(crate) fn collation_rules(self) -> &'static str {
        self.since(16, "c.collicurules", "NULL")
    }

    /// Whether a cast was made on its own, and not with a range type.
    pub(crate) fn cast_is_explicit(self) -> &'static str {
        self.since(
            14,
            "NOT EXISTS (SELECT FROM pg_range r WHERE r.rngtypid = c.castsource AND r.rngmultitypid = c.casttarget)",
            "true",
        )
    }

    /// `LOCALE_PROVIDER` of CREATE DATABASE.
    pub(crate) fn knows_locale_providers(self) -> bool {
        self.major() >= 15
    }

    /// Who granted a membership. Before 16 he may be gone, and granting in his name means nothing.
    pub(crate) fn membership_grantor(self) -> &'static str {
        self.since(16, "m.grantor", "0")
    }

    /// Whether a member has its role's privileges without asking for them: before 16 the member's own attribute.
    pub(crate) fn membership_inherits(self) -> &'static str {
        self.since(16, "m.inherit_option", "NULL")
    }

    /// Whether a member may SET ROLE: before 16 each may.
    pub(crate) fn membership_sets(self) -> &'static str {
        self.since(16, "m.set_option", "NULL")
    }

    /// The database's ICU rules.
    pub(crate) fn icu_rules(self) -> &'static str {
        self.since(16, "d.daticurules", "NULL")
    }

    /// A publication of whole schemas; row filters and column lists of its tables.
    pub(crate) fn publishes_schemas(self) -> bool {
        self.major() >= 15
    }

    /// Row filter of a publication's table.
    pub(crate) fn publication_filter(self) -> &'static str {
        self.since(15, "pg_get_expr(r.prqual, r.prrelid)", "NULL")
    }

    /// Column list of a publication's table, as an array of names.
    pub(crate) fn publication_columns(self) -> &'static str {
        self.since(
            15,
            "(SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a \
              WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs))",
            "NULL",
        )
    }

    /// What `WITH` says of a subscription beside its slot, in pg_dump's order: option, its value as SQL text, and the value that
    /// goes without saying. Only what the major knows.
    pub(crate) fn subscription_options(self) -> Vec<(&'static str, &'static str, &'static str)> {
        let streaming = self.since(
            16,
            "CASE s.substream WHEN 'p' THEN 'parallel' WHEN 't' THEN 'on' ELSE 'off' END",
            "CASE WHEN s.substream THEN 'on' ELSE 'off' END",
        );
        [
            (14, "binary", "s.subbinary::text", "false"),
            (14, "streaming", streaming, ""),
            (15, "two_phase", "CASE s.subtwophasestate WHEN 'd' THEN 'off' ELSE 'on' END", "off"),
            (15, "disable_on_error", "s.subdisableonerr::text", "false"),
            (16, "password_required", "s.subpasswordrequired::text", "true"),
            (16, "run_as_owner", "s.subrunasowner::text", "false"),
            (17, "failover", "s.subfailover::text", "false"),
            (13, "synchronous_commit", "s.subsynccommit", "off"),
            (16, "origin", "s.suborigin", "any"),
        ]
        .into_iter()
        .filter(|(since, ..)| self.major() >= *since)
        .map(|(_, option, value, usual)| (option, value, usual))
        .collect()
    }

    /// Whether and how generated columns are published.
    pub(crate) fn publication_generated(self) -> &'static str {
        self.since(18, "p.pubgencols", "'n'")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn unknown_majors_are_refused() {
        for major in [9, 10, 11, 12, 19, 20] {
            assert!(Version::new(major * 10_000).is_err());
        }
        for major in 13..=18 {
            assert_eq!(Version::new(major * 10_000 + 4).unwrap().major(), major);
        }
    }
}
