//! Quoting of identifiers and literals as PostgreSQL does.
