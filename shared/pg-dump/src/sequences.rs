//! The sequences' values.

use pg_client::Session;
use sql_text::quote;
use sql_volume::SectionKind;

use crate::catalog::SequenceData;
use crate::encoding::encode;
use crate::error::Error;
use crate::handover::Draft;
use crate::session::{Server, fault};

/// Sequences per query.
const BATCH: usize = 200;

/// The values, as pg_dump sets them, in sections.
///
/// # Errors
/// All sequences that our role may not read.
pub(crate) async fn read(
    server: &Server,
    leader: &Session,
    side: &Session,
    sequences: &[SequenceData],
    section_bytes: usize,
) -> Result<Vec<Draft>, Error> {
    check_readable(server, leader, sequences).await?;
    let (mut texts, mut sql) = (Vec::new(), String::new());
    for batch in sequences.chunks(BATCH) {
        let query: Vec<String> = batch
            .iter()
            .enumerate()
            .map(|(number, sequence)| {
                let name = quote::qualified(&sequence.schema, &sequence.name);
                format!("SELECT {number} AS number, last_value, is_called FROM {name}")
            })
            .collect();
        let rows = leader
            .client
            .query(&format!("{} ORDER BY number", query.join(" UNION ALL ")), &[])
            .await
            .map_err(|error| fault(leader, "read the sequences' values", error))?;
        for (sequence, row) in batch.iter().zip(rows) {
            let name = quote::literal(&quote::qualified(&sequence.schema, &sequence.name));
            let (value, called): (i64, bool) = (row.get(1), row.get(2));
            sql.push_str(&sequence.header);
            sql.push_str(&format!("SELECT pg_catalog.setval({name}, {value}, {called});\n\n\n"));
        }
        if sql.len() >= section_bytes {
            texts.push(std::mem::take(&mut sql));
        }
    }
    if !sql.is_empty() {
        texts.push(sql);
    }
    let texts = encode(side, &server.encoding, texts).await?;
    Ok(texts
        .into_iter()
        .map(|sql| Draft { kind: SectionKind::SequenceValues, sql, rows: None, in_order: false, large: None })
        .collect())
}

/// Of `sequences`, those that hold no value on this server: unlogged ones on a standby.
pub(crate) async fn without_value(
    server: &Server,
    leader: &Session,
    sequences: &[SequenceData],
) -> Result<Vec<u32>, Error> {
    if !server.in_recovery {
        return Ok(Vec::new());
    }
    let oids: Vec<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
    let rows = leader
        .client
        .query("SELECT oid FROM pg_catalog.pg_class WHERE oid = ANY ($1) AND relpersistence = 'u'", &[&oids])
        .await
        .map_err(|error| fault(leader, "look for unlogged sequences", error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

async fn check_readable(server: &Server, leader: &Session, sequences: &[SequenceData]) -> Result<(), Error> {
    let oids: Vec<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
    let rows = leader
        .client
        .query(
            "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.oid = ANY ($1)
               AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                        AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT'))
             ORDER BY 1",
            &[&oids],
        )
        .await
        .map_err(|error| fault(leader, "check the privileges on sequences", error))?;
    if rows.is_empty() {
        return Ok(());
    }
    Err(Error::NotReadable { role: server.role.clone(), objects: rows.iter().map(|row| row.get(0)).collect() })
}
