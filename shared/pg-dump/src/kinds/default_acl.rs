//! Default privileges: `pg_default_acl`.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use crate::catalog::{CatalogError, Reader};
use crate::emit::{AccessList, Emitter, Target};
use crate::object::{ObjectId, class};

pub(crate) struct DefaultAcl {
    pub(crate) oid: u32,
    pub(crate) role: String,
    /// `None` for all schemas.
    pub(crate) schema: Option<String>,
    /// Letter of the kind of object.
    pub(crate) of: char,
    /// Of a schema, its default is nothing, since it only adds to the global ones.
    acl: AccessList,
}

pub(crate) async fn read(reader: &Reader<'_>) -> Result<BTreeMap<u32, DefaultAcl>, CatalogError> {
    let sql = "SELECT d.oid, r.rolname AS owner, n.nspname AS schema, d.defaclobjtype AS of, d.defaclacl AS acl, \
         CASE WHEN d.defaclnamespace = 0 THEN \
             acldefault(CASE WHEN d.defaclobjtype = 'S' THEN 's' ELSE d.defaclobjtype END::\"char\", d.defaclrole) \
             ELSE '{}' END AS acldefault \
         FROM pg_default_acl d LEFT JOIN pg_roles r ON r.oid = d.defaclrole \
         LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace";
    let mut defaults = BTreeMap::new();
    for row in reader.rows("default privileges", sql).await? {
        let role = reader.owner(&row, || "default privileges".to_owned())?;
        let (oid, schema, of) = (row.oid("oid")?, row.optional("schema")?, row.letter("of")?);
        defaults.insert(oid, DefaultAcl { oid, role, schema, of, acl: AccessList::read(&row)? });
    }
    Ok(defaults)
}

impl DefaultAcl {
    pub(crate) fn id(&self) -> ObjectId {
        ObjectId::new(class::DEFAULT_ACL, self.oid)
    }

    pub(crate) fn emit(&self, out: &mut Emitter<'_>) -> Result<(), CatalogError> {
        let kind = match self.of {
            'r' => "TABLES",
            'S' => "SEQUENCES",
            'f' => "FUNCTIONS",
            'T' => "TYPES",
            'n' => "SCHEMAS",
            'L' => "LARGE OBJECTS",
            other => {
                let (what, column) = ("default privileges", "defaclobjtype".to_owned());
                return Err(CatalogError::Unexpected { what, column, value: other.to_string() });
            }
        };
        let mut prefix = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {} ", identifier(&self.role));
        if let Some(schema) = &self.schema {
            prefix.push_str(&format!("IN SCHEMA {} ", identifier(schema)));
        }
        let target =
            Target { id: self.id(), column: 0, kind, name: "", schema: self.schema.as_deref(), owner: &self.role };
        out.default_privileges(&target, &prefix, &self.acl)
    }
}
