//! Rows and values that belong into an extension's own tables and sequences: without superuser these may be another role's, or not there.

use sql_volume::RowDigest;

use crate::apply::{Applied, Applier, Current, excerpt};
use crate::compare::reader::Name;
use crate::configuration::of_others;
use crate::error::Error;

impl Applier {
    /// Why this role can't write an extension's table or sequence. It is asked before, for after a COPY that was refused, the connection
    /// is of no use.
    pub(super) async fn refusal(&mut self, current: &Current<'_>, name: &Name) -> Result<Option<&'static str>, Error> {
        let of_others = match &self.of_others {
            Some(known) => known,
            // The definitions are all there when the first rows come.
            None => {
                let found = of_others(&self.session).await.map_err(|error| self.failed(current, error))?;
                self.of_others.insert(found)
            }
        };
        if of_others.contains(name) {
            return Ok(Some("an extension's, and of another role"));
        }
        // What the backup defines itself is no extension's: if that was refused, rows are missing, and the restore stops.
        let of_backup = ["TABLE", "SEQUENCE"].map(|kind| format!("{kind} {}", name.1));
        let unmade = |matches: &dyn Fn(&String) -> bool| self.orders.unmade().iter().any(matches);
        if !unmade(&|what| what.starts_with("EXTENSION ")) || unmade(&|what| of_backup.contains(what)) {
            return Ok(None);
        }
        let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                   WHERE n.nspname = $1 AND c.relname = $2)";
        let found = self.session.client.query_one(sql, &[&name.0, &name.1]).await;
        let exists: bool = found.map_err(|error| self.failed(current, error))?.get(0);
        Ok((!exists).then_some("of an extension that was not created"))
    }

    /// What becomes of rows that are refused. If there are none, nothing is missing.
    pub(super) fn not_filled(&self, current: &Current<'_>, why: &str, table: Name, rows: RowDigest) -> Applied {
        let mut applied = Applied { rows: Some(rows), ..Applied::default() };
        if rows.rows() > 0 {
            let object = excerpt::object(current.entry, current.sql);
            applied.needs_superuser.push(format!("{object}: {} rows (the table is {why})", rows.rows()));
        }
        let there = self.of_others.as_ref().is_some_and(|known| known.contains(&table));
        applied.not_filled = Some(table).filter(|_| rows.rows() > 0 || !there);
        applied
    }
}
