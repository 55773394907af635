//! No text that our lexer lets into a dump may mean something else to psql, nor make us panic or lose a byte.
//!
//! With `cargo-fuzz`: `cargo fuzz run --sanitizer none fragment -- -dict=sql.dict`. Without it, on a stable toolchain, in this folder:
//!
//! ```sh
//! RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
//!   -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
//!   -Cllvm-args=-sanitizer-coverage-trace-compares" \
//!   cargo build --release --target x86_64-unknown-linux-gnu
//! mkdir -p corpus && target/x86_64-unknown-linux-gnu/release/fragment corpus -dict=sql.dict -max_len=200 -max_total_time=600
//! ```
#![no_main]

use libfuzzer_sys::fuzz_target;
use sql_text::{Lexer, check_fragment, check_function_body, check_statement, neutralise_colons, split};

#[path = "../../tests/psql/scan.rs"]
mod scan;

use scan::{Scan, scan};

fuzz_target!(|bytes: &[u8]| {
    covers(bytes);
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    if check_fragment(sql).is_ok() {
        assert_eq!(Scan { variable: false, ..scan("SELECT ", bytes) }, Scan::default());
        let safe = neutralise_colons(sql);
        assert_eq!(check_fragment(&safe), Ok(()));
        assert_eq!(scan("SELECT ", safe.as_bytes()), Scan::default());
        let (safe, plain) = (safe.replace(' ', ""), sql.replace(' ', ""));
        assert_eq!(safe, plain);
    }
    if check_function_body(sql).is_ok() {
        assert_eq!(Scan { variable: false, ..scan("CREATE FUNCTION ", bytes) }, Scan::default());
    }
    if check_statement(sql).is_ok() {
        assert_eq!(Scan { variable: false, ..scan("", bytes) }, Scan { ended: 1, ..Scan::default() });
    }
});

/// Tokens, and statements with the rest, are the whole text.
fn covers(bytes: &[u8]) {
    let (mut lexer, mut end) = (Lexer::new(bytes), 0);
    while let Ok(Some(token)) = lexer.next_token() {
        assert_eq!(token.range.start, end);
        assert!(token.range.end > end);
        end = token.range.end;
    }
    let (mut splitter, mut end) = (split(bytes), 0);
    for piece in splitter.by_ref() {
        let Ok(piece) = piece else { break };
        assert_eq!(piece.sql().whole.start, end);
        end = piece.sql().whole.end;
    }
    assert_eq!(splitter.remainder(), end..bytes.len());
}
