//! Splitting loses nothing, whatever the text, and finds again what was put together.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sql_text::{Statement, split};

/// Expressions that hold semicolons, quotes and comments wherever SQL lets them.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("x".to_owned()),
        "[a-z$_;]{0,4}".prop_map(|text| format!("$q${text}$q$")),
        "[a-z;'$/*\\\\-]{0,6}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        "[a-z;'\\\\]{0,6}".prop_map(|text| format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
        "[A-Z;\"' -]{1,6}".prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
        "[a-z;'\"$ ]{0,6}".prop_map(|text| format!("/* {text} /* ; */ */ y")),
        "[a-z;'\"$ ]{0,6}".prop_map(|text| format!("-- {text}\n z")),
        "é[0-9]{0,2}".prop_map(|text| format!("{text} $1 :: int")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join("; "))),
            prop::collection::vec(inner, 1..4).prop_map(|parts| parts.join(" + ")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => expression().prop_map(|text| format!("SELECT {text};")),
        1 => prop::collection::vec(expression(), 1..3).prop_map(|parts| {
            let body: String = parts.iter().map(|part| format!(" SELECT CASE WHEN {part} THEN 1 END;\n")).collect();
            format!("CREATE FUNCTION f() RETURNS int\n BEGIN ATOMIC\n{body}END;")
        }),
        1 => prop::collection::vec("[a-z;'\"$\\t]{0,8}", 0..4).prop_map(|rows| {
            let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
            format!("COPY t (a) FROM stdin;\n{rows}\\.\n")
        }),
    ]
}

proptest! {
    #[test]
    fn statements_put_together_are_found_again(all in prop::collection::vec(statement(), 0..8), space in "[ \n\t]{0,3}") {
        let sql: String = all.iter().map(|statement| format!("{space}{statement}")).collect();
        let mut found = Vec::new();
        for piece in split(sql.as_bytes()) {
            let piece = piece.unwrap();
            found.push(sql[piece.sql().offset..piece.sql().whole.end].to_owned());
        }
        prop_assert_eq!(found, all);
    }

    #[test]
    fn pieces_cover_any_bytes(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(&b"';\"$-/*\\.()eEuU&\n :"[..]), any::<u8>()], 0..200)
    ) {
        let mut splitter = split(&bytes);
        let mut end = 0;
        let mut failed = false;
        for piece in splitter.by_ref() {
            let Ok(piece) = piece else { failed = true; break };
            let sql = piece.sql();
            prop_assert_eq!(sql.whole.start, end);
            prop_assert_eq!(sql.text, &bytes[sql.offset..sql.offset + sql.text.len()]);
            prop_assert!(sql.text.ends_with(b";"));
            if let Statement::CopyFromStdin { rows, .. } = &piece {
                prop_assert!(rows.end <= sql.whole.end && rows.start > sql.offset);
            }
            end = sql.whole.end;
        }
        prop_assert_eq!(splitter.remainder(), end..bytes.len());
        prop_assert!(failed || split(&bytes[end..]).next().is_none());
    }
}
