use pg_client::Session;

use super::said::Said;
use super::{Findings, How, Unread, unread};

/// Sequences per query.
const BATCH: usize = 200;

/// Whatever sequences there are by these names, and whether they may be read.
const FIND: &str = "\
    SELECT u.name, pg_catalog.format('%I.%I', n.nspname, c.relname), \
    pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT') \
    FROM unnest($1::text[]) WITH ORDINALITY AS u(name, place) \
    LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace) \
    ON c.oid = pg_catalog.to_regclass(u.name) AND c.relkind = 'S' ORDER BY u.place";

/// Compares the values. `encoding` is the one that the names are in.
pub(super) async fn compare(
    session: &Session,
    said: &Said,
    encoding: &str,
    findings: &mut Findings,
) -> Result<(), Unread> {
    let names: Vec<&[u8]> = said.sequences.keys().map(Vec::as_slice).collect();
    let names = decoded(session, names, encoding).await?;
    let expected: Vec<(i64, bool)> = said.sequences.values().copied().collect();
    for (names, expected) in names.chunks(BATCH).zip(expected.chunks(BATCH)) {
        let rows = session.client.query(FIND, &[&names]).await.map_err(unread(session))?;
        let mut queries = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            let name: &str = row.get(0);
            match (row.get::<_, Option<&str>>(1), row.get::<_, Option<bool>>(2)) {
                (Some(found), Some(true)) => {
                    queries.push(format!("SELECT {number} AS number, last_value, is_called FROM {found}"));
                }
                (Some(_), _) => findings.not_compared.push(format!("the value of sequence {name}: it may not be read")),
                (None, _) => findings.add(format!("sequence {name}"), How::Missing),
            }
        }
        if queries.is_empty() {
            continue;
        }
        let query = queries.join(" UNION ALL ");
        for row in session.client.query(&query, &[]).await.map_err(unread(session))? {
            let number = usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX);
            let found: (i64, bool) = (row.get(1), row.get(2));
            findings.sequences += 1;
            match (names.get(number), expected.get(number)) {
                (Some(_), Some(expected)) if *expected == found => {}
                (Some(name), _) => findings.add(format!("sequence {name}"), How::Value),
                (None, _) => return Err(Unread("the server gave the value of another sequence".to_owned())),
            }
        }
    }
    Ok(())
}

/// Names in UTF-8, as the session speaks.
async fn decoded(session: &Session, names: Vec<&[u8]>, encoding: &str) -> Result<Vec<String>, Unread> {
    let utf8 = |name: &&[u8]| String::from_utf8(name.to_vec()).ok();
    if matches!(encoding, "UTF8" | "SQL_ASCII") || names.iter().all(|name| name.is_ascii()) {
        let names: Option<Vec<String>> = names.iter().map(utf8).collect();
        return names.ok_or_else(|| Unread("a name is not in UTF-8".to_owned()));
    }
    let sql = "SELECT pg_catalog.convert_from(u.name, $2) FROM unnest($1::bytea[]) WITH ORDINALITY AS u(name, place) \
               ORDER BY u.place";
    let rows = session.client.query(sql, &[&names, &encoding]).await.map_err(unread(session))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
