//! pg-client
