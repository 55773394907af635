//! Constraints of tables and domains: `pg_constraint`.
//!
//! CHECK constraints are part of their table's or domain's CREATE unless they are not valid or a circle of dependencies takes
//! them out; the others follow the data.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, identifiers, qualified};

use super::domain::Domain;
use super::exclusion;
use super::index::{self, Index};
use super::relation::{Relation, RelationKind};
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

/// `pg_constraint.contype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConstraintKind {
    Check,
    NotNull,
    Primary,
    Unique,
    Exclusion,
    Foreign,
    /// A constraint trigger, which is dumped as a trigger.
    Trigger,
}

pub(crate) struct Constraint {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) kind: ConstraintKind,
    /// Its table, or 0.
    pub(crate) table: u32,
    /// Its domain, or 0.
    pub(crate) domain: u32,
    /// Index of a primary key, a unique or an exclusion constraint; for a foreign key, the index that it refers to.
    pub(crate) index: u32,
    /// Table that a foreign key refers to, or 0.
    pub(crate) refers_to: u32,
    /// Constraint of a parent that this one is a partition's copy of, or 0.
    pub(crate) parent: u32,
    /// The column of a NOT NULL, or 0.
    pub(crate) column: i16,
    pub(crate) deferrable: bool,
    pub(crate) deferred: bool,
    /// Declared here, not only inherited.
    pub(crate) local: bool,
    pub(crate) validated: bool,
    /// Whether its last column is a period: WITHOUT OVERLAPS.
    period: bool,
    /// `CHECK (…)` and the like, as the server writes it; `None` for primary keys and unique constraints, and for NOT NULLs that are a
    /// column's.
    definition: Option<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Constraint>, CatalogError> {
    let sql = format!(
        "SELECT c.oid, c.conname AS name, c.contype AS kind, c.conrelid AS table, c.contypid AS domain, c.conindid AS index, \
         c.confrelid AS refers_to, CASE WHEN c.contype = 'n' THEN coalesce(c.conkey[1], 0) ELSE 0 END AS column, c.conparentid AS parent, c.condeferrable AS deferrable, c.condeferred AS deferred, \
         c.conislocal AS local, c.convalidated AS validated, {period} AS period, \
         CASE WHEN c.contype IN ('c', 'f', 'x') OR c.contype = 'n' AND NOT (c.conrelid <> 0 AND c.convalidated) \
             THEN pg_get_constraintdef(c.oid) END AS definition \
         FROM pg_constraint c LEFT JOIN pg_class t ON t.oid = c.conrelid \
         WHERE coalesce(t.relpersistence, 'p') <> 't' AND c.oid >= 16384",
        period = reader.version.constraint_period(),
    );
    let mut constraints = BTreeMap::new();
    let take = |row: &Row| {
        let kind = match row.letter("kind")? {
            'c' => ConstraintKind::Check,
            'n' => ConstraintKind::NotNull,
            'p' => ConstraintKind::Primary,
            'u' => ConstraintKind::Unique,
            'x' => ConstraintKind::Exclusion,
            'f' => ConstraintKind::Foreign,
            't' => ConstraintKind::Trigger,
            other => {
                let (what, column) = ("constraints", "contype".to_owned());
                return Err(CatalogError::Unexpected { what, column, value: other.to_string() });
            }
        };
        let oid = row.oid("oid")?;
        let constraint = Constraint {
            oid,
            name: row.text("name")?,
            kind,
            table: row.oid("table")?,
            domain: row.oid("domain")?,
            index: row.oid("index")?,
            refers_to: row.oid("refers_to")?,
            parent: row.oid("parent")?,
            column: row.number("column")?,
            deferrable: row.flag("deferrable")?,
            deferred: row.flag("deferred")?,
            local: row.flag("local")?,
            validated: row.flag("validated")?,
            period: row.flag("period")?,
            definition: row.fragment("definition")?,
        };
        constraints.insert(oid, constraint);
        Ok(())
    };
    reader.each("constraints", &sql, take).await?;
    Ok(constraints)
}

