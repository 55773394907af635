//! Text search: `pg_ts_parser`, `pg_ts_template`, `pg_ts_dict`, `pg_ts_config` with `pg_ts_config_map`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, qualified};

use crate::catalog::{CatalogError, Reader, Row};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TextSearchKind {
    Parser,
    Template,
    Dictionary,
    Configuration,
}

pub(crate) struct TextSearch {
    pub(crate) oid: u32,
    pub(crate) kind: TextSearchKind,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Parsers and templates have none.
    owner: Option<String>,
    /// Properties, a line each.
    lines: Vec<String>,
    /// Dictionaries of a configuration by kind of token, in order.
    mappings: Vec<(String, Vec<String>)>,
}

/// All of a kind.
pub(crate) async fn read(reader: &Reader<'_>, kind: TextSearchKind) -> Result<BTreeMap<u32, TextSearch>, CatalogError> {
    let sql = match kind {
        TextSearchKind::Parser => {
            "SELECT t.oid, n.nspname AS schema, t.prsname AS name, NULL AS owner, t.prsstart AS \"START\", \
             t.prstoken AS \"GETTOKEN\", t.prsend AS \"END\", t.prsheadline AS \"HEADLINE\", t.prslextype AS \"LEXTYPES\" \
             FROM pg_ts_parser t JOIN pg_namespace n ON n.oid = t.prsnamespace WHERE t.oid >= 16384"
        }
        TextSearchKind::Template => {
            "SELECT t.oid, n.nspname AS schema, t.tmplname AS name, NULL AS owner, t.tmplinit AS \"INIT\", \
             t.tmpllexize AS \"LEXIZE\" \
             FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE t.oid >= 16384"
        }
        TextSearchKind::Dictionary => {
            "SELECT t.oid, n.nspname AS schema, t.dictname AS name, r.rolname AS owner, t.dictinitoption AS options, \
             quote_ident(m.nspname) || '.' || quote_ident(p.tmplname) AS \"TEMPLATE\" \
             FROM pg_ts_dict t JOIN pg_namespace n ON n.oid = t.dictnamespace LEFT JOIN pg_roles r ON r.oid = t.dictowner \
             JOIN pg_ts_template p ON p.oid = t.dicttemplate JOIN pg_namespace m ON m.oid = p.tmplnamespace WHERE t.oid >= 16384"
        }
        TextSearchKind::Configuration => {
            "SELECT t.oid, n.nspname AS schema, t.cfgname AS name, r.rolname AS owner, \
             quote_ident(m.nspname) || '.' || quote_ident(p.prsname) AS \"PARSER\" \
             FROM pg_ts_config t JOIN pg_namespace n ON n.oid = t.cfgnamespace LEFT JOIN pg_roles r ON r.oid = t.cfgowner \
             JOIN pg_ts_parser p ON p.oid = t.cfgparser JOIN pg_namespace m ON m.oid = p.prsnamespace WHERE t.oid >= 16384"
        }
    };
    let mut found = BTreeMap::new();
    for row in reader.rows(kind.plural(), sql).await? {
        let object = object(reader, kind, &row)?;
        found.insert(object.oid, object);
    }
    if kind == TextSearchKind::Configuration {
        mappings(reader, &mut found).await?;
    }
    Ok(found)
}

fn object(reader: &Reader<'_>, kind: TextSearchKind, row: &Row) -> Result<TextSearch, CatalogError> {
    let (schema, name) = (row.text("schema")?, row.text("name")?);
    let owned = matches!(kind, TextSearchKind::Dictionary | TextSearchKind::Configuration);
    let owner = owned.then(|| reader.owner(row, || format!("{} {schema}.{name}", kind.words()))).transpose()?;
    let mut lines = Vec::new();
    for word in kind.properties() {
        let value = row.text(word)?;
        if value != "-" {
            lines.push(format!("{word} = {value}"));
        }
    }
    if kind == TextSearchKind::Dictionary {
        lines.extend(row.fragment("options")?);
    }
    Ok(TextSearch { oid: row.oid("oid")?, kind, schema, name, owner, lines, mappings: Vec::new() })
}

async fn mappings(reader: &Reader<'_>, configurations: &mut BTreeMap<u32, TextSearch>) -> Result<(), CatalogError> {
    let sql = "SELECT m.mapcfg AS configuration, m.mapdict::regdictionary AS dictionary, \
         (SELECT t.alias FROM ts_token_type(c.cfgparser) t WHERE t.tokid = m.maptokentype) AS token \
         FROM pg_ts_config_map m JOIN pg_ts_config c ON c.oid = m.mapcfg WHERE m.mapcfg >= 16384 \
         ORDER BY m.mapcfg, m.maptokentype, m.mapseqno";
    for row in reader.rows("text search mappings", sql).await? {
        let (token, dictionary) = (row.text("token")?, row.text("dictionary")?);
        let Some(configuration) = configurations.get_mut(&row.oid("configuration")?) else { continue };
        match configuration.mappings.last_mut() {
            Some((last, dictionaries)) if *last == token => dictionaries.push(dictionary),
            _ => configuration.mappings.push((token, vec![dictionary])),
        }
    }
    Ok(())
}

impl TextSearchKind {
    /// The identity of one of the kind.
    pub(crate) fn id(self, oid: u32) -> ObjectId {
        let class = match self {
            Self::Parser => class::TEXT_SEARCH_PARSER,
            Self::Template => class::TEXT_SEARCH_TEMPLATE,
            Self::Dictionary => class::TEXT_SEARCH_DICTIONARY,
            Self::Configuration => class::TEXT_SEARCH_CONFIGURATION,
        };
        ObjectId::new(class, oid)
    }

    fn words(self) -> &'static str {
        match self {
            Self::Parser => "TEXT SEARCH PARSER",
            Self::Template => "TEXT SEARCH TEMPLATE",
            Self::Dictionary => "TEXT SEARCH DICTIONARY",
            Self::Configuration => "TEXT SEARCH CONFIGURATION",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Parser => "text search parsers",
            Self::Template => "text search templates",
            Self::Dictionary => "text search dictionaries",
            Self::Configuration => "text search configurations",
        }
    }

    /// Names of the properties, which are also the columns of its query.
    fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Parser => &["START", "GETTOKEN", "END", "HEADLINE", "LEXTYPES"],
            Self::Template => &["INIT", "LEXIZE"],
            Self::Dictionary => &["TEMPLATE"],
            Self::Configuration => &["PARSER"],
        }
    }
}

impl TextSearch {
    pub(crate) fn id(&self) -> ObjectId {
        self.kind.id(self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let (words, qualified) = (self.kind.words(), qualified(&self.schema, &self.name));
        let mut definition = format!("CREATE {words} {qualified} (\n    {} );\n", self.lines.join(",\n    "));
        for (token, dictionaries) in &self.mappings {
            let (token, dictionaries) = (identifier(token), dictionaries.join(", "));
            definition
                .push_str(&format!("\nALTER {words} {qualified}\n    ADD MAPPING FOR {token} WITH {dictionaries};\n"));
        }
        out.told(self.id());
        let mut item = Item::new(words, &*self.name).schema(&self.schema).definition(definition);
        if let Some(owner) = &self.owner {
            item = item.owner(owner).alter_owner(format!("{words} {qualified}"));
        }
        out.item(item);
        let (name, owner) = (identifier(&self.name), self.owner.as_deref().unwrap_or_default());
        let schema = Some(self.schema.as_str());
        out.comment(&Target { id: self.id(), column: 0, kind: words, name: &name, schema, owner });
    }
}
