//! Types: `pg_type`. Enums, composite and base types; domains and ranges have modules of their own.
//!
//! Array, multirange and row types come with what they belong to, and only take part in the sort.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal, qualified};

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::object::{ObjectId, class};

/// `pg_type.typtype`, and whether it comes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeKind {
    Base,
    Enum,
    Domain,
    Composite,
    Range,
    /// Declared and never defined.
    Shell,
    /// Array, multirange, or a table's row.
    Implied,
}

pub(crate) struct DataType {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) acl: AccessList,
    pub(crate) kind: TypeKind,
    /// The relation that holds a composite type's attributes, or 0.
    pub(crate) relation: u32,
    /// Labels of an enum, in order.
    labels: Vec<String>,
    /// Properties of a base type, a line each.
    base: Vec<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, DataType>, CatalogError> {
    // b: names of functions take long to look up, and only base types' are told.
    let sql = format!(
        "SELECT t.oid, n.nspname AS schema, t.typname AS name, r.rolname AS owner, t.typacl AS acl, \
         acldefault('T', t.typowner) AS acldefault, t.typtype AS kind, t.typrelid AS relation, c.relkind AS relation_kind, \
         t.typisdefined AS defined, \
         e.oid IS NOT NULL AS array, \
         CASE WHEN t.typtype = 'e' THEN \
             ARRAY(SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) END AS labels, \
         t.typlen AS length, b.typinput AS input, b.typoutput AS output, b.typreceive AS receive, b.typsend AS send, \
         b.typmodin AS modin, b.typmodout AS modout, b.typanalyze AS analyze, {subscript} AS subscript, \
         t.typcollation <> 0 AS collatable, coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)) AS default, \
         CASE WHEN t.typelem <> 0 THEN format_type(t.typelem, NULL) END AS element, t.typcategory AS category, \
         t.typispreferred AS preferred, t.typdelim AS delimiter, t.typalign AS alignment, t.typstorage AS storage, \
         t.typbyval AS by_value \
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_roles r ON r.oid = t.typowner \
         LEFT JOIN pg_class c ON c.oid = t.typrelid LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid \
         LEFT JOIN pg_type b ON b.oid = t.oid AND b.typtype = 'b' AND e.oid IS NULL \
         LEFT JOIN pg_init_privs i ON i.classoid = 'pg_type'::regclass AND i.objoid = t.oid \
         WHERE n.nspname !~ '^pg_(toast|temp_|toast_temp_)' \
         AND (t.oid >= 16384 OR (n.nspname = 'pg_catalog' AND t.typacl IS DISTINCT FROM i.initprivs))",
        subscript = reader.version.subscript_handler(),
    );
    let mut types = BTreeMap::new();
    let take = |row: &Row| {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(row, || format!("type {schema}.{name}"))?;
        let kind = kind(row)?;
        let data_type = DataType {
            oid: row.oid("oid")?,
            schema,
            name,
            owner,
            acl: AccessList::read(row)?,
            kind,
            relation: row.oid("relation")?,
            labels: row.list("labels")?,
            base: if kind == TypeKind::Base { base(row)? } else { Vec::new() },
        };
        types.insert(data_type.oid, data_type);
        Ok(())
    };
    reader.each("types", &sql, take).await?;
    Ok(types)
}

fn kind(row: &Row) -> Result<TypeKind, CatalogError> {
    if row.flag("array")? {
        return Ok(TypeKind::Implied);
    }
    Ok(match row.letter("kind")? {
        _ if !row.flag("defined")? => TypeKind::Shell,
        'b' => TypeKind::Base,
        'e' => TypeKind::Enum,
        'd' => TypeKind::Domain,
        'r' => TypeKind::Range,
        'c' if row.optional("relation_kind")?.as_deref() == Some("c") => TypeKind::Composite,
        'c' | 'm' => TypeKind::Implied,
        other => {
            let (what, column) = ("types", "typtype".to_owned());
            return Err(CatalogError::Unexpected { what, column, value: other.to_string() });
        }
    })
}

