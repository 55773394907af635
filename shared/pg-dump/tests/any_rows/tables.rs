//! Tables of any columns with any rows, as SQL.

use proptest::prelude::*;
use proptest::sample::select;

/// What databases are made of: the encoding, and whether its text is UTF-8, or any bytes.
pub type Encoding = (&'static str, bool);

/// A table that a test makes, and how it is dumped.
#[derive(Debug)]
pub struct Any {
    /// Statements that make it as `any_rows.t`, and fill it.
    pub sql: String,
    pub rows: usize,
    pub section_bytes: usize,
    /// As slices of a few pages, on several connections.
    pub sliced: bool,
}

const TYPES: [&str; 8] =
    ["text", "bytea", "int", "numeric", "timestamptz", "text[]", "any_rows.pair", "any_rows.pair[]"];
/// What COPY's text escapes, and what arrays and composites quote.
const AWKWARD: &[u8] = b"\\.N\t\n\r\x08\x0b\x0c\x07\x7f,\"'{}() ab;-$:";

pub fn table(encoding: Encoding) -> impl Strategy<Value = Any> {
    let columns = prop_oneof![1 => Just(0usize), 6 => 1usize..=6, 2 => 7usize..=40];
    let columns = columns.prop_flat_map(|count| prop::collection::vec(select(&TYPES[..]), count));
    let shape = (columns, any::<bool>(), any::<bool>());
    let filled = shape.prop_flat_map(move |(columns, dropped, generated)| {
        let row: Vec<_> = columns.iter().map(|column| nullable(value(column, encoding))).collect();
        (Just((columns, dropped, generated)), prop::collection::vec(row, 0..25))
    });
    (filled, prop_oneof![Just(1usize), 2usize..500, 500usize..20_000], any::<bool>()).prop_map(
        |(((columns, dropped, generated), rows), section_bytes, sliced)| {
            let sql = statements(&columns, &rows, dropped, generated);
            Any { sql, rows: rows.len(), section_bytes, sliced }
        },
    )
}

fn statements(columns: &[&str], rows: &[Vec<String>], dropped: bool, generated: bool) -> String {
    let mut all: Vec<String> = columns.iter().enumerate().map(|(n, of)| format!("c{n} {of}")).collect();
    if dropped {
        all.insert(all.len() / 2, "gone int DEFAULT 1".to_owned());
    }
    if generated {
        all.push("made int GENERATED ALWAYS AS (1 + 1) STORED".to_owned());
    }
    let names: Vec<String> = (0..columns.len()).map(|n| format!("c{n}")).collect();
    let mut sql = format!(
        "CREATE SCHEMA any_rows; CREATE TYPE any_rows.pair AS (a text, b int); CREATE TABLE any_rows.t ({});\n",
        all.join(", ")
    );
    for row in rows {
        sql += &if row.is_empty() {
            "INSERT INTO any_rows.t DEFAULT VALUES;\n".to_owned()
        } else {
            format!("INSERT INTO any_rows.t ({}) VALUES ({});\n", names.join(", "), row.join(", "))
        };
    }
    if dropped {
        sql += "ALTER TABLE any_rows.t DROP COLUMN gone";
    }
    sql
}

fn nullable(value: BoxedStrategy<String>) -> impl Strategy<Value = String> {
    prop_oneof![1 => Just("NULL".to_owned()), 6 => value]
}

fn value(column: &str, encoding: Encoding) -> BoxedStrategy<String> {
    let list = |item: BoxedStrategy<String>, of: &'static str| {
        prop::collection::vec(nullable(item), 0..5).prop_map(move |all| format!("ARRAY[{}]::{of}[]", all.join(", ")))
    };
    let pair = (nullable(text(encoding)), nullable(any::<i32>().prop_map(|n| format!("({n})")).boxed()))
        .prop_map(|(a, b)| format!("ROW({a}, {b})::any_rows.pair"));
    match column {
        "text" => text(encoding),
        "bytea" => prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| decode(&bytes)).boxed(),
        "int" => any::<i32>().prop_map(|n| format!("({n})")).boxed(),
        "numeric" => prop_oneof![1 => Just("'NaN'".to_owned()), 9 => "'-?[0-9]{1,40}(\\.[0-9]{1,30})?'"].boxed(),
        "timestamptz" => prop_oneof![
            1 => select(&["'infinity'::timestamptz", "'-infinity'", "'epoch'"][..]).prop_map(str::to_owned),
            5 => (-200_000_000_000_f64..9_000_000_000_000_f64).prop_map(|second| format!("to_timestamp({second})")),
        ]
        .boxed(),
        "text[]" => list(text(encoding), "text").boxed(),
        "any_rows.pair" => pair.boxed(),
        _ => list(pair.boxed(), "any_rows.pair").boxed(),
    }
}

/// Any text that the encoding allows; what ends rows and data is likely, and now and then it is long.
fn text((encoding, utf8): Encoding) -> BoxedStrategy<String> {
    let ending = select(&["\\.", "\\.\n", "\n\\.\n", "\\N", "", "NULL", "\\", "{}", "()"][..]);
    let awkward = prop::collection::vec(select(AWKWARD), 0..20);
    let free = if utf8 {
        "[^\0]{0,30}".prop_map(String::into_bytes).boxed()
    } else {
        prop::collection::vec(1u8..=255, 0..40).boxed()
    };
    prop_oneof![2 => ending.prop_map(|text| text.as_bytes().to_vec()), 3 => awkward, 3 => free]
        .prop_flat_map(|bytes| (Just(bytes), prop_oneof![12 => Just(1usize), 1 => 50usize..200]))
        .prop_map(move |(bytes, times)| format!("repeat(convert_from({}, '{encoding}'), {times})", decode(&bytes)))
        .boxed()
}

fn decode(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("decode('{hex}', 'hex')")
}
