//! Functions and procedures: `pg_proc`, put together from its columns (`pg_get_functiondef` writes another text).

use std::collections::BTreeMap;

use sql_text::quote::{dollar_quoted, identifier, literal};

use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{AccessList, Emitter, Item, Target};
use crate::object::{ObjectId, class};
use crate::settings::assignment;

pub(crate) struct Function {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) acl: AccessList,
    /// `f`unction, `p`rocedure, `w`indow function, `a`ggregate.
    pub(crate) kind: char,
    /// Types of the input arguments, as SQL.
    pub(crate) argument_types: Vec<String>,
    /// Schema and name of each of them, for the sort.
    pub(crate) argument_names: Vec<String>,
    /// Arguments with names, modes and defaults.
    pub(crate) arguments: String,
    /// Arguments as they identify the function.
    pub(crate) identity: String,
    /// ` PARALLEL …` and so on, as they stand in CREATE FUNCTION after its arguments.
    attributes: String,
    pub(crate) parallel: char,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Function>, CatalogError> {
    let sql = format!(
        "SELECT p.oid, n.nspname AS schema, p.proname AS name, r.rolname AS owner, p.proacl AS acl, \
         acldefault('f', p.proowner) AS acldefault, p.prokind AS kind, \
         ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place) ORDER BY a.place) \
             AS argument_types, \
         ARRAY(SELECT x.name FROM unnest(p.proargtypes) WITH ORDINALITY a(type, place) \
             JOIN pg_type t ON t.oid = a.type JOIN pg_namespace m ON m.oid = t.typnamespace, \
             unnest(ARRAY[m.nspname, t.typname]) WITH ORDINALITY x(name, part) ORDER BY a.place, x.part) AS argument_names, \
         pg_get_function_arguments(p.oid) AS arguments, pg_get_function_identity_arguments(p.oid) AS identity, \
         pg_get_function_result(p.oid) AS result, p.proretset AS returns_set, p.prosrc AS source, p.probin AS binary, \
         {body} AS body, p.provolatile AS volatile, p.proisstrict AS strict, p.prosecdef AS security_definer, \
         p.proleakproof AS leakproof, p.proconfig AS settings, p.procost AS cost, p.prorows AS rows, \
         p.prosupport AS support, p.proparallel AS parallel, l.lanname AS language, \
         ARRAY(SELECT format_type(t.type, NULL) FROM unnest(p.protrftypes) t(type)) AS transforms \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang \
         LEFT JOIN pg_roles r ON r.oid = p.proowner \
         LEFT JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid \
         WHERE n.nspname !~ '^pg_(toast|temp_|toast_temp_)' \
         AND (p.oid >= 16384 OR (n.nspname = 'pg_catalog' AND p.proacl IS DISTINCT FROM i.initprivs)) \
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i')",
        body = reader.version.function_sql_body(),
    );
    let mut functions = BTreeMap::new();
    for row in reader.rows("functions", &sql).await? {
        let (schema, name) = (row.text("schema")?, row.text("name")?);
        let owner = reader.owner(&row, || format!("function {schema}.{name}"))?;
        let function = Function {
            oid: row.oid("oid")?,
            schema,
            name,
            owner,
            acl: AccessList::read(&row)?,
            kind: row.letter("kind")?,
            argument_types: row.list("argument_types")?,
            argument_names: row.list("argument_names")?,
            arguments: row.fragment("arguments")?.unwrap_or_default(),
            identity: row.fragment("identity")?.unwrap_or_default(),
            attributes: attributes(&row)?,
            parallel: row.letter("parallel")?,
        };
        functions.insert(function.oid, function);
    }
    Ok(functions)
}

