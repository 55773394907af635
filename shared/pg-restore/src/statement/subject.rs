//! Which relations a statement of a dump is about.

use crate::statement::words::{Name, Words, qualified};

/// What a statement is about, as far as choosing tables asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// Tables, views, sequences: without one of them it can't be.
    Relations(Vec<Name>),
    /// Indexes or extended statistics.
    Dependents(Vec<Name>),
    /// Large objects.
    LargeObject,
    /// What acts on the whole database: event triggers, publications, subscriptions.
    Database,
    /// Anything else: types, functions, schemas, extensions…
    Other,
}

/// What a statement makes that others are told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// A table, view or sequence.
    Relation(Name),
    /// A sequence of a table.
    Owned {
        /// The sequence.
        sequence: Name,
        /// Whose it is.
        table: Name,
    },
    /// An index, constraint or statistics object of a table, by its own name.
    Dependent {
        /// Its name.
        name: Name,
        /// Whose it is.
        table: Name,
    },
    /// A partition.
    Partition {
        /// The partition.
        table: Name,
        /// Of which table.
        of: Name,
    },
}

const RELATIONS: [&[&str]; 5] =
    [&["table"], &["view"], &["materialized", "view"], &["sequence"], &["foreign", "table"]];

/// Takes the words for a kind of relation.
fn takes_relation(words: &mut Words<'_>) -> bool {
    RELATIONS.iter().any(|kind| words.take(kind))
}

impl Subject {
    pub(crate) fn of(sql: &[u8]) -> Self {
        Self::read(sql).unwrap_or(Self::Other)
    }

    fn read(sql: &[u8]) -> Option<Self> {
        let mut words = Words::new(sql);
        let one = |name| Some(Self::Relations(vec![name]));
        match words.name()?.as_str() {
            "create" => Self::created(words),
            "alter" => Self::altered(words),
            "comment" if words.take(&["on"]) => Self::remarked(words),
            "security" if words.behind("on") => Self::remarked(words),
            "grant" | "revoke" if words.behind("on") => match () {
                () if words.take(&["large", "object"]) => Some(Self::LargeObject),
                () if words.take_any(&["table", "sequence"]) => one(words.qualified()?),
                () => None,
            },
            "refresh" if words.take(&["materialized", "view"]) => {
                words.take(&["concurrently"]);
                one(words.qualified()?)
            }
            "select" => {
                let (_, function) = words.qualified()?;
                match function.as_str() {
                    "setval" => one(sequence_of(sql)?),
                    "lo_create" | "lo_put" | "lo_open" | "lowrite" | "lo_close" => Some(Self::LargeObject),
                    _ => None,
                }
            }
            "insert" if words.take(&["into"]) => one(words.qualified()?),
            _ => None,
        }
    }

    fn created(mut words: Words<'_>) -> Option<Self> {
        let one = |name| Some(Self::Relations(vec![name]));
        words.take(&["or", "replace"]);
        while words.take_any(&["unlogged", "temporary", "temp", "global", "local", "recursive", "constraint", "unique"])
        {
        }
        if takes_relation(&mut words) {
            words.take(&["if", "not", "exists"]);
            return one(words.qualified()?);
        }
        if words.take(&["event", "trigger"]) || words.take_any(&["publication", "subscription"]) {
            return Some(Self::Database);
        }
        let before = if words.take(&["statistics"]) {
            "from"
        } else if words.take(&["rule"]) {
            // ON event TO table
            words.behind("on");
            "to"
        } else if words.take_any(&["index", "trigger", "policy"]) {
            "on"
        } else {
            return None;
        };
        if !words.behind(before) {
            return None;
        }
        words.take(&["only"]);
        one(words.qualified()?)
    }

    fn altered(mut words: Words<'_>) -> Option<Self> {
        if words.take(&["large", "object"]) {
            return Some(Self::LargeObject);
        }
        if words.take(&["publication"]) {
            words.name()?;
            let table = words.take(&["add", "table"]).then(|| {
                words.take(&["only"]);
                words.qualified()
            });
            return Some(table.flatten().map_or(Self::Database, |table| Self::Relations(vec![table])));
        }
        if words.take(&["event", "trigger"]) || words.take(&["subscription"]) {
            return Some(Self::Database);
        }
        if words.take_any(&["index", "statistics"]) {
            let mut names = vec![words.qualified()?];
            if words.take(&["attach", "partition"]) {
                names.push(words.qualified()?);
            }
            return Some(Self::Dependents(names));
        }
        let trigger = words.take_any(&["trigger", "policy", "rule"]);
        if trigger && !words.behind("on") || !trigger && !takes_relation(&mut words) {
            return None;
        }
        words.take(&["if", "exists"]);
        words.take(&["only"]);
        let mut names = vec![words.qualified()?];
        let mut rest = words.clone();
        if rest.take(&["attach", "partition"]) || rest.behind("references") {
            names.push(rest.qualified()?);
        }
        Some(Self::Relations(names))
    }

