//! Aggregates: `pg_aggregate`, with their signature from `pg_proc`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, literal};

use super::function::Function;
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item, Target};

/// Clauses of CREATE AGGREGATE, a line each, without PARALLEL.
pub(crate) struct Aggregate(Vec<String>);

/// By OID of the function.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Aggregate>, CatalogError> {
    let sql = "SELECT a.aggfnoid::oid AS oid, a.*, format_type(a.aggtranstype, NULL) AS state, \
         format_type(nullif(a.aggmtranstype, 0), NULL) AS moving_state, \
         (SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')' FROM pg_operator o \
          JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = a.aggsortop) AS sort_operator \
         FROM pg_aggregate a WHERE a.aggfnoid::oid >= 16384";
    let mut aggregates = BTreeMap::new();
    for row in reader.rows("aggregates", sql).await? {
        aggregates.insert(row.oid("oid")?, Aggregate(clauses(&row)?));
    }
    Ok(aggregates)
}

fn clauses(row: &Row) -> Result<Vec<String>, CatalogError> {
    let mut lines = vec![format!("SFUNC = {}", row.text("aggtransfn")?), format!("STYPE = {}", row.text("state")?)];
    let number = |word: &str, column: &str| {
        Ok(Some(row.text(column)?).filter(|value| value != "0").map(|value| format!("{word} = {value}")))
    };
    let text =
        |word: &str, column: &str| Ok(row.optional(column)?.map(|value| format!("{word} = {}", literal(&value))));
    let function = |word: &str, column: &str| -> Result<Option<String>, CatalogError> {
        Ok(Some(row.text(column)?).filter(|name| name != "-").map(|name| format!("{word} = {name}")))
    };
    let kind = row.letter("aggkind")?;
    // Ordered-set aggregates may change their state in the end, others by default do not.
    let usual = if kind == 'n' { 'r' } else { 'w' };
    let modifies = |word: &str, column: &str| -> Result<Option<String>, CatalogError> {
        let letter = row.letter(column)?;
        let value = match letter {
            'r' => "READ_ONLY",
            's' => "SHAREABLE",
            _ => "READ_WRITE",
        };
        Ok((letter != usual).then(|| format!("{word} = {value}")))
    };
    let mut add = |line: Result<Option<String>, CatalogError>| -> Result<bool, CatalogError> {
        let line = line?;
        let there = line.is_some();
        lines.extend(line);
        Ok(there)
    };
    add(number("SSPACE", "aggtransspace"))?;
    add(text("INITCOND", "agginitval"))?;
    if add(function("FINALFUNC", "aggfinalfn"))? {
        add(Ok(row.flag("aggfinalextra")?.then(|| "FINALFUNC_EXTRA".to_owned())))?;
        add(modifies("FINALFUNC_MODIFY", "aggfinalmodify"))?;
    }
    add(function("COMBINEFUNC", "aggcombinefn"))?;
    add(function("SERIALFUNC", "aggserialfn"))?;
    add(function("DESERIALFUNC", "aggdeserialfn"))?;
    if add(function("MSFUNC", "aggmtransfn"))? {
        add(function("MINVFUNC", "aggminvtransfn"))?;
        add(Ok(row.optional("moving_state")?.map(|state| format!("MSTYPE = {state}"))))?;
    }
    add(number("MSSPACE", "aggmtransspace"))?;
    add(text("MINITCOND", "aggminitval"))?;
    if add(function("MFINALFUNC", "aggmfinalfn"))? {
        add(Ok(row.flag("aggmfinalextra")?.then(|| "MFINALFUNC_EXTRA".to_owned())))?;
        add(modifies("MFINALFUNC_MODIFY", "aggmfinalmodify"))?;
    }
    add(Ok(row.optional("sort_operator")?.map(|operator| format!("SORTOP = {operator}"))))?;
    add(Ok((kind == 'h').then(|| "HYPOTHETICAL".to_owned())))?;
    Ok(lines)
}

impl Aggregate {
    pub(crate) fn emit(&self, function: &Function, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let (schema, name) = (identifier(&function.schema), identifier(&function.name));
        // count(*) has no arguments and says so.
        let star = |list: &str| if function.argument_types.is_empty() { "*".to_owned() } else { list.to_owned() };
        let mut lines = self.0.clone();
        match function.parallel {
            's' => lines.push("PARALLEL = safe".to_owned()),
            'r' => lines.push("PARALLEL = restricted".to_owned()),
            _ => {}
        }
        let mut definition = format!(
            "CREATE AGGREGATE {schema}.{name}({}) (\n    {}\n);\n",
            star(&function.arguments),
            lines.join(",\n    ")
        );
        let routine = format!("ROUTINE {schema}.{name}({})", function.argument_types.join(", "));
        definition.push_str(&out.extensions_needed(function.id(), &routine));
        let signature = format!("{name}({})", star(&function.identity));
        let tag = format!("{}({})", function.name, star(&function.argument_types.join(", ")));
        let item = Item::new("AGGREGATE", tag).schema(&function.schema).owner(&function.owner);
        out.told(function.id());
        out.item(item.definition(definition).alter_owner(format!("AGGREGATE {schema}.{signature}")));
        out.comment(&Target {
            id: function.id(),
            column: 0,
            kind: "AGGREGATE",
            name: &signature,
            schema: Some(&function.schema),
            owner: &function.owner,
        });
        function.emit_privileges(out)
    }
}
