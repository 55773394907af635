//! Foreign keys from and to the tables that get rows: dropped, and made again when all rows are there.

use pg_client::Session;
use sql_text::quote::literal;

use crate::error::Error;
use crate::existing::{Oids, execute, list, step};

/// In the order in which they were made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ForeignKeys(Vec<ForeignKey>);

#[derive(Debug, PartialEq, Eq)]
struct ForeignKey {
    oid: u32,
    name: String,
    /// The table that has it, quoted.
    table: String,
    /// The table that it refers to, quoted.
    refers: String,
    from: u32,
    to: u32,
    definition: String,
    comment: Option<String>,
}

impl ForeignKeys {
    pub(super) async fn find(session: &Session, family: &Oids) -> Result<Self, Error> {
        let rows = session.client.query(FIND, &[&list(family)]).await;
        let rows = rows.map_err(|error| step(session, "look for foreign keys", error))?;
        let keys = rows.iter().map(|row| ForeignKey {
            oid: row.get(0),
            name: row.get(1),
            table: row.get(2),
            refers: row.get(3),
            from: row.get(4),
            to: row.get(5),
            definition: row.get(6),
            comment: row.get(7),
        });
        Ok(Self(keys.collect()))
    }

    /// The tables that have them and that they refer to.
    pub(super) fn tables(&self) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(|key| [key.from, key.to])
    }

    /// Tables can't be emptied that others refer to, whose rows stay.
    pub(super) fn must_be_within(&self, family: &Oids) -> Result<(), Error> {
        let outside = self.0.iter().filter(|key| !family.contains(&key.from));
        let keys: Vec<String> =
            outside.map(|key| format!("{} of {} refers to {}", key.name, key.table, key.refers)).collect();
        if keys.is_empty() { Ok(()) } else { Err(Error::ReferredTo { keys }) }
    }

    /// A foreign key some of whose triggers are disabled can't be made again as it was.
    pub(super) async fn must_be_enabled(&self, session: &Session) -> Result<(), Error> {
        let oids: Vec<u32> = self.0.iter().map(|key| key.oid).collect();
        let sql = "SELECT DISTINCT c.conname::text FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_constraint c \
                   ON c.oid = t.tgconstraint WHERE c.oid = ANY ($1) AND t.tgenabled <> 'O' ORDER BY 1";
        let rows = session.client.query(sql, &[&oids]).await;
        let rows = rows.map_err(|error| step(session, "look at the foreign keys' triggers", error))?;
        let why: Vec<String> = rows
            .iter()
            .map(|row| format!("triggers of the foreign key {} are disabled: enable them first", row.get::<_, &str>(0)))
            .collect();
        if why.is_empty() { Ok(()) } else { Err(Error::Unfit { why }) }
    }

    pub(super) async fn drop(&self, session: &Session) -> Result<(), Error> {
        for key in &self.0 {
            let sql = format!("ALTER TABLE {} DROP CONSTRAINT {}", key.table, key.name);
            execute(session, &format!("drop the foreign key {} of {} for the while", key.name, key.table), &sql)
                .await?;
        }
        Ok(())
    }

    /// Makes them again, which validates those that were valid.
    pub(super) async fn add(&self, session: &Session) -> Result<(), Error> {
        for key in &self.0 {
            let mut sql = format!("ALTER TABLE {} ADD CONSTRAINT {} {}", key.table, key.name, key.definition);
            if let Some(comment) = &key.comment {
                let comment = literal(comment);
                sql.push_str(&format!("; COMMENT ON CONSTRAINT {} ON {} IS {comment}", key.name, key.table));
            }
            execute(session, &format!("validate the foreign key {} of {}", key.name, key.table), &sql).await?;
        }
        Ok(())
    }
}

const FIND: &str = "\
    SELECT c.oid, pg_catalog.quote_ident(c.conname), pg_catalog.format('%I.%I', n.nspname, r.relname), \
    pg_catalog.format('%I.%I', fn.nspname, f.relname), c.conrelid, c.confrelid, pg_catalog.pg_get_constraintdef(c.oid), \
    pg_catalog.obj_description(c.oid, 'pg_constraint') FROM pg_catalog.pg_constraint c \
    JOIN pg_catalog.pg_class r ON r.oid = c.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace \
    JOIN pg_catalog.pg_class f ON f.oid = c.confrelid JOIN pg_catalog.pg_namespace fn ON fn.oid = f.relnamespace \
    WHERE c.contype = 'f' AND c.conparentid = 0 AND (c.conrelid = ANY ($1) OR c.confrelid = ANY ($1)) ORDER BY c.oid";