    /// Behind `COMMENT ON`, or `SECURITY LABEL … ON`.
    fn remarked(mut words: Words<'_>) -> Option<Self> {
        if words.take(&["column"]) {
            let mut names = words.dotted();
            names.pop();
            return Some(Self::Relations(vec![qualified(names)?]));
        }
        if words.take(&["large", "object"]) {
            return Some(Self::LargeObject);
        }
        if words.take(&["event", "trigger"]) || words.take_any(&["publication", "subscription"]) {
            return Some(Self::Database);
        }
        if words.take_any(&["index", "statistics"]) {
            return Some(Self::Dependents(vec![words.qualified()?]));
        }
        if words.take_any(&["constraint", "trigger", "rule", "policy"]) {
            let on = words.behind("on") && !words.take(&["domain"]);
            return on.then(|| words.qualified()).flatten().map(|table| Self::Relations(vec![table]));
        }
        takes_relation(&mut words).then(|| words.qualified()).flatten().map(|name| Self::Relations(vec![name]))
    }
}

/// The sequence of `SELECT pg_catalog.setval('name', …)`.
pub(crate) fn sequence_of(sql: &[u8]) -> Option<Name> {
    let (name, _) = sequence_literal(sql)?;
    Words::new(String::from_utf8_lossy(&name).as_bytes()).qualified()
}

/// The name as `setval` takes it, without its quotes, and what follows it.
pub(crate) fn sequence_literal(sql: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut words = Words::new(sql);
    if !words.take(&["select"]) || words.qualified()?.1 != "setval" {
        return None;
    }
    let literal = std::iter::from_fn(|| words.next()).find(|word| word.kind == sql_text::TokenKind::Literal)?;
    let inner = literal.text.strip_prefix(b"'")?.strip_suffix(b"'")?;
    let (mut name, mut quote) = (Vec::with_capacity(inner.len()), false);
    for byte in inner {
        // Quotes are doubled in it.
        quote = *byte == b'\'' && !quote;
        if !quote {
            name.push(*byte);
        }
    }
    Some((name, &sql[literal.range.end..]))
}

