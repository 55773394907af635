//! Tables, partitioned tables, foreign tables: CREATE TABLE, and what only ALTER TABLE can say.

use sql_text::quote::{identifier, qualified};

use super::column::Column;
use super::constraint::ConstraintKind;
use super::relation::{Relation, RelationKind};
use crate::catalog::CatalogError;
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::version::Version;

/// Expressions of columns that belong into CREATE TABLE, by number of the column.
pub(crate) type Defaults<'a> = std::collections::BTreeMap<i16, &'a str>;

/// CHECK constraints that belong into CREATE TABLE, and defaults.
pub(crate) struct Inline<'a> {
    pub(crate) defaults: Defaults<'a>,
    /// Constraints that are in the table's CREATE, by OID.
    pub(crate) checks: Vec<u32>,
}

pub(crate) fn emit(relation: &Relation, inline: &Inline<'_>, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let mut definition = create(relation, inline, out);
    definition.push_str(&alterations(relation, out.model.version));
    let statement = format!("{} {}", relation.type_name(), relation.qualified());

    let mut item = Item::new(relation.type_name(), &*relation.name).schema(&relation.schema).owner(&relation.owner);
    item.tablespace = (relation.kind != RelationKind::Foreign).then(|| relation.tablespace.clone());
    let alter_owner = statement.clone();
    match &relation.access_method {
        // It has no rows to keep, so nothing is made by the setting.
        Some(method) if relation.kind == RelationKind::Partitioned => {
            let table = relation.qualified();
            item.afterwards = format!("ALTER TABLE {table} SET ACCESS METHOD {};\n\n", identifier(method));
        }
        method => item.access_method.clone_from(method),
    }
    out.told(relation.id());
    out.item(item.definition(definition).alter_owner(alter_owner));
    about(relation, out)?;
    for oid in &inline.checks {
        if let Some(constraint) = out.model.constraints.get(oid) {
            constraint.comment(relation, out);
        }
    }
    Ok(())
}

fn create(relation: &Relation, inline: &Inline<'_>, out: &mut Emitter<'_>) -> String {
    let mut parts = Vec::new();
    for column in &relation.columns {
        if relation.prints(column) {
            parts.extend(column_definition(relation, column, inline.defaults.get(&column.number).copied()));
        } else if out.model.version.catalogues_not_null() {
            parts.extend(not_null_of_inherited(column));
        }
    }
    for constraint in inline.checks.iter().filter_map(|oid| out.model.constraints.get(oid)) {
        out.told(constraint.id());
        if constraint.kind == ConstraintKind::Check && (constraint.local || relation.is_partition()) {
            parts.push(constraint.inline());
        }
    }

    let kept = relation.kind != RelationKind::Partitioned;
    // Majors that refuse it of a partitioned table, which has no rows to lose, must be able to read it.
    let unlogged = if relation.persistence == 'u' && kept { "UNLOGGED " } else { "" };
    let mut sql = format!("CREATE {unlogged}{} {}", relation.type_name(), relation.qualified());
    if let Some(of_type) = &relation.of_type {
        sql.push_str(&format!(" OF {of_type}"));
    }
    if !parts.is_empty() {
        sql.push_str(&format!(" (\n    {}\n)", parts.join(",\n    ")));
    } else if relation.of_type.is_none() {
        sql.push_str(" (\n)");
    }
    if !relation.parents.is_empty() && !relation.is_partition() {
        let parents = relation.parents.iter().filter_map(|oid| out.model.relations.get(oid)).map(Relation::qualified);
        sql.push_str(&format!("\nINHERITS ({})", parents.collect::<Vec<_>>().join(", ")));
    }
    if let Some(key) = &relation.partition_key {
        sql.push_str(&format!("\nPARTITION BY {key}"));
    }
    if let Some((server, _)) = &relation.server {
        sql.push_str(&format!("\nSERVER {}", identifier(server)));
    }
    if !relation.options.is_empty() {
        sql.push_str(&format!("\nWITH ({})", relation.options));
    }
    if let Some((_, options)) = relation.server.as_ref().filter(|(_, options)| !options.is_empty()) {
        sql.push_str(&format!("\nOPTIONS (\n    {options}\n)"));
    }
    sql.push_str(";\n");
    sql
}

