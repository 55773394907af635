//! Large objects of the backup whose numbers the database has given already. They keep their numbers, since rows refer to them by these.

use std::collections::BTreeSet;

use pg_client::Session;
use sql_text::split;
use sql_volume::SectionEntry;

use crate::edit::{Edit, Edited};
use crate::error::Error;
use crate::existing::step;
use crate::statement::words::Words;

/// The numbers that a section of definitions makes large objects of.
pub(crate) fn made_by(entry: &SectionEntry, sql: &[u8], edit: &Edit) -> Result<BTreeSet<u32>, Error> {
    let mut made = BTreeSet::new();
    for statement in split(sql) {
        let statement = statement.map_err(|source| Error::Split { section: entry.seq, source })?;
        let sql = statement.sql();
        made.extend(created(sql.text).filter(|_| edit.statement(sql) != Edited::Left));
    }
    Ok(made)
}

/// The number in `SELECT pg_catalog.lo_create('number');`
fn created(sql: &[u8]) -> Option<u32> {
    let mut words = Words::new(sql);
    if !words.take(&["select"]) || words.qualified()?.1 != "lo_create" {
        return None;
    }
    let (_, rest) = sql.split_at(sql.iter().position(|byte| *byte == b'(')?);
    let number: Vec<u8> = rest.iter().copied().filter(u8::is_ascii_digit).collect();
    String::from_utf8(number).ok()?.parse().ok()
}

/// Those of them that the database has.
pub(super) async fn taken(session: &Session, made: &BTreeSet<u32>) -> Result<Vec<u32>, Error> {
    let made: Vec<u32> = made.iter().copied().collect();
    let sql = "SELECT oid FROM pg_catalog.pg_largeobject_metadata WHERE oid = ANY ($1) ORDER BY oid";
    let rows = session.client.query(sql, &[&made]).await;
    let rows = rows.map_err(|error| step(session, "look for large objects of the same numbers", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// None of them may be there.
pub(super) async fn must_be_new(session: &Session, made: &BTreeSet<u32>) -> Result<(), Error> {
    let numbers = taken(session, made).await?;
    if numbers.is_empty() { Ok(()) } else { Err(Error::LargeObjectsTaken { numbers }) }
}

/// Makes room for them, as tables are emptied.
pub(super) async fn remove(session: &Session, made: &BTreeSet<u32>) -> Result<(), Error> {
    let numbers = taken(session, made).await?;
    let removed =
        session.client.execute("SELECT pg_catalog.lo_unlink(u.oid) FROM unnest($1::oid[]) u(oid)", &[&numbers]).await;
    removed.map_err(|error| step(session, "remove the large objects that the backup has too", error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_make_large_objects_are_known() {
        assert_eq!(created(b"SELECT pg_catalog.lo_create('4711');"), Some(4711));
        for sql in ["SELECT pg_catalog.lo_put(4711, 0, '');", "SELECT pg_catalog.setval('lo_create', 1);", "SELECT 1;"]
        {
            assert_eq!(created(sql.as_bytes()), None, "{sql}");
        }
    }
}
