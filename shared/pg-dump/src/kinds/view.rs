//! Views and materialised views.

use sql_text::quote::identifier;

use super::relation::Relation;
use super::table;
use crate::catalog::CatalogError;
use crate::emit::{Emitter, Item, Pass};

/// CREATE VIEW. As `dummy`, the view has its columns and no query yet: what it depends on needs the view itself first.
pub(crate) fn emit_view(relation: &Relation, dummy: bool, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let name = relation.qualified();
    let definition = if dummy {
        let columns = relation.columns.iter().filter(|column| !column.dropped).map(|column| {
            let collation = column.collation.as_ref().map(|c| format!(" COLLATE {c}")).unwrap_or_default();
            format!("\n    NULL::{}{collation} AS {}", column.data_type, identifier(&column.name))
        });
        format!("CREATE VIEW {name} AS\nSELECT{};\n", columns.collect::<Vec<_>>().join(","))
    } else {
        format!("CREATE VIEW {name}{};\n", query(relation))
    };
    let item = Item::new("VIEW", &*relation.name).schema(&relation.schema).owner(&relation.owner);
    out.told(relation.id());
    out.item(item.definition(definition).alter_owner(format!("VIEW {name}")));
    table::about(relation, out)
}

/// ` WITH (options) AS query WITH … CHECK OPTION`.
fn query(relation: &Relation) -> String {
    let options = if relation.options.is_empty() { String::new() } else { format!(" WITH ({})", relation.options) };
    let check = relation.check_option.as_ref().map(|check| format!("\n  WITH {check} CHECK OPTION"));
    let query = relation.query.as_deref().unwrap_or_default();
    format!("{options} AS\n{query}{}", check.unwrap_or_default())
}

/// The query of a view that was made as a dummy, after the data.
pub(crate) fn emit_query(relation: &Relation, out: &mut Emitter<'_>) {
    let definition = format!("CREATE OR REPLACE VIEW {}{};\n", relation.qualified(), query(relation));
    let item = Item::new("RULE", format!("{} _RETURN", relation.name));
    out.item(item.schema(&relation.schema).owner(&relation.owner).definition(definition));
}

/// CREATE MATERIALIZED VIEW, without rows.
pub(crate) fn emit_materialized(relation: &Relation, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
    let name = relation.qualified();
    let options = if relation.options.is_empty() { String::new() } else { format!("\nWITH ({})", relation.options) };
    let query = relation.query.as_deref().unwrap_or_default();
    let mut definition = format!("CREATE MATERIALIZED VIEW {name}{options} AS\n{query}\n  WITH NO DATA;\n");
    definition.push_str(&table::alterations(relation, out.model.version));
    let statement = format!("MATERIALIZED VIEW {name}");
    definition.push_str(&out.extensions_needed(relation.id(), &statement));
    let mut item = Item::new("MATERIALIZED VIEW", &*relation.name).schema(&relation.schema).owner(&relation.owner);
    item.tablespace = Some(relation.tablespace.clone());
    item.access_method = relation.access_method.clone();
    out.told(relation.id());
    out.item(item.definition(definition).alter_owner(statement));
    table::about(relation, out)
}

/// REFRESH MATERIALIZED VIEW, after everything that its query may use and with the privileges in place.
pub(crate) fn emit_refresh(relation: &Relation, out: &mut Emitter<'_>) {
    let definition = format!("REFRESH MATERIALIZED VIEW {};\n", relation.qualified());
    let mut item = Item::new("MATERIALIZED VIEW DATA", &*relation.name).schema(&relation.schema).owner(&relation.owner);
    item.pass = Pass::AfterPrivileges;
    out.item(item.definition(definition));
}
