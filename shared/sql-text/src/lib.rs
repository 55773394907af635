//! PostgreSQL SQL text: quoting, lexing, splitting into statements.

pub mod quote;
