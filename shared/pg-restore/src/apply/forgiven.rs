//! Which failures are no reason to stop: what only a superuser may do, and what needs something that was not chosen.

use std::collections::BTreeSet;

use sql_text::SqlText;
use sql_volume::SectionKind;
use tokio_postgres::error::SqlState;

use crate::error::Error;
use crate::statement::words::Words;

/// What becomes of a statement that failed.
pub(super) enum Verdict {
    /// It is reported: only a superuser, or a member of some role, may do it.
    NeedsSuperuser(String),
    /// It is reported: something that it needs was not chosen.
    LeftOut(String),
    /// The restore stops.
    Failed,
}

/// Whether a statement of this kind may fail at all: a definition, and nothing that writes rows but what these define.
pub(super) fn may_fail(kind: SectionKind, sql: &[u8]) -> bool {
    let definitions = matches!(kind, SectionKind::PreData | SectionKind::LargeObjects | SectionKind::PostData);
    let defines = ["create", "alter", "comment", "grant", "revoke", "security", "refresh"];
    let mut words = Words::new(sql);
    definitions && (words.take_any(&defines) || words.take(&["set", "session", "authorization"]))
}

/// Whether a statement begins or ends a transaction, as those do that stock pg_dump writes around large objects: within a larger
/// one, they must not.
pub(super) fn ends_transaction(sql: &[u8]) -> bool {
    Words::new(sql).take_any(&["begin", "start", "commit", "end", "rollback", "abort", "prepare"])
}

/// Whether a warning says that privileges were not granted, or not revoked, by a role that may not do that.
pub(super) fn is_not_granted(code: &SqlState) -> bool {
    [SqlState::WARNING_PRIVILEGE_NOT_GRANTED, SqlState::WARNING_PRIVILEGE_NOT_REVOKED].contains(code)
}

/// `unmade`: what was not made before, to which this is added. `last_try`: the statement gives an owner, which was refused before.
pub(super) fn judge(
    error: &Error,
    sql: &SqlText<'_>,
    may_fail: bool,
    optional: bool,
    last_try: bool,
    unmade: &mut BTreeSet<String>,
) -> Verdict {
    let Error::Statement { object, excerpt, source, .. } = error else { return Verdict::Failed };
    let Some(code) = source.code().filter(|_| may_fail) else { return Verdict::Failed };
    let said = || format!("{object}: {excerpt} ({})", source.message().unwrap_or_default());
    // insufficient_privilege; feature_not_supported: by now, a sequence belongs to a column, whose table did not get the owner either
    if code == "42501" || (last_try && code == "0A000") {
        if Words::new(sql.text).take(&["create"]) {
            unmade.extend(own_name(sql));
        }
        return Verdict::NeedsSuperuser(said());
    }
    // undefined_table, _column, _object, _function; invalid_schema_name
    if !["42P01", "42703", "42704", "42883", "3F000"].contains(&code) {
        return Verdict::Failed;
    }
    let of_unmade = own_name(sql).is_some_and(|name| unmade.contains(&name))
        || sql.object.is_some_and(|object| unmade.contains(&*String::from_utf8_lossy(object.name)));
    if of_unmade {
        Verdict::NeedsSuperuser(said())
    } else if optional {
        Verdict::LeftOut(said())
    } else {
        Verdict::Failed
    }
}

/// As pg_dump's headers of comments and privileges call what a statement belongs to: `EXTENSION postgis`.
fn own_name(sql: &SqlText<'_>) -> Option<String> {
    let object = sql.object?;
    Some(format!("{} {}", String::from_utf8_lossy(object.kind), String::from_utf8_lossy(object.name)))
}
