//! Declarations of functions: what a circle of dependencies needs of a function before its body and its defaults can be told.
//!
//! From `pg_proc`. `CREATE OR REPLACE` gives them the body, the defaults and all other properties later.

use std::collections::BTreeMap;

use sql_text::quote::{dollar_quoted, identifier};

use super::function::Function;
use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item};

/// What there is to say before the body.
pub(crate) struct Declaration {
    /// OIDs of the types of its arguments and its result.
    pub(crate) types: Vec<u32>,
    /// Arguments, those with defaults with one of NULL: a call may leave them out.
    arguments: String,
    /// ` RETURNS … LANGUAGE …`.
    attributes: String,
}

/// By OID of the function: those that may need something beside their signature, and whose body nobody looks at before it is run.
pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Declaration>, CatalogError> {
    let sql = format!(
        "SELECT p.oid, l.lanname AS language, pg_get_function_result(p.oid) AS result, p.provolatile AS volatile, \
         p.proisstrict AS strict, a.types, a.names, a.modes, array_prepend(p.prorettype, a.types) AS signature, \
         ARRAY(SELECT format_type(t.type, NULL) FROM unnest(a.types) WITH ORDINALITY t(type, place) ORDER BY t.place) \
             AS type_names, p.pronargs - p.pronargdefaults AS without_default \
         FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang, LATERAL ( \
             SELECT ARRAY(SELECT unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))) AS types, \
             coalesce(p.proargnames, '{{}}') AS names, coalesce(p.proargmodes, '{{}}') AS modes) a \
         WHERE p.oid >= 16384 AND p.prokind IN ('f', 'p') AND l.lanname NOT IN ('internal', 'c') \
         AND (p.pronargdefaults > 0 OR {body})",
        body = reader.version.function_has_sql_body(),
    );
    let mut declarations = BTreeMap::new();
    for row in reader.rows("declarations of functions", &sql).await? {
        let mut attributes = String::new();
        if let Some(result) = row.fragment("result")? {
            attributes.push_str(&format!(" RETURNS {result}"));
        }
        attributes.push_str(&format!("\n    LANGUAGE {}", identifier(&row.text("language")?)));
        // What uses a function may ask these of it.
        attributes.push_str(match row.letter("volatile")? {
            'i' => " IMMUTABLE",
            's' => " STABLE",
            _ => "",
        });
        if row.flag("strict")? {
            attributes.push_str(" STRICT");
        }
        let types = row.list("signature")?.iter().filter_map(|oid| oid.parse().ok()).collect();
        declarations.insert(row.oid("oid")?, Declaration { types, arguments: arguments(&row)?, attributes });
    }
    Ok(declarations)
}

fn arguments(row: &Row) -> Result<String, CatalogError> {
    let (names, modes) = (row.list("names")?, row.list("modes")?);
    let without_default: usize = row.number("without_default")?;
    let (mut list, mut inputs) = (Vec::new(), 0);
    for (place, data_type) in row.list("type_names")?.iter().enumerate() {
        let mode = modes.get(place).map_or("i", String::as_str);
        // Columns of the result's table.
        if mode == "t" {
            continue;
        }
        let mut argument = match mode {
            "o" => "OUT ",
            "b" => "INOUT ",
            "v" => "VARIADIC ",
            _ => "",
        }
        .to_owned();
        if let Some(name) = names.get(place).filter(|name| !name.is_empty()) {
            argument.push_str(&format!("{} ", identifier(name)));
        }
        argument.push_str(data_type);
        if mode != "o" {
            inputs += 1;
            if inputs > without_default {
                argument.push_str(" DEFAULT NULL");
            }
        }
        list.push(argument);
    }
    Ok(list.join(", "))
}

impl Declaration {
    pub(crate) fn emit(&self, function: &Function, out: &mut Emitter<'_>) {
        let (word, schema, name) = (function.word(), identifier(&function.schema), identifier(&function.name));
        let (arguments, attributes, body) = (&self.arguments, &self.attributes, dollar_quoted(""));
        let definition = format!("CREATE {word} {schema}.{name}({arguments}){attributes}\n    AS {body};\n");
        let item = Item::new(word, function.tag()).schema(&function.schema).owner(&function.owner);
        out.item(item.definition(definition));
    }
}
