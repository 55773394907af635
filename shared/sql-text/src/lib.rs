//! PostgreSQL's SQL as text: quoting, lexing, splitting into statements, and checks of fragments that a server returned.
//!
//! Everything works on bytes: every *server* encoding of PostgreSQL is ASCII-safe (bytes of a multibyte character have
//! the high bit set), so no decoding is needed. The client-only encodings (SJIS, BIG5, GBK, UHC, GB18030, JOHAB) are not, and
//! [`split`] refuses a text that switches to one of them.

mod boundary;
mod fragment;
mod lexer;
mod pattern;
pub mod quote;
mod split;

pub use fragment::{FragmentError, check_fragment, check_function_body, check_statement, neutralise_colons};
pub use lexer::{Construct, Lexer, Token, TokenKind, Unterminated};
pub use pattern::{PatternError, TablePattern};
pub use split::{First, ObjectHeader, SplitError, Splitter, SqlText, Statement, first, setting, split};
