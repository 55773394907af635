//! The bytes of large objects, in pieces: none is ever whole in memory.

use pg_client::Session;
use sql_volume::SectionKind;
use tokio_postgres::error::SqlState;

use crate::copy::Unread;
use crate::error::Error;
use crate::handover::{Draft, Outlet};
use crate::session::{Server, fault};

/// Bytes read by one `lo_get`, and written by one `lo_put` as twice as many hex digits.
const PIECE: i32 = 256 << 10;

/// Bytes of all large objects on the server's disk.
pub(crate) async fn size(session: &Session) -> Result<u64, Error> {
    let sql = "SELECT pg_catalog.pg_relation_size('pg_catalog.pg_largeobject')";
    let row = session.client.query_one(sql, &[]).await;
    let row = row.map_err(|error| fault(session, "read the size of the large objects", error))?;
    Ok(row.get::<_, i64>(0).cast_unsigned())
}

/// Reads the large objects and hands over their sections. Pieces may be written in any order, so a section may end between
/// two pieces of one object.
pub(crate) async fn read(
    server: &Server,
    session: &Session,
    oids: &[u32],
    section_bytes: usize,
    outlet: &Outlet,
) -> Result<(), Unread> {
    let statement = session
        .client
        .prepare("SELECT pg_catalog.lo_get($1, $2, $3)")
        .await
        .map_err(|error| fault(session, "read large objects", error))?;
    let mut sql = Vec::new();
    for oid in oids {
        header(&mut sql, *oid);
        let mut offset = 0i64;
        loop {
            let row = session
                .client
                .query_one(&statement, &[oid, &offset, &PIECE])
                .await
                .map_err(|error| refused(server, session, *oid, error))?;
            let bytes: &[u8] = row.get(0);
            if !bytes.is_empty() {
                put(&mut sql, *oid, offset, bytes);
            }
            offset += bytes.len() as i64;
            let more = bytes.len() == PIECE as usize;
            if sql.len() >= section_bytes {
                sql.extend_from_slice(b"\n");
                let room = if more { section_bytes + 4 * PIECE as usize } else { 0 };
                outlet.put(draft(std::mem::replace(&mut sql, Vec::with_capacity(room)))).await?;
                if more {
                    header(&mut sql, *oid);
                }
            }
            if !more {
                break;
            }
        }
    }
    if !sql.is_empty() {
        sql.extend_from_slice(b"\n");
        outlet.put(draft(sql)).await?;
    }
    Ok(())
}

fn header(sql: &mut Vec<u8>, oid: u32) {
    sql.extend_from_slice(
        format!("--\n-- Data for Name: {oid}; Type: BLOB DATA; Schema: -; Owner: -\n--\n\n").as_bytes(),
    );
}

fn put(sql: &mut Vec<u8>, oid: u32, offset: i64, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    sql.extend_from_slice(format!("SELECT pg_catalog.lo_put({oid}, {offset}, '\\x").as_bytes());
    sql.reserve(bytes.len() * 2 + 8);
    sql.extend(bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]));
    sql.extend_from_slice(b"');\n");
}

fn draft(sql: Vec<u8>) -> Draft {
    Draft { kind: SectionKind::LargeObjects, sql, rows: None, in_order: false, large: None }
}

fn refused(server: &Server, session: &Session, oid: u32, error: tokio_postgres::Error) -> Error {
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        return Error::NotReadable { role: server.role.clone(), objects: vec![format!("large object {oid}")] };
    }
    fault(session, format!("read large object {oid}"), error)
}