impl Made {
    pub(crate) fn by(sql: &[u8]) -> Option<Self> {
        let mut words = Words::new(sql);
        if words.take(&["create"]) {
            words.take(&["or", "replace"]);
            while words.take_any(&["unlogged", "temporary", "recursive"]) {}
            if takes_relation(&mut words) {
                return words.qualified().map(Self::Relation);
            }
            let unique = words.take(&["unique"]);
            if words.take(&["index"]) {
                let (_, name) = words.qualified()?;
                let table = words.behind("on").then(|| {
                    words.take(&["only"]);
                    words.qualified()
                });
                let table = table.flatten()?;
                return Some(Self::Dependent { name: (table.0.clone(), name), table });
            }
            if !unique && words.take(&["statistics"]) {
                let name = words.qualified()?;
                let table = words.behind("from").then(|| words.qualified()).flatten()?;
                return Some(Self::Dependent { name, table });
            }
            return None;
        }
        if words.take(&["alter", "sequence"]) {
            let sequence = words.qualified()?;
            if !words.take(&["owned", "by"]) {
                return None;
            }
            let mut names = words.dotted();
            names.pop();
            return Some(Self::Owned { sequence, table: qualified(names)? });
        }
        if !words.take(&["alter", "table"]) {
            return None;
        }
        words.take(&["only"]);
        let table = words.qualified()?;
        if words.take(&["attach", "partition"]) {
            return Some(Self::Partition { table: words.qualified()?, of: table });
        }
        if words.take(&["add", "constraint"]) {
            let name = words.name()?;
            return Some(Self::Dependent { name: (table.0.clone(), name), table });
        }
        // ALTER COLUMN c ADD GENERATED … AS IDENTITY ( SEQUENCE NAME s.q …
        if words.take(&["alter", "column"]) && words.name().is_some() && words.take(&["add", "generated"]) {
            while let Some(word) = words.next() {
                if word.is("sequence") && words.take(&["name"]) {
                    return Some(Self::Owned { sequence: words.qualified()?, table });
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn name(text: &str) -> Name {
        ("s".to_owned(), text.to_owned())
    }

    #[test]
    fn statements_are_about_their_relations() {
        let relations = |names: &[&str]| Subject::Relations(names.iter().map(|text| name(text)).collect());
        for (sql, subject) in [
            ("CREATE TABLE s.t (a int REFERENCES s.u);", relations(&["t"])),
            ("CREATE UNLOGGED TABLE s.t ();", relations(&["t"])),
            ("CREATE OR REPLACE VIEW s.v AS SELECT 1;", relations(&["v"])),
            ("CREATE MATERIALIZED VIEW s.v AS SELECT 1 WITH NO DATA;", relations(&["v"])),
            ("CREATE FOREIGN TABLE s.t (a int) SERVER x;", relations(&["t"])),
            ("CREATE SEQUENCE s.q AS integer;", relations(&["q"])),
            ("CREATE UNIQUE INDEX i ON ONLY s.t USING btree (a);", relations(&["t"])),
            ("CREATE CONSTRAINT TRIGGER x AFTER INSERT ON s.t FROM s.u EXECUTE FUNCTION f();", relations(&["t"])),
            ("CREATE TRIGGER x BEFORE UPDATE OF a, b ON s.t FOR EACH ROW EXECUTE FUNCTION f();", relations(&["t"])),
            ("CREATE RULE x AS ON INSERT TO s.t DO INSTEAD NOTHING;", relations(&["t"])),
            ("CREATE POLICY p ON s.t FOR SELECT TO a USING (true);", relations(&["t"])),
            ("CREATE STATISTICS s.x (ndistinct) ON a, b FROM s.t;", relations(&["t"])),
            ("ALTER TABLE ONLY s.t ALTER COLUMN a SET DEFAULT nextval('s.q'::regclass);", relations(&["t"])),
            ("ALTER TABLE ONLY s.p ATTACH PARTITION s.t FOR VALUES IN (1);", relations(&["p", "t"])),
            ("ALTER TABLE ONLY s.t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES s.u(a);", relations(&["t", "u"])),
            ("ALTER SEQUENCE s.q OWNED BY s.t.a;", relations(&["q"])),
            ("ALTER INDEX s.i ATTACH PARTITION s.j;", Subject::Dependents(vec![name("i"), name("j")])),
            ("ALTER STATISTICS s.x SET STATISTICS 10;", Subject::Dependents(vec![name("x")])),
            ("ALTER PUBLICATION p ADD TABLE ONLY s.t;", relations(&["t"])),
            ("ALTER PUBLICATION p OWNER TO x;", Subject::Database),
            ("CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", Subject::Database),
            ("COMMENT ON TABLE s.t IS 'x';", relations(&["t"])),
            ("COMMENT ON COLUMN s.t.\"a.b\" IS 'x';", relations(&["t"])),
            ("COMMENT ON CONSTRAINT c ON s.t IS 'x';", relations(&["t"])),
            ("COMMENT ON CONSTRAINT c ON DOMAIN s.d IS 'x';", Subject::Other),
            ("COMMENT ON INDEX s.i IS 'x';", Subject::Dependents(vec![name("i")])),
            ("GRANT SELECT(a) ON TABLE s.t TO x;", relations(&["t"])),
            ("REVOKE ALL ON SEQUENCE s.q FROM x;", relations(&["q"])),
            ("GRANT USAGE ON SCHEMA s TO x;", Subject::Other),
            ("REFRESH MATERIALIZED VIEW s.v;", relations(&["v"])),
            ("SELECT pg_catalog.setval('s.q', 5, true);", relations(&["q"])),
            ("SELECT pg_catalog.setval('s.\"it''s\"', 5, true);", relations(&["it's"])),
            ("SELECT pg_catalog.lo_create('1');", Subject::LargeObject),
            ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1';", Subject::Other),
            ("CREATE TYPE s.t AS ENUM ('a');", Subject::Other),
            ("CREATE TABLE", Subject::Other),
        ] {
            assert_eq!(Subject::of(sql.as_bytes()), subject, "{sql}");
        }
    }

    #[test]
    fn statements_make_what_others_are_told_by() {
        for (sql, made) in [
            ("CREATE TABLE s.t ();", Made::Relation(name("t"))),
            ("CREATE UNIQUE INDEX i ON s.t USING btree (a);", Made::Dependent { name: name("i"), table: name("t") }),
            ("CREATE STATISTICS s.x ON a, b FROM s.t;", Made::Dependent { name: name("x"), table: name("t") }),
            (
                "ALTER TABLE ONLY s.t ADD CONSTRAINT k UNIQUE (a);",
                Made::Dependent { name: name("k"), table: name("t") },
            ),
            ("ALTER SEQUENCE s.q OWNED BY s.t.a;", Made::Owned { sequence: name("q"), table: name("t") }),
            (
                "ALTER TABLE s.t ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (\n    SEQUENCE NAME s.q\n);",
                Made::Owned { sequence: name("q"), table: name("t") },
            ),
            ("ALTER TABLE ONLY s.p ATTACH PARTITION s.t DEFAULT;", Made::Partition { table: name("t"), of: name("p") }),
        ] {
            assert_eq!(Made::by(sql.as_bytes()).unwrap(), made, "{sql}");
        }
        assert_eq!(Made::by(b"ALTER TABLE s.t OWNER TO x;"), None);
    }
}
