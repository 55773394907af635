//! What tables, views, materialised views, sequences, foreign tables and composite types have in common: `pg_class`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal, qualified};

use super::column::{self, Column};
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::AccessList;
use crate::object::{ObjectId, class};

/// `pg_class.relkind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Table,
    Partitioned,
    View,
    Materialized,
    Sequence,
    Foreign,
    Composite,
}

/// How a column owns a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwningColumn {
    pub(crate) table: u32,
    pub(crate) column: i16,
    pub(crate) identity: bool,
}

pub(crate) struct Relation {
    pub(crate) oid: u32,
    pub(crate) kind: RelationKind,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) acl: AccessList,
    /// `p`ermanent or `u`nlogged.
    pub(crate) persistence: char,
    /// The composite type of a typed table, as SQL.
    pub(crate) of_type: Option<String>,
    pub(crate) row_security: bool,
    pub(crate) force_row_security: bool,
    /// `d`efault, `n`othing, `f`ull, `i`ndex.
    pub(crate) replica_identity: char,
    /// `FOR VALUES …` of a partition.
    pub(crate) partition_bound: Option<String>,
    /// `RANGE (…)` of a partitioned table.
    pub(crate) partition_key: Option<String>,
    pub(crate) access_method: Option<String>,
    /// Empty for the database's own.
    pub(crate) tablespace: String,
    /// As SQL, without parentheses; empty if there are none. Those of its TOAST table are with it.
    pub(crate) options: String,
    /// `LOCAL` or `CASCADED` of a view.
    pub(crate) check_option: Option<String>,
    /// Query of a view, without its semicolon.
    pub(crate) query: Option<String>,
    /// Server of a foreign table, and its options as SQL.
    pub(crate) server: Option<(String, String)>,
    /// Whether a materialised view has rows.
    pub(crate) populated: bool,
    /// Direct parents in the order of inheritance.
    pub(crate) parents: Vec<u32>,
    pub(crate) columns: Vec<Column>,
    pub(crate) owned_by: Option<OwningColumn>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Relation>, CatalogError> {
    let sql = "SELECT c.oid, c.relkind AS kind, n.nspname AS schema, c.relname AS name, r.rolname AS owner, \
         c.relacl AS acl, acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner) AS acldefault, \
         c.relpersistence AS persistence, CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END AS of_type, \
         c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security, c.relreplident AS replica_identity, \
         CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, 0) END AS partition_bound, \
         m.amname AS access_method, coalesce(s.spcname, '') AS tablespace, \
         array_remove(array_remove(c.reloptions, 'check_option=local'), 'check_option=cascaded') AS options, \
         t.reloptions AS toast_options, \
         CASE WHEN 'check_option=local' = ANY (c.reloptions) THEN 'LOCAL' \
              WHEN 'check_option=cascaded' = ANY (c.reloptions) THEN 'CASCADED' END AS check_option, \
         fs.srvname AS server, \
         CASE WHEN c.relkind = 'f' THEN array_to_string(ARRAY(SELECT quote_ident(option_name) || ' ' || quote_literal(option_value) \
             FROM pg_options_to_table(f.ftoptions) ORDER BY option_name), E',\\n    ') END AS server_options, \
         c.relispopulated AS populated, \
         h.parents, \
         d.refobjid AS owning_table, d.refobjsubid AS owning_column, d.deptype = 'i' AS identity \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_roles r ON r.oid = c.relowner \
         LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace \
         LEFT JOIN pg_class t ON t.oid = c.reltoastrelid AND c.relkind <> 'p' \
         LEFT JOIN (SELECT inhrelid, array_agg(inhparent ORDER BY inhseqno)::text[] AS parents FROM pg_inherits GROUP BY inhrelid) h \
             ON h.inhrelid = c.oid \
         LEFT JOIN pg_foreign_table f ON f.ftrelid = c.oid LEFT JOIN pg_foreign_server fs ON fs.oid = f.ftserver \
         LEFT JOIN pg_depend d ON c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 \
             AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid <> 0 AND d.deptype IN ('a', 'i') \
         LEFT JOIN pg_init_privs i ON i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0 \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND c.relpersistence <> 't' \
         AND (c.oid >= 16384 OR (n.nspname = 'pg_catalog' AND (c.relacl IS DISTINCT FROM i.initprivs \
             OR EXISTS (SELECT FROM pg_attribute a LEFT JOIN pg_init_privs j ON j.classoid = 'pg_class'::regclass \
                 AND j.objoid = a.attrelid AND j.objsubid = a.attnum \
                 WHERE a.attrelid = c.oid AND a.attacl IS DISTINCT FROM j.initprivs))))";
    let mut relations = BTreeMap::new();
    let take = |row: &Row| {
        let relation = relation(reader, row)?;
        relations.insert(relation.oid, relation);
        Ok(())
    };
    let beside = reader.beside();
    let ((), columns, definitions) =
        tokio::try_join!(biased; beside.each("tables", sql, take), column::read(&beside), definitions(reader))?;
    for (relation, columns) in columns {
        if let Some(relation) = relations.get_mut(&relation) {
            relation.columns = columns;
        }
    }
    for (relation, definition) in definitions {
        if let Some(relation) = relations.get_mut(&relation) {
            (relation.query, relation.partition_key) = (definition.query, definition.partition_key);
        }
    }
    Ok(relations)
}

