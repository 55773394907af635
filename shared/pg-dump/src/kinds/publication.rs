//! Publications and what they publish: `pg_publication`, `pg_publication_rel`, `pg_publication_namespace`.

use std::collections::BTreeMap;

use sql_text::quote::{identifier, identifiers};

use super::relation::Relation;
use crate::catalog::{CatalogError, Reader};
use crate::emit::{Emitter, Item, Target};
use crate::object::{ObjectId, class};

pub(crate) struct Publication {
    pub(crate) oid: u32,
    pub(crate) name: String,
    owner: String,
    all_tables: bool,
    /// `insert`, `update` and so on.
    publishes: Vec<&'static str>,
    via_root: bool,
    /// `s`tored, or `n`one.
    generated: char,
}

/// A table of a publication.
pub(crate) struct PublishedTable {
    pub(crate) oid: u32,
    pub(crate) publication: u32,
    pub(crate) table: u32,
    columns: Vec<String>,
    filter: Option<String>,
}

/// A schema of a publication.
pub(crate) struct PublishedSchema {
    pub(crate) oid: u32,
    pub(crate) publication: u32,
    pub(crate) schema: u32,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, Publication>, CatalogError> {
    let sql = format!(
        "SELECT p.oid, p.pubname AS name, r.rolname AS owner, p.puballtables AS all_tables, p.pubinsert AS insert, \
         p.pubupdate AS update, p.pubdelete AS delete, p.pubtruncate AS truncate, p.pubviaroot AS via_root, \
         {generated} AS generated FROM pg_publication p LEFT JOIN pg_roles r ON r.oid = p.pubowner",
        generated = reader.version.publication_generated(),
    );
    let mut publications = BTreeMap::new();
    for row in reader.rows("publications", &sql).await? {
        let name = row.text("name")?;
        let owner = reader.owner(&row, || format!("publication {name}"))?;
        let mut publishes = Vec::new();
        for action in ["insert", "update", "delete", "truncate"] {
            if row.flag(action)? {
                publishes.push(action);
            }
        }
        let publication = Publication {
            oid: row.oid("oid")?,
            name,
            owner,
            all_tables: row.flag("all_tables")?,
            publishes,
            via_root: row.flag("via_root")?,
            generated: row.letter("generated")?,
        };
        publications.insert(publication.oid, publication);
    }
    Ok(publications)
}

pub(crate) async fn read_tables(reader: &Reader<'_>) -> Result<BTreeMap<u32, PublishedTable>, CatalogError> {
    let sql = format!(
        "SELECT r.oid, r.prpubid AS publication, r.prrelid AS table, {filter} AS filter, {columns} AS columns \
         FROM pg_publication_rel r",
        filter = reader.version.publication_filter(),
        columns = reader.version.publication_columns(),
    );
    let mut tables = BTreeMap::new();
    for row in reader.rows("published tables", &sql).await? {
        let (oid, publication, table) = (row.oid("oid")?, row.oid("publication")?, row.oid("table")?);
        let (columns, filter) = (row.list("columns")?, row.fragment("filter")?);
        tables.insert(oid, PublishedTable { oid, publication, table, columns, filter });
    }
    Ok(tables)
}

pub(crate) async fn read_schemas(reader: &Reader<'_>) -> Result<BTreeMap<u32, PublishedSchema>, CatalogError> {
    let mut schemas = BTreeMap::new();
    if reader.version.publishes_schemas() {
        let sql = "SELECT oid, pnpubid AS publication, pnnspid AS schema FROM pg_publication_namespace";
        for row in reader.rows("published schemas", sql).await? {
            let (oid, publication, schema) = (row.oid("oid")?, row.oid("publication")?, row.oid("schema")?);
            schemas.insert(oid, PublishedSchema { oid, publication, schema });
        }
    }
    Ok(schemas)
}

impl Publication {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::PUBLICATION, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) {
        let name = identifier(&self.name);
        let mut definition = format!("CREATE PUBLICATION {name}");
        if self.all_tables {
            definition.push_str(" FOR ALL TABLES");
        }
        definition.push_str(&format!(" WITH (publish = '{}'", self.publishes.join(", ")));
        if self.via_root {
            definition.push_str(", publish_via_partition_root = true");
        }
        if self.generated == 's' {
            definition.push_str(", publish_generated_columns = stored");
        }
        definition.push_str(");\n");
        out.told(self.id());
        let item = Item::new("PUBLICATION", &*self.name).owner(&self.owner).definition(definition);
        out.item(item.alter_owner(format!("PUBLICATION {name}")));
        out.comment(&Target {
            id: self.id(),
            column: 0,
            kind: "PUBLICATION",
            name: &name,
            schema: None,
            owner: &self.owner,
        });
    }
}

impl PublishedTable {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::PUBLICATION_TABLE, self.oid)
    }

    pub(crate) fn emit(&self, publication: &Publication, relation: &Relation, out: &mut Emitter<'_>) {
        let mut definition =
            format!("ALTER PUBLICATION {} ADD TABLE ONLY {}", identifier(&publication.name), relation.qualified());
        if !self.columns.is_empty() {
            definition.push_str(&format!(" ({})", identifiers(&self.columns)));
        }
        if let Some(filter) = &self.filter {
            definition.push_str(&format!(" WHERE ({filter})"));
        }
        definition.push_str(";\n");
        out.told(self.id());
        let item = Item::new("PUBLICATION TABLE", format!("{} {}", publication.name, relation.name));
        out.item(item.schema(&relation.schema).owner(&publication.owner).definition(definition));
    }
}

impl PublishedSchema {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::PUBLICATION_SCHEMA, self.oid)
    }

    pub(crate) fn emit(&self, publication: &Publication, schema: &str, out: &mut Emitter<'_>) {
        let definition = format!(
            "ALTER PUBLICATION {} ADD TABLES IN SCHEMA {};\n",
            identifier(&publication.name),
            identifier(schema)
        );
        out.told(self.id());
        let item = Item::new("PUBLICATION TABLES IN SCHEMA", format!("{} {schema}", publication.name));
        out.item(item.schema(schema).owner(&publication.owner).definition(definition));
    }
}