/// A column within CREATE TABLE; `None` where a typed table has nothing to add to its type.
fn column_definition(relation: &Relation, column: &Column, default: Option<&str>) -> Option<String> {
    let not_null = column.not_null.as_ref().filter(|not_null| not_null.local || relation.is_partition());
    let typed = relation.of_type.is_some();
    if typed && default.is_none() && not_null.is_none() {
        return None;
    }
    let mut sql = identifier(&column.name).into_owned();
    if !typed {
        sql.push_str(&format!(" {}", column.data_type));
    }
    if let Some(expression) = default {
        sql.push_str(&match column.generated {
            's' => format!(" GENERATED ALWAYS AS ({expression}) STORED"),
            'v' => format!(" GENERATED ALWAYS AS ({expression})"),
            _ => format!(" DEFAULT {expression}"),
        });
    }
    if let Some(not_null) = not_null {
        if !not_null.name.is_empty() {
            sql.push_str(&format!(" CONSTRAINT {}", identifier(&not_null.name)));
        }
        sql.push_str(" NOT NULL");
        if not_null.no_inherit {
            sql.push_str(" NO INHERIT");
        }
    }
    if let Some(collation) = &column.collation {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    Some(sql)
}

/// NOT NULL of a column that is only inherited, as a constraint of the table's own.
fn not_null_of_inherited(column: &Column) -> Option<String> {
    let not_null = column.not_null.as_ref().filter(|not_null| not_null.local && !column.dropped)?;
    let name =
        if not_null.name.is_empty() { String::new() } else { format!("CONSTRAINT {} ", identifier(&not_null.name)) };
    let no_inherit = if not_null.no_inherit { " NO INHERIT" } else { "" };
    Some(format!("{name}NOT NULL {}{no_inherit}", identifier(&column.name)))
}

/// What CREATE cannot say of columns and of the table.
pub(super) fn alterations(relation: &Relation, version: Version) -> String {
    let mut sql = String::new();
    let alter = format!("ALTER {}TABLE ONLY {}", relation.foreign(), relation.qualified());
    for column in relation.columns.iter().filter(|column| !column.dropped) {
        let name = identifier(&column.name);
        let not_null = column.not_null.as_ref().is_some_and(|not_null| not_null.local);
        // Majors that know NOT NULL as a table's constraint have it in CREATE TABLE.
        if not_null && !relation.prints(column) && !version.catalogues_not_null() {
            sql.push_str(&format!("{alter} ALTER COLUMN {name} SET NOT NULL;\n"));
        }
        if column.statistics >= 0 {
            sql.push_str(&format!("{alter} ALTER COLUMN {name} SET STATISTICS {};\n", column.statistics));
        }
        if column.storage != column.type_storage {
            let storage = match column.storage {
                'p' => "PLAIN",
                'e' => "EXTERNAL",
                'm' => "MAIN",
                _ => "EXTENDED",
            };
            sql.push_str(&format!("{alter} ALTER COLUMN {name} SET STORAGE {storage};\n"));
        }
        if let Some(compression) = match column.compression {
            'p' => Some("pglz"),
            'l' => Some("lz4"),
            _ => None,
        } {
            sql.push_str(&format!("{alter} ALTER COLUMN {name} SET COMPRESSION {compression};\n"));
        }
        if !column.options.is_empty() {
            sql.push_str(&format!("{alter} ALTER COLUMN {name} SET ({});\n", column.options));
        }
        if !column.foreign_options.is_empty() {
            sql.push_str(&format!("{alter} ALTER COLUMN {name} OPTIONS (\n    {}\n);\n", column.foreign_options));
        }
    }
    let has_identity =
        matches!(relation.kind, RelationKind::Table | RelationKind::Partitioned | RelationKind::Materialized);
    match relation.replica_identity {
        _ if !has_identity => {}
        'n' => sql.push_str(&format!("\n{alter} REPLICA IDENTITY NOTHING;\n")),
        'f' => sql.push_str(&format!("\n{alter} REPLICA IDENTITY FULL;\n")),
        _ => {}
    }
    if relation.force_row_security {
        sql.push_str(&format!("\n{alter} FORCE ROW LEVEL SECURITY;\n"));
    }
    sql
}

/// Comments and privileges of a relation and its columns.
pub(super) fn about(relation: &Relation, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    comments(relation, out);
    privileges(relation, out)
}

/// Comments and security labels on a relation and its columns.
pub(super) fn comments(relation: &Relation, out: &mut Emitter<'_>) {
    let name = identifier(&relation.name);
    let mut target = Target {
        id: relation.id(),
        column: 0,
        kind: relation.type_name(),
        name: &name,
        schema: Some(&relation.schema),
        owner: &relation.owner,
    };
    out.comment_alone(&target);
    target.kind = "COLUMN";
    let model = out.model;
    let said = |column: &&Column| {
        let (id, number) = (relation.id(), column.number.into());
        model.comment(id, number).is_some() || !model.labels(id, number).is_empty()
    };
    let columns = relation.columns.iter().filter(|column| !column.dropped).filter(said);
    let columns: Vec<_> = columns.map(|column| (column.number, qualified(&relation.name, &column.name))).collect();
    let mut parts = Vec::with_capacity(columns.len() + 1);
    parts.push(Target { kind: relation.type_name(), ..target });
    for (number, name) in &columns {
        let column = Target { column: (*number).into(), name, ..target };
        out.comment_alone(&column);
        parts.push(column);
    }
    out.labels(&Target { kind: relation.type_name(), ..target }, &parts);
}

/// Privileges on a relation and its columns.
pub(crate) fn privileges(relation: &Relation, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let name = identifier(&relation.name);
    let kind = if relation.kind == RelationKind::Sequence { "SEQUENCE" } else { "TABLE" };
    let target = Target {
        id: relation.id(),
        column: 0,
        kind,
        name: &name,
        schema: Some(&relation.schema),
        owner: &relation.owner,
    };
    out.privileges(&target, &relation.acl)?;
    for column in relation.columns.iter().filter(|column| !column.dropped) {
        let number = column.number.into();
        if column.acl.is_some() || out.model.initial_privileges(relation.id(), number).is_some() {
            let list = AccessList { current: column.acl.clone(), default: "{}".to_owned() };
            out.column_privileges(&Target { column: number, ..target }, Some(&identifier(&column.name)), &list)?;
        }
    }
    Ok(())
}
