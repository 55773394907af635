//! Privileges of roles on configuration parameters: `pg_parameter_acl`, since 15.

use std::collections::BTreeMap;

use sql_text::quote::identifier;

use super::BOOTSTRAP;
use super::readable::Readable;
use crate::catalog::{CatalogError, Reader};

/// What a role may do with one parameter.
#[derive(Default)]
pub(super) struct Privileges {
    parameter: String,
    plain: Vec<String>,
    /// With grant option.
    with_option: Vec<String>,
}

/// By the role's OID; initdb's superuser has them all. Who granted them is not kept: only whoever has the option, or a superuser, can.
pub(super) async fn read(
    reader: &Reader<'_>,
    readable: &Readable,
    roles: &str,
) -> Result<BTreeMap<u32, Vec<Privileges>>, CatalogError> {
    let mut of_roles: BTreeMap<u32, Vec<Privileges>> = BTreeMap::new();
    if !readable.has("pg_parameter_acl") {
        return Ok(of_roles);
    }
    let sql = format!(
        "SELECT a.grantee AS role, p.parname AS parameter, a.privilege_type AS privilege, bool_or(a.is_grantable) AS option \
         FROM pg_parameter_acl p, aclexplode(p.paracl) a WHERE a.grantee <> {BOOTSTRAP} AND a.grantee IN ({roles}) \
         GROUP BY 1, 2, 3 ORDER BY a.grantee, p.parname COLLATE \"C\", 3 DESC"
    );
    for row in reader.rows("privileges on parameters", &sql).await? {
        let (parameter, privilege) = (row.text("parameter")?, row.text("privilege")?);
        let of_role = of_roles.entry(row.oid("role")?).or_default();
        if of_role.last().is_none_or(|last| last.parameter != parameter) {
            of_role.push(Privileges { parameter, ..Privileges::default() });
        }
        if let Some(last) = of_role.last_mut() {
            if row.flag("option")? { &mut last.with_option } else { &mut last.plain }.push(privilege);
        }
    }
    Ok(of_roles)
}

impl Privileges {
    /// `role` is quoted.
    pub(super) fn statements(&self, role: &str) -> Vec<String> {
        let grant = |privileges: &Vec<String>, option: &str| {
            let named = if privileges.len() == 2 { "ALL".to_owned() } else { privileges.join(", ") };
            (!privileges.is_empty())
                .then(|| format!("GRANT {named} ON PARAMETER {} TO {role}{option}", identifier(&self.parameter)))
        };
        [grant(&self.plain, ""), grant(&self.with_option, " WITH GRANT OPTION")].into_iter().flatten().collect()
    }
}
