//! Operators: `pg_operator`.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::depend::Tie;
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Operator {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    owner: String,
    /// What tells operators of a name apart: their kind, then their types' schemas and names.
    pub(crate) ties: Vec<Tie>,
    /// `(left, right)`, with `NONE` for none.
    types: String,
    /// Clauses of CREATE OPERATOR, a line each.
    clauses: Vec<String>,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Operator>, CatalogError> {
    let named = |column: &str| {
        format!(
            "(SELECT 'OPERATOR(' || quote_ident(m.nspname) || '.' || q.oprname || ')' FROM pg_operator q \
             JOIN pg_namespace m ON m.oid = q.oprnamespace WHERE q.oid = o.{column})"
        )
    };
    // As `regprocedure` names it; `regproc` would qualify built-in functions that are overloaded.
    let function = |column: &str| {
        format!(
            "(SELECT CASE m.nspname WHEN 'pg_catalog' THEN '' ELSE quote_ident(m.nspname) || '.' END || quote_ident(p.proname) \
             FROM pg_proc p JOIN pg_namespace m ON m.oid = p.pronamespace WHERE p.oid = o.{column})"
        )
    };
    // An operator that was only announced by another's COMMUTATOR has no function.
    let sql = format!(
        "SELECT o.oid, n.nspname AS schema, o.oprname AS name, r.rolname AS owner, o.oprkind AS kind, {function} AS function, \
         CASE WHEN o.oprleft <> 0 THEN format_type(o.oprleft, NULL) END AS left, \
         CASE WHEN o.oprright <> 0 THEN format_type(o.oprright, NULL) END AS right, \
         ln.nspname AS left_schema, l.typname AS left_name, tn.nspname AS right_schema, t.typname AS right_name, {commutator} AS commutator, {negator} AS negator, \
         o.oprcanmerge AS merges, o.oprcanhash AS hashes, {restrict} AS restrict, {join} AS join \
         FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace LEFT JOIN pg_roles r ON r.oid = o.oprowner \
         LEFT JOIN pg_type l ON l.oid = o.oprleft LEFT JOIN pg_namespace ln ON ln.oid = l.typnamespace \
         LEFT JOIN pg_type t ON t.oid = o.oprright LEFT JOIN pg_namespace tn ON tn.oid = t.typnamespace \
         WHERE o.oid >= 16384 AND o.oprcode <> 0",
        function = function("oprcode"),
        restrict = function("oprrest"),
        join = function("oprjoin"),
        commutator = named("oprcom"),
        negator = named("oprnegate"),
    );
    let mut operators = BTreeMap::new();
    for row in reader.rows("operators", &sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("operator {schema}.{name}"))?;
        let (left, right) = (row.optional("left")?, row.optional("right")?);
        let mut clauses = vec![format!("FUNCTION = {}", row.text("function")?)];
        let mut clause = |word: &str, value: Option<&String>| {
            clauses.extend(value.map(|value| format!("{word} = {value}")));
        };
        clause("LEFTARG", left.as_ref());
        clause("RIGHTARG", right.as_ref());
        clause("COMMUTATOR", row.optional("commutator")?.as_ref());
        clause("NEGATOR", row.optional("negator")?.as_ref());
        if row.flag("merges")? {
            clauses.push("MERGES".to_owned());
        }
        if row.flag("hashes")? {
            clauses.push("HASHES".to_owned());
        }
        let mut clause = |word: &str, value: Option<&String>| {
            clauses.extend(value.map(|value| format!("{word} = {value}")));
        };
        clause("RESTRICT", row.optional("restrict")?.as_ref());
        clause("JOIN", row.optional("join")?.as_ref());
        let or_none = |name: &Option<String>| name.clone().unwrap_or_else(|| "NONE".to_owned());
        // Postfix (until 13), prefix, infix; then by their types.
        let place = match row.letter("kind")? {
            'r' => 0,
            'l' => 1,
            _ => 2,
        };
        let mut ties = vec![Tie::Number(place)];
        for column in ["left_schema", "left_name", "right_schema", "right_name"] {
            ties.push(Tie::Text(row.optional(column)?.unwrap_or_default()));
        }
        let types = format!("({}, {})", or_none(&left), or_none(&right));
        let oid = row.oid("oid")?;
        operators.insert(oid, Operator { oid, schema, name, owner, ties, types, clauses });
    }
    Ok(operators)
}

impl Operator {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::OPERATOR, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let qualified = format!("{}.{}", identifier(&self.schema), self.name);
        let definition = format!("CREATE OPERATOR {qualified} (\n    {}\n);\n", self.clauses.join(",\n    "));
        out.told(self.id());
        let item = Item::new("OPERATOR", &*self.name).schema(&self.schema).owner(&self.owner);
        out.item(item.definition(definition).alter_owner(format!("OPERATOR {qualified} {}", self.types)));
        let name = format!("{} {}", self.name, self.types);
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "OPERATOR",
            name: &name,
            schema: Some(&self.schema),
            owner: &self.owner,
        });
    }
}
