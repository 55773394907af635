//! What our role may not read: told before anything is locked, all of it at once.

use std::collections::HashSet;

use pg_client::Session;

use crate::error::Error;
use crate::options::Content;
use crate::selection::Selection;
use crate::session::{Server, fault};

/// What is asked for and may not be read, by OID and name.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    /// Tables, which may not be locked either.
    pub(crate) tables: Vec<(u32, String)>,
    /// Tables whose policies hide rows.
    pub(crate) hidden: Vec<(u32, String)>,
    pub(crate) sequences: Vec<(u32, String)>,
    pub(crate) large_objects: Vec<u32>,
}

/// Sequences that no extension keeps to itself; those that a chosen table owns come with it.
const SEQUENCES: &str = "
    SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend o ON o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid
      AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.refobjsubid <> 0 AND o.deptype IN ('a', 'i')
    WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND (coalesce(o.deptype <> 'i', true) AND ($1::pg_catalog.oid[] IS NULL OR c.oid = ANY ($1)) AND c.oid <> ALL ($2::pg_catalog.oid[])
        OR coalesce(($1 IS NULL OR o.refobjid = ANY ($1)) AND o.refobjid <> ALL ($2), false))
      AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.oid = d.refobjid AND c.oid = ANY (e.extconfig)))
      AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT'))
    ORDER BY 2";

/// Large objects that only others may read. A server may be told not to ask.
const LARGE_OBJECTS: &str = "
    SELECT l.oid FROM pg_catalog.pg_largeobject_metadata l
    WHERE NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
      AND pg_catalog.current_setting('lo_compat_privileges') <> 'on'
      AND NOT EXISTS (
        SELECT FROM pg_catalog.aclexplode(coalesce(l.lomacl, pg_catalog.acldefault('L', l.lomowner))) a
        WHERE a.privilege_type = 'SELECT' AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
    ORDER BY 1";

impl Unread {
    /// Sequences and large objects; tables are added by whoever lists them.
    pub(crate) async fn read(server: &Server, side: &Session, selection: &Selection) -> Result<Self, Error> {
        let mut unread = Self::default();
        if selection.content == Content::Schema {
            return Ok(unread);
        }
        let included: Option<Vec<u32>> = selection.included.as_ref().map(|oids| oids.iter().copied().collect());
        let excluded: Vec<u32> = selection.excluded.iter().copied().collect();
        let act = format!("look for what role {} may not read", server.role);
        let rows = side.client.query(SEQUENCES, &[&included, &excluded]).await;
        let rows = rows.map_err(|error| fault(side, &act, error))?;
        unread.sequences = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if selection.included.is_none() {
            let rows = side.client.query(LARGE_OBJECTS, &[]).await.map_err(|error| fault(side, &act, error))?;
            unread.large_objects = rows.iter().map(|row| row.get(0)).collect();
        }
        Ok(unread)
    }

    /// The relations whose rows or values are missing.
    pub(crate) fn relations(&self) -> HashSet<u32> {
        [&self.tables, &self.hidden, &self.sequences].into_iter().flatten().map(|(oid, _)| *oid).collect()
    }

    /// # Errors
    /// Names all of it, if there is any.
    pub(crate) fn refuse(&self, server: &Server) -> Result<(), Error> {
        let name = |(_, name): &(u32, String)| name.clone();
        let mut objects: Vec<String> = self.tables.iter().chain(&self.sequences).map(name).collect();
        objects.extend(self.large_objects.iter().map(|oid| format!("large object {oid}")));
        let (tables, role): (Vec<String>, _) = (self.hidden.iter().map(name).collect(), server.role.clone());
        match (objects.is_empty(), tables.is_empty()) {
            (true, true) => Ok(()),
            (false, true) => Err(Error::NotReadable { role, objects }),
            (true, false) => Err(Error::RowSecurity { role, tables }),
            (false, false) => Err(Error::NotReadWhole { role, objects, tables }),
        }
    }
}