/// What only the server can put into words, under a lock on the relation.
struct Definition {
    query: Option<String>,
    partition_key: Option<String>,
}

async fn definitions(reader: &Reader<'_>) -> Result<Vec<(u32, Definition)>, CatalogError> {
    let sql = "SELECT c.oid, c.relname AS name, CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key, \
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS query \
         FROM pg_class c WHERE c.relkind IN ('p', 'v', 'm') AND c.relpersistence <> 't' AND c.oid >= 16384";
    let definition = |row: &Row| {
        let query = row.checked("query", sql_text::check_statement)?;
        let query = query.map(|query| query.strip_suffix(';').map(str::to_owned).unwrap_or(query));
        Ok((row.oid("oid")?, Definition { query, partition_key: row.fragment("partition_key")? }))
    };
    reader.rows("tables", sql).await?.iter().map(definition).collect()
}

fn relation(reader: &Reader<'_>, row: &Row) -> Result<Relation, CatalogError> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let owner = reader.owner(row, || format!("table {schema}.{name}"))?;
    let owning_table = row.oid("owning_table")?;
    let owned_by = (owning_table != 0)
        .then(|| {
            let (column, identity) = (row.number("owning_column")?, row.flag("identity")?);
            Ok(OwningColumn { table: owning_table, column, identity })
        })
        .transpose()?;
    let mut options = options(&row.list("options")?, "");
    let of_toast = self::options(&row.list("toast_options")?, "toast.");
    if !of_toast.is_empty() {
        options = if options.is_empty() { of_toast } else { format!("{options}, {of_toast}") };
    }
    Ok(Relation {
        oid: row.oid("oid")?,
        kind: match row.letter("kind")? {
            'r' => RelationKind::Table,
            'p' => RelationKind::Partitioned,
            'v' => RelationKind::View,
            'm' => RelationKind::Materialized,
            'S' => RelationKind::Sequence,
            'f' => RelationKind::Foreign,
            _ => RelationKind::Composite,
        },
        schema,
        name,
        owner,
        acl: AccessList::read(row)?,
        persistence: row.letter("persistence")?,
        of_type: row.optional("of_type")?,
        row_security: row.flag("row_security")?,
        force_row_security: row.flag("force_row_security")?,
        replica_identity: row.letter("replica_identity")?,
        partition_bound: row.fragment("partition_bound")?,
        partition_key: None,
        access_method: row.optional("access_method")?,
        tablespace: row.text("tablespace")?,
        options,
        check_option: row.optional("check_option")?,
        query: None,
        server: row
            .optional("server")?
            .map(|server| Ok((server, row.fragment("server_options")?.unwrap_or_default())))
            .transpose()?,
        populated: row.flag("populated")?,
        parents: row.list("parents")?.iter().filter_map(|oid| oid.parse().ok()).collect(),
        columns: Vec::new(),
        owned_by,
    })
}

/// Storage options (`fillfactor=70`) as SQL; their values are quoted unless they are plain words.
pub(crate) fn options(options: &[String], prefix: &str) -> String {
    let option = |option: &String| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = if identifier(value) == value { value.to_owned() } else { literal(value) };
        format!("{prefix}{}={value}", identifier(name))
    };
    options.iter().map(option).collect::<Vec<_>>().join(", ")
}

impl Relation {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::RELATION, self.oid)
    }

    pub(crate) fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    pub(crate) fn is_partition(&self) -> bool {
        self.partition_bound.is_some()
    }

    pub(crate) fn column(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// `FOREIGN ` in `ALTER FOREIGN TABLE`, or nothing.
    pub(crate) fn foreign(&self) -> &'static str {
        if self.kind == RelationKind::Foreign { "FOREIGN " } else { "" }
    }

    /// Whether CREATE TABLE names the column: those that are only inherited come with the parents.
    pub(crate) fn prints(&self, column: &Column) -> bool {
        !column.dropped && (column.local || self.is_partition())
    }

    /// What a header, a comment or ALTER … OWNER calls it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            RelationKind::Table | RelationKind::Partitioned => "TABLE",
            RelationKind::View => "VIEW",
            RelationKind::Materialized => "MATERIALIZED VIEW",
            RelationKind::Sequence => "SEQUENCE",
            RelationKind::Foreign => "FOREIGN TABLE",
            RelationKind::Composite => "TYPE",
        }
    }
}