/// Properties of a base type. Names of functions come quoted as they must be.
fn base(row: &Row) -> Result<Vec<String>, CatalogError> {
    let length = row.text("length")?;
    let length = if length == "-1" { "variable" } else { &length };
    let mut lines = vec![format!("INTERNALLENGTH = {length}")];
    let function = |word: &str, column: &str| Ok((word.to_owned(), row.text(column)?));
    for line in [
        function("INPUT", "input"),
        function("OUTPUT", "output"),
        function("RECEIVE", "receive"),
        function("SEND", "send"),
        function("TYPMOD_IN", "modin"),
        function("TYPMOD_OUT", "modout"),
        function("ANALYZE", "analyze"),
    ] {
        let (word, name): (String, String) = line?;
        if name != "-" {
            lines.push(format!("{word} = {name}"));
        }
    }
    if row.flag("collatable")? {
        lines.push("COLLATABLE = true".to_owned());
    }
    if let Some(default) = row.fragment("default")? {
        lines.push(format!("DEFAULT = {default}"));
    }
    let subscript = row.text("subscript")?;
    if subscript != "-" {
        lines.push(format!("SUBSCRIPT = {subscript}"));
    }
    if let Some(element) = row.optional("element")? {
        lines.push(format!("ELEMENT = {element}"));
    }
    let category = row.text("category")?;
    if category != "U" {
        lines.push(format!("CATEGORY = {}", literal(&category)));
    }
    if row.flag("preferred")? {
        lines.push("PREFERRED = true".to_owned());
    }
    let delimiter = row.text("delimiter")?;
    if delimiter != "," {
        lines.push(format!("DELIMITER = {}", literal(&delimiter)));
    }
    lines.push(format!(
        "ALIGNMENT = {}",
        match row.letter("alignment")? {
            'c' => "char",
            's' => "int2",
            'd' => "double",
            _ => "int4",
        }
    ));
    lines.push(format!(
        "STORAGE = {}",
        match row.letter("storage")? {
            'e' => "external",
            'x' => "extended",
            'm' => "main",
            _ => "plain",
        }
    ));
    if row.flag("by_value")? {
        lines.push("PASSEDBYVALUE".to_owned());
    }
    Ok(lines)
}

impl DataType {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::TYPE, self.oid)
    }

    pub(crate) fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    fn item(&self, kind: &'static str) -> Item {
        Item::new(kind, &*self.name).schema(&self.schema).owner(&self.owner)
    }

    /// `CREATE TYPE x;`, for the functions of a type that is defined by them.
    pub(crate) fn emit_shell(&self, out: &mut Emitter<'_>) {
        let definition = format!("CREATE TYPE {};\n", self.qualified());
        out.item(self.item("SHELL TYPE").definition(definition));
    }

    /// An enum, composite, base or undefined type.
    pub(crate) fn emit(&self, attributes: Option<&Relation>, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = self.qualified();
        let definition = match (self.kind, attributes) {
            (TypeKind::Enum, _) => {
                let labels: Vec<_> = self.labels.iter().map(|label| format!("\n    {}", literal(label))).collect();
                format!("CREATE TYPE {name} AS ENUM ({}\n);\n", labels.join(","))
            }
            (TypeKind::Composite, Some(relation)) => {
                let columns = relation.columns.iter().filter(|column| !column.dropped).map(|column| {
                    let collation = column.collation.as_ref().map(|c| format!(" COLLATE {c}")).unwrap_or_default();
                    format!("\n\t{} {}{collation}", identifier(&column.name), column.data_type)
                });
                out.told(relation.id());
                format!("CREATE TYPE {name} AS ({}\n);\n", columns.collect::<Vec<_>>().join(","))
            }
            (TypeKind::Base, _) => format!("CREATE TYPE {name} (\n    {}\n);\n", self.base.join(",\n    ")),
            _ => format!("CREATE TYPE {name};\n"),
        };
        out.item(self.item("TYPE").definition(definition).alter_owner(format!("TYPE {name}")));
        self.about("TYPE", out)?;
        for column in attributes.iter().flat_map(|relation| &relation.columns) {
            let (Some(relation), name) = (attributes, qualified(&self.name, &column.name)) else { continue };
            out.comment(&Target {
                id: relation.id(),
                column: column.number.into(),
                kind: "COLUMN",
                name: &name,
                schema: Some(&self.schema),
                owner: &self.owner,
            });
        }
        Ok(())
    }

    /// Comment and privileges.
    pub(crate) fn about(&self, kind: &str, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let mut target =
            Target { id: self.id(), column: 0, kind, name: &name, schema: Some(&self.schema), owner: &self.owner };
        out.told(self.id());
        out.comment(&target);
        target.kind = "TYPE";
        out.privileges(&target, &self.acl)
    }

    /// Privileges on a type that is not ours to define.
    pub(crate) fn emit_privileges(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let name = identifier(&self.name);
        let target = Target {
            id: self.id(),
            column: 0,
            kind: "TYPE",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        };
        out.privileges(&target, &self.acl)
    }
}
