//! pg-dump
