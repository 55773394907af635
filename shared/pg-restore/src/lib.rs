//! pg-restore
