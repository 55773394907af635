//! An extension with tables that hold rows of its own beside the database's, as PostGIS's `spatial_ref_sys` does.

use std::path::Path;

use crate::stack::Server;
use crate::unique;

/// Rows that CREATE EXTENSION makes, and a sequence. Of the table `place`, those from 100 on are the database's; all of `note`.
const SCRIPT: &str = "\
CREATE TABLE place (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO place SELECT n, 'given ' || n FROM generate_series(1, 50) n;
CREATE TABLE note (id integer PRIMARY KEY, text text NOT NULL);
CREATE SEQUENCE counter;
GRANT SELECT ON place, note, counter TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('place', 'WHERE id >= 100');
SELECT pg_catalog.pg_extension_config_dump('note', '');
SELECT pg_catalog.pg_extension_config_dump('counter', '');
";

/// Which roles may create it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creators {
    /// Superusers.
    Superusers,
    /// Those who may create something in the database. What it makes is the superuser's all the same.
    All,
}

/// Installs it at a server, unless it is there, and returns its name.
pub fn install(server: &Server, creators: Creators) -> &'static str {
    let (name, trusted) = match creators {
        Creators::Superusers => ("testing_places", false),
        Creators::All => ("testing_trusted_places", true),
    };
    let folder = server.bin.join("../share/postgresql/extension");
    let control = format!("default_version = '1.0'\nrelocatable = true\nsuperuser = true\ntrusted = {trusted}\n");
    put(&folder, &format!("{name}--1.0.sql"), SCRIPT);
    put(&folder, &format!("{name}.control"), &control);
    name
}

/// At once, for the tests of several processes share the server.
fn put(folder: &Path, name: &str, text: &str) {
    let (place, new) = (folder.join(name), folder.join(unique(".new_")));
    if std::fs::read_to_string(&place).is_ok_and(|there| there == text) {
        return;
    }
    std::fs::write(&new, text).unwrap_or_else(|error| panic!("{}: {error}", new.display()));
    std::fs::rename(&new, &place).unwrap();
}
