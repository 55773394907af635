use sql_text::SqlText;
use sql_volume::{SectionEntry, SectionKind};

/// Characters of a statement in a message.
const LONGEST: usize = 120;

/// What a statement belongs to, as pg_dump's header says, else as the index does.
pub(super) fn object(entry: &SectionEntry, sql: &SqlText<'_>) -> String {
    match (sql.object, &entry.schema, &entry.table) {
        (Some(object), ..) => object.to_string(),
        (None, Some(schema), Some(table)) => format!("TABLE DATA {schema}.{table}"),
        _ => match entry.kind {
            SectionKind::Preamble => "the settings".to_owned(),
            SectionKind::LargeObjects => "large objects".to_owned(),
            SectionKind::SequenceValues => "sequence values".to_owned(),
            _ => "an object without a name".to_owned(),
        },
    }
}

/// The beginning of a statement on one line. Of a large object's data, and of rows in an INSERT, nothing.
pub(super) fn beginning(kind: SectionKind, statement: &[u8]) -> String {
    let text = match kind {
        // `SELECT pg_catalog.lo_put(oid, offset, '\x…');`
        SectionKind::LargeObjects => statement.split(|byte| *byte == b'\'').next().unwrap_or_default(),
        _ if statement.starts_with(b"INSERT ") => {
            &statement[..memchr::memmem::find(statement, b" VALUES").unwrap_or("INSERT ".len())]
        }
        _ => statement,
    };
    let cut = text.len() < statement.len();
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * LONGEST)]);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut beginning: String = line.chars().take(LONGEST).collect();
    if cut || beginning.len() < line.len() {
        beginning.push('…');
    }
    beginning
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_short_on_one_line_and_without_large_objects_data() {
        assert_eq!(beginning(SectionKind::PreData, b"CREATE TABLE t (\n\ta int);"), "CREATE TABLE t ( a int);");
        assert_eq!(beginning(SectionKind::PreData, "é".repeat(500).as_bytes()).chars().count(), LONGEST + 1);
        let insert = beginning(SectionKind::PostData, b"INSERT INTO public.t (a) VALUES ('secret');");
        assert_eq!(insert, "INSERT INTO public.t (a)…");
        let put = b"SELECT pg_catalog.lo_put(1, 0, '\\x736563726574');";
        assert_eq!(beginning(SectionKind::LargeObjects, put), "SELECT pg_catalog.lo_put(1, 0,…");
    }
}