impl Constraint {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::CONSTRAINT, self.oid)
    }

    /// Whether it is kept by an index.
    pub(crate) fn has_index(&self) -> bool {
        matches!(self.kind, ConstraintKind::Primary | ConstraintKind::Unique | ConstraintKind::Exclusion)
    }

    /// Whether its index is compared by other operators than equality.
    pub(crate) fn excludes(&self) -> bool {
        self.kind == ConstraintKind::Exclusion || self.period && self.has_index()
    }

    fn definition(&self) -> &str {
        self.definition.as_deref().unwrap_or_default()
    }

    /// `CONSTRAINT name CHECK (…)` within a CREATE.
    pub(crate) fn inline(&self) -> String {
        format!("CONSTRAINT {} {}", identifier(&self.name), self.definition())
    }

    /// As its own statement, after the data.
    pub(crate) fn emit(&self, relation: &Relation, index: Option<&Index>, out: &mut Emitter<'_>) {
        let (foreign, table, name) = (relation.foreign(), relation.qualified(), identifier(&self.name));
        let mut tablespace = None;
        out.told(self.id());
        let (kind, definition) = match (self.kind, index) {
            // The parent's goes down to the children, as not valid.
            (ConstraintKind::Check, _) if !self.local && self.validated => {
                ("CHECK CONSTRAINT", format!("ALTER {foreign}TABLE {table} VALIDATE CONSTRAINT {name};\n"))
            }
            (ConstraintKind::Check | ConstraintKind::NotNull, _) if !self.local => {
                return self.comment(relation, out);
            }
            (ConstraintKind::Check | ConstraintKind::NotNull, _) => {
                let kind = if self.kind == ConstraintKind::Check { "CHECK CONSTRAINT" } else { "CONSTRAINT" };
                (kind, format!("ALTER {foreign}TABLE {table}\n    ADD CONSTRAINT {name} {};\n", self.definition()))
            }
            (ConstraintKind::Foreign, _) => {
                let only = if relation.kind == RelationKind::Partitioned { "" } else { "ONLY " };
                let definition =
                    format!("ALTER {foreign}TABLE {only}{table}\n    ADD CONSTRAINT {name} {};\n", self.definition());
                ("FK CONSTRAINT", definition)
            }
            (_, Some(index)) => {
                tablespace = Some(index.tablespace.clone());
                let goes_down = exclusion::goes_down(out.model, index);
                if goes_down && relation.kind == RelationKind::Partitioned && !exclusion::is_whole(index, out) {
                    out.refuse(format!("constraint {name} of partitioned table {table}, which some partition lacks"));
                }
                let of_partition = if goes_down { exclusion::partitions_own(index, relation, out) } else { None };
                let mut definition = of_partition.unwrap_or_else(|| {
                    let only = if goes_down { "" } else { "ONLY " };
                    let what = self.by_index(relation, index);
                    format!("ALTER {foreign}TABLE {only}{table}\n    ADD CONSTRAINT {name} {what};\n")
                });
                definition.push_str(&index::properties(index, relation, out));
                ("CONSTRAINT", definition)
            }
            (_, None) => return,
        };
        let mut item = Item::new(kind, format!("{} {}", relation.name, self.name)).schema(&relation.schema);
        item.tablespace = tablespace;
        out.item(item.owner(&relation.owner).definition(definition));
        self.comment(relation, out);
    }

    /// A constraint that an index keeps, from the index's columns.
    fn by_index(&self, relation: &Relation, index: &Index) -> String {
        if let Some(definition) = &self.definition {
            return definition.clone();
        }
        let names = |columns: &[i16]| {
            identifiers(columns.iter().filter_map(|number| relation.column(*number)).map(|column| &column.name))
        };
        let (keys, included) = index.columns.split_at(index.key_columns.min(index.columns.len()));
        let mut sql = if self.kind == ConstraintKind::Primary { "PRIMARY KEY" } else { "UNIQUE" }.to_owned();
        if index.nulls_not_distinct {
            sql.push_str(" NULLS NOT DISTINCT");
        }
        let period = if self.period { " WITHOUT OVERLAPS" } else { "" };
        sql.push_str(&format!(" ({}{period})", names(keys)));
        if !included.is_empty() {
            sql.push_str(&format!(" INCLUDE ({})", names(included)));
        }
        if !index.options.is_empty() {
            sql.push_str(&format!(" WITH ({})", index.options));
        }
        if self.deferrable {
            sql.push_str(" DEFERRABLE");
            if self.deferred {
                sql.push_str(" INITIALLY DEFERRED");
            }
        }
        sql
    }

    /// A domain's CHECK or NOT NULL as its own statement.
    pub(crate) fn emit_of_domain(&self, domain: &Domain, out: &mut Emitter<'_>) {
        let name = qualified(&domain.schema, &domain.name);
        let definition =
            format!("ALTER DOMAIN {name}\n    ADD CONSTRAINT {} {};\n", identifier(&self.name), self.definition());
        out.told(self.id());
        let item = Item::new("CHECK CONSTRAINT", format!("{} {}", domain.name, self.name));
        out.item(item.schema(&domain.schema).owner(&domain.owner).definition(definition));
        self.comment_of_domain(domain, out);
    }

    /// Its comment.
    pub(crate) fn comment(&self, relation: &Relation, out: &mut Emitter<'_>) {
        self.comment_on("", &relation.schema, &relation.name, &relation.owner, out);
    }

    /// Its comment, on a domain.
    pub(crate) fn comment_of_domain(&self, domain: &Domain, out: &mut Emitter<'_>) {
        self.comment_on(" DOMAIN", &domain.schema, &domain.name, &domain.owner, out);
    }

    fn comment_on(&self, of: &str, schema: &str, name: &str, owner: &str, out: &mut Emitter<'_>) {
        let kind = format!("CONSTRAINT {} ON{of}", identifier(&self.name));
        let name = identifier(name);
        out.comment(&Target { id: self.id(), column: 0, kind: &kind, name: &name, schema: Some(schema), owner });
    }
}
