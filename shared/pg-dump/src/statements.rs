//! Definitions as sections: cut at the ends of statements, each able to stand alone after the preamble.

use sql_volume::SectionKind;

use crate::catalog::Entry;
use crate::handover::Draft;

/// Cuts entries into texts of about `section_bytes`. An entry's text isn't cut: a statement of it may be long.
///
/// A text that isn't the first begins with the tablespace and access method that the entries before it have set, since
/// sections may be restored by different sessions.
pub(crate) fn cut<'a>(entries: impl Iterator<Item = &'a Entry>, section_bytes: usize) -> Vec<String> {
    let mut texts = Vec::new();
    let mut sql = String::new();
    for entry in entries {
        if sql.len() >= section_bytes {
            texts.push(std::mem::take(&mut sql));
        }
        if sql.is_empty() && !texts.is_empty() {
            sql.push_str(&entry.restated);
        }
        sql.push_str(&entry.text);
    }
    if !sql.is_empty() {
        texts.push(sql);
    }
    texts
}

/// A section of definitions: each comes after the one before it.
pub(crate) fn draft(kind: SectionKind, sql: Vec<u8>) -> Draft {
    Draft { kind, sql, rows: None, in_order: true, large: None }
}
