//! Settings of roles and of the database: `pg_db_role_setting`.

use std::collections::BTreeMap;

use super::readable::Readable;
use super::role::Role;
use crate::catalog::{CatalogError, Reader};
use crate::settings::assignment;

/// `SET name TO value`, by role; role 0 is every role.
#[derive(Default)]
pub(super) struct Settings {
    everywhere: BTreeMap<u32, Vec<String>>,
    here: BTreeMap<u32, Vec<String>>,
}

/// Settings for sessions in the database.
#[derive(Default)]
pub(super) struct DatabaseSettings {
    /// Of every role.
    pub(super) all: Vec<String>,
    /// By the role's name.
    pub(super) roles: Vec<(String, Vec<String>)>,
}

impl Settings {
    pub(super) async fn read(
        reader: &Reader<'_>,
        readable: &Readable,
        database: u32,
        roles: &str,
    ) -> Result<Self, CatalogError> {
        let mut settings = Self::default();
        if !readable.has("pg_db_role_setting") {
            return Ok(settings);
        }
        let sql = format!(
            "SELECT setrole AS role, setdatabase AS database, setconfig AS settings FROM pg_db_role_setting \
             WHERE setdatabase = {database} OR (setdatabase = 0 AND setrole <> 0 AND setrole IN ({roles}))"
        );
        for row in reader.rows("settings of roles and databases", &sql).await? {
            let scope = if row.oid("database")? == 0 { &mut settings.everywhere } else { &mut settings.here };
            scope.insert(row.oid("role")?, row.list("settings")?.iter().map(|setting| assignment(setting)).collect());
        }
        Ok(settings)
    }

    pub(super) fn of_role(&mut self, role: u32) -> Vec<String> {
        self.everywhere.remove(&role).unwrap_or_default()
    }

    pub(super) fn of_database(&mut self, roles: &BTreeMap<u32, Role>) -> DatabaseSettings {
        let all = self.here.remove(&0).unwrap_or_default();
        let mut named: Vec<_> = std::mem::take(&mut self.here)
            .into_iter()
            .filter_map(|(oid, settings)| roles.get(&oid).map(|role| (role.name.clone(), settings)))
            .collect();
        named.sort();
        DatabaseSettings { all, roles: named }
    }
}
