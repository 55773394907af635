use std::collections::BTreeSet;

use pg_client::Session;
use sql_volume::{DigestSeed, RowDigest};

use super::said::{Said, add_blocks};
use super::{Findings, How, Unread, unread};

/// Bytes of one large object that are read at once.
const PIECE: i32 = 256 << 10;
/// Large objects that are read at once.
const BATCH: usize = 16;

const OIDS: &str = "SELECT oid FROM pg_catalog.pg_largeobject_metadata ORDER BY oid";
const READ: &str = "SELECT o.oid, pg_catalog.lo_get(o.oid, $2, $3) FROM unnest($1::oid[]) AS o(oid)";

/// Compares the bytes; if `all` is false, those of large objects that are not of the backup don't count.
pub(super) async fn compare(
    session: &Session,
    said: &Said,
    seed: DigestSeed,
    all: bool,
    findings: &mut Findings,
) -> Result<(), Unread> {
    let rows = session.client.query(OIDS, &[]).await.map_err(unread(session))?;
    let there: BTreeSet<u32> = rows.iter().map(|row| row.get(0)).collect();
    for oid in said.large_objects.keys().filter(|oid| !there.contains(oid)) {
        findings.add(format!("large object {oid}"), How::Missing);
    }
    let wanted: Vec<u32> = there.into_iter().filter(|oid| all || said.large_objects.contains_key(oid)).collect();
    let read = session.client.prepare(READ).await.map_err(unread(session))?;
    for oids in wanted.chunks(BATCH) {
        let mut digests = vec![RowDigest::default(); oids.len()];
        let (mut rest, mut offset) = (oids.to_vec(), 0i64);
        while !rest.is_empty() {
            let rows = session.client.query(&read, &[&rest, &offset, &PIECE]).await.map_err(unread(session))?;
            rest.clear();
            for row in rows {
                let (oid, bytes): (u32, &[u8]) = (row.get(0), row.get(1));
                let Ok(place) = oids.binary_search(&oid) else { continue };
                add_blocks(&mut digests[place], offset.unsigned_abs(), bytes, seed);
                if bytes.len() == PIECE.unsigned_abs() as usize {
                    rest.push(oid);
                }
            }
            offset += i64::from(PIECE);
        }
        findings.large_objects += oids.len() as u64;
        for (oid, digest) in oids.iter().zip(digests) {
            if said.large_objects.get(oid).copied().unwrap_or_default() != digest {
                findings.add(format!("large object {oid}"), How::Bytes);
            }
        }
    }
    Ok(())
}