fn attributes(row: &Row) -> Result<String, CatalogError> {
    let mut sql = String::new();
    if let Some(result) = row.fragment("result")? {
        sql.push_str(&format!(" RETURNS {result}"));
    }
    let language = row.text("language")?;
    sql.push_str(&format!("\n    LANGUAGE {}", identifier(&language)));
    let transforms: Vec<_> = row.list("transforms")?.iter().map(|name| format!("FOR TYPE {name}")).collect();
    if !transforms.is_empty() {
        sql.push_str(&format!(" TRANSFORM {}", transforms.join(", ")));
    }
    if row.letter("kind")? == 'w' {
        sql.push_str(" WINDOW");
    }
    match row.letter("volatile")? {
        'i' => sql.push_str(" IMMUTABLE"),
        's' => sql.push_str(" STABLE"),
        _ => {}
    }
    for (column, words) in
        [("strict", " STRICT"), ("security_definer", " SECURITY DEFINER"), ("leakproof", " LEAKPROOF")]
    {
        if row.flag(column)? {
            sql.push_str(words);
        }
    }
    let cost = row.text("cost")?;
    let usual_cost = if matches!(language.as_str(), "internal" | "c") { "1" } else { "100" };
    if cost != "0" && cost != usual_cost {
        sql.push_str(&format!(" COST {cost}"));
    }
    let rows = row.text("rows")?;
    if row.flag("returns_set")? && rows != "0" && rows != "1000" {
        sql.push_str(&format!(" ROWS {rows}"));
    }
    let support = row.text("support")?;
    if support != "-" {
        sql.push_str(&format!(" SUPPORT {support}"));
    }
    match row.letter("parallel")? {
        's' => sql.push_str(" PARALLEL SAFE"),
        'r' => sql.push_str(" PARALLEL RESTRICTED"),
        _ => {}
    }
    for setting in row.list("settings")? {
        sql.push_str(&format!("\n    {}", assignment(&setting)));
    }
    sql.push_str(&format!("\n    {};\n", body(row)?));
    Ok(sql)
}

fn body(row: &Row) -> Result<String, CatalogError> {
    if let Some(body) = row.checked("body", sql_text::check_function_body)? {
        return Ok(body);
    }
    let source = row.text("source")?;
    Ok(match row.optional("binary")? {
        Some(binary) if binary != "-" && !binary.is_empty() => {
            let plain = |text: &str| !text.contains(['\'', '\\']);
            let source = match source.as_str() {
                "-" => String::new(),
                source if plain(source) => format!(", {}", literal(source)),
                source => format!(", {}", dollar_quoted(source)),
            };
            format!("AS {}{source}", literal(&binary))
        }
        _ if source != "-" => format!("AS {}", dollar_quoted(&source)),
        _ => String::new(),
    })
}

impl Function {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::FUNCTION, self.oid)
    }

    /// `FUNCTION` or `PROCEDURE`.
    pub(crate) fn word(&self) -> &'static str {
        if self.kind == 'p' { "PROCEDURE" } else { "FUNCTION" }
    }

    /// Its name and argument types, as headers have it.
    pub(crate) fn tag(&self) -> String {
        format!("{}({})", self.name, self.argument_types.join(", "))
    }

    /// Its name and arguments, as ALTER takes them.
    pub(crate) fn signature(&self) -> String {
        format!("{}({})", identifier(&self.name), self.identity)
    }

    /// `declared` if it follows its declaration.
    pub(crate) fn emit(&self, declared: bool, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let create = if declared { "CREATE OR REPLACE" } else { "CREATE" };
        let (word, schema, signature) = (self.word(), identifier(&self.schema), self.signature());
        let mut definition =
            format!("{create} {word} {schema}.{}({}){}", identifier(&self.name), self.arguments, self.attributes);
        let statement = format!("{word} {schema}.{signature}");
        definition.push_str(&out.extensions_needed(self.id(), &statement));
        let item = Item::new(word, self.tag()).schema(&self.schema).owner(&self.owner);
        out.told(self.id());
        out.item(item.definition(definition).alter_owner(statement));
        let target = Target {
            id: self.id(),
            column: 0,
            kind: word,
            name: &signature,
            schema: Some(&self.schema),
            owner: &self.owner,
        };
        out.comment(&target);
        out.privileges(&target, &self.acl)
    }

    /// Privileges on a function that is not ours to define.
    pub(crate) fn emit_privileges(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let signature = if self.kind == 'a' {
            format!("{}({})", identifier(&self.name), self.argument_types.join(", "))
        } else {
            self.signature()
        };
        // There is no GRANT ON AGGREGATE.
        let target = Target {
            id: self.id(),
            column: 0,
            kind: self.word(),
            name: &signature,
            schema: Some(&self.schema),
            owner: &self.owner,
        };
        out.privileges(&target, &self.acl)
    }
}
