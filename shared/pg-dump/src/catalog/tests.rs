#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use testing::postgres::{Database, USUAL};
use tokio_postgres::Client;

use super::*;
use crate::emit::Item;
use crate::kinds::relation::Relation;
use crate::options::Content;

const SCHEMA: &str = "CREATE SCHEMA app; CREATE EXTENSION citext; \
    CREATE TYPE mood AS ENUM ('a'); CREATE TYPE pair AS (a int); CREATE DOMAIN positive AS int CHECK (VALUE > 0); \
    CREATE TYPE spans AS RANGE (subtype = date); \
    CREATE TABLE t (id serial PRIMARY KEY, b text DEFAULT 'x', c int CHECK (c > 0), d int REFERENCES t, \
        e int GENERATED ALWAYS AS IDENTITY, UNIQUE (b)); \
    CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE INDEX ON p (a); \
    CREATE INDEX of_t ON t (c); CREATE STATISTICS s ON b, c FROM t; CREATE VIEW v AS SELECT id FROM t; \
    CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; \
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
    CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int); \
    CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); \
    CREATE CONSTRAINT TRIGGER ctr AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f(); \
    CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; CREATE POLICY po ON t USING (true); \
    CREATE PUBLICATION pu FOR TABLE t; CREATE PUBLICATION ps FOR TABLES IN SCHEMA app; \
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; \
    CREATE FUNCTION g() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION g(); \
    CREATE FUNCTION boxed(box, int) RETURNS boolean LANGUAGE sql AS 'SELECT true'; \
    CREATE COLLATION co FROM \"C\"; CREATE CAST (mood AS int) WITH INOUT; \
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); \
    CREATE OPERATOR === (LEFTARG = box, RIGHTARG = int, FUNCTION = boxed); \
    CREATE LANGUAGE la HANDLER plpgsql_call_handler; REVOKE USAGE ON LANGUAGE sql FROM PUBLIC; \
    CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal)); \
    CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler; CREATE OPERATOR FAMILY of USING hash; \
    CREATE OPERATOR CLASS oc FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 1 hashint4(int); \
    ALTER OPERATOR FAMILY integer_ops USING hash ADD OPERATOR 1 === (box, int); \
    CREATE TYPE base; CREATE FUNCTION base_in(cstring) RETURNS base LANGUAGE internal IMMUTABLE STRICT AS 'int4in'; \
    CREATE FUNCTION base_out(base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out'; \
    CREATE TYPE base (INPUT = base_in, OUTPUT = base_out, LIKE = int4); CREATE TYPE shell; \
    CREATE PROCEDURE pr() LANGUAGE sql AS ''; CREATE OPERATOR ==! (LEFTARG = box, RIGHTARG = box, FUNCTION = box_eq, COMMUTATOR = !==); \
    CREATE TEXT SEARCH PARSER pa (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype); \
    CREATE TEXT SEARCH TEMPLATE te (LEXIZE = dsimple_lexize); CREATE TEXT SEARCH CONFIGURATION conf (PARSER = pa); \
    CREATE CONVERSION con FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; CREATE TEXT SEARCH DICTIONARY di (TEMPLATE = simple); \
    CREATE FOREIGN DATA WRAPPER fo; CREATE SERVER se FOREIGN DATA WRAPPER fo; CREATE USER MAPPING FOR PUBLIC SERVER se; CREATE FOREIGN TABLE ft (a int) SERVER se; CREATE INDEX m_a ON m (a); \
    CREATE SUBSCRIPTION su CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false); SET allow_system_table_mods = on; \
    INSERT INTO pg_seclabel VALUES ('t'::regclass, 'pg_class'::regclass, 2, 'provider', 'label'); \
    GRANT SELECT ON t TO PUBLIC; GRANT UPDATE (b) ON t TO PUBLIC; GRANT USAGE ON SEQUENCE t_id_seq TO PUBLIC; GRANT ALL ON SCHEMA app TO PUBLIC; \
    REVOKE ALL ON FUNCTION f() FROM PUBLIC; REVOKE ALL ON TYPE mood FROM PUBLIC; GRANT ALL ON FOREIGN SERVER se TO PUBLIC; \
    GRANT ALL ON FOREIGN DATA WRAPPER fo TO PUBLIC; REVOKE ALL ON FUNCTION citextin(cstring) FROM PUBLIC; \
    SELECT lo_create(4242); GRANT SELECT ON LARGE OBJECT 4242 TO PUBLIC; COMMENT ON COLUMN t.b IS 'said'; COMMENT ON INDEX of_t IS 'said';";

async fn of(reader: &Reader<'_>, properties: &DatabaseProperties, model: &Model) -> Result<Catalog, CatalogError> {
    Catalog::of(reader, properties.clone(), model, Told::of(model)?, &Present::read(reader).await?).await
}

/// Something that the dumper does not see, and how the inventory names it.
type Hidden = (&'static str, fn(&mut Model), &'static str);

fn relation(model: &mut Model, name: &str) {
    model.relations.retain(|_, relation| relation.name != name);
}

fn granted(model: &mut Model, name: &str, hide: fn(&mut Relation)) {
    model.relations.values_mut().filter(|relation| relation.name == name).for_each(hide);
}

const HIDDEN: &[Hidden] = &[
    ("schema", |m| m.schemas.retain(|_, schema| schema.name != "app"), "schema app"),
    ("extension", |m| m.extensions.retain(|_, extension| extension.name != "citext"), "extension citext"),
    ("enum", |m| m.types.retain(|_, data_type| data_type.name != "mood"), "type public.mood"),
    ("composite type", |m| m.types.retain(|_, data_type| data_type.name != "pair"), "type public.pair"),
    ("domain", |m| m.types.retain(|_, data_type| data_type.name != "positive"), "type public.positive"),
    ("range type", |m| m.types.retain(|_, data_type| data_type.name != "spans"), "type public.spans"),
    ("table", |m| relation(m, "t"), "table public.t"),
    ("partitioned table", |m| relation(m, "p"), "table public.p"),
    ("partition", |m| relation(m, "p1"), "table public.p1"),
    ("view", |m| relation(m, "v"), "view public.v"),
    ("materialised view", |m| relation(m, "m"), "materialized view public.m"),
    ("sequence of a serial", |m| relation(m, "t_id_seq"), "sequence public.t_id_seq"),
    ("sequence of an identity", |m| relation(m, "t_e_seq"), "sequence public.t_e_seq"),
    ("default", |m| m.defaults.clear(), "default value for column b of table public.t"),
    ("check", |m| m.constraints.retain(|_, c| c.name != "t_c_check"), "constraint t_c_check on table public.t"),
    ("check of a domain", |m| m.constraints.retain(|_, c| c.name != "positive_check"), "constraint positive_check"),
    ("primary key", |m| m.constraints.retain(|_, c| c.name != "t_pkey"), "constraint t_pkey on table public.t"),
    ("unique constraint", |m| m.constraints.retain(|_, c| c.name != "t_b_key"), "constraint t_b_key on table public.t"),
    ("foreign key", |m| m.constraints.retain(|_, c| c.name != "t_d_fkey"), "constraint t_d_fkey on table public.t"),
    ("index", |m| m.indexes.retain(|_, index| index.name != "of_t"), "index public.of_t"),
    ("index of a partitioned table", |m| m.indexes.retain(|_, index| index.name != "p_a_idx"), "index public.p_a_idx"),
    ("statistics", |m| m.statistics.clear(), "statistics object public.s"),
    ("function", |m| m.functions.retain(|_, function| function.name != "f"), "function public.f()"),
    ("aggregate", |m| m.functions.retain(|_, function| function.name != "total"), "function public.total(integer)"),
    ("trigger", |m| m.triggers.retain(|_, trigger| trigger.name != "tr"), "trigger tr on table public.t"),
    ("constraint trigger", |m| m.triggers.retain(|_, trigger| trigger.name != "ctr"), "trigger ctr on table public.t"),
    ("rule", |m| m.rules.retain(|_, rule| rule.name != "r"), "rule r on table public.t"),
    ("policy", |m| m.policies.clear(), "policy po on table public.t"),
    ("publication", |m| m.publications.retain(|_, publication| publication.name != "pu"), "publication pu"),
    ("default privileges", |m| m.default_acls.clear(), "default privileges on new relations"),
    ("published table", |m| m.published_tables.clear(), "publication of table public.t in publication pu"),
    ("published schema", |m| m.published_schemas.clear(), "publication of schema app in publication ps"),
    ("subscription", |m| m.subscriptions.clear(), "subscription su"),
    ("security label", |m| m.labels.clear(), "security label on column b of table public.t"),
    ("event trigger", |m| m.event_triggers.clear(), "event trigger et"),
    ("collation", |m| m.collations.clear(), "collation public.co"),
    ("cast", |m| m.casts.clear(), "cast from public.mood to integer"),
    ("language", |m| m.languages.clear(), "language la"),
    ("transform", |m| m.transforms.clear(), "transform for integer language sql"),
    ("access method", |m| m.access_methods.clear(), "access method am"),
    ("operator class", |m| m.operator_classes.clear(), "operator class public.oc for access method hash"),
    (
        "operator family",
        |m| m.operator_families.retain(|_, f| f.name != "of"),
        "operator family public.of for access method hash",
    ),
    (
        "operator of a class",
        |m| m.operator_members.of_class.clear(),
        "operator 1 (integer, integer) of operator family public.oc for access method hash",
    ),
    (
        "operator of a family",
        |m| m.operator_members.of_family.clear(),
        "operator 1 (box, integer) of operator family integer_ops for access method hash",
    ),
    (
        "function of a class",
        |m| m.operator_members.of_class.clear(),
        "function 1 (integer, integer) of operator family public.oc",
    ),
    ("privileges on a built-in language", |m| m.languages.clear(), "privileges on language sql"),
    ("privileges on a table", |m| granted(m, "t", |t| t.acl.current = None), "privileges on table public.t"),
    (
        "privileges on a column",
        |m| granted(m, "t", |t| t.columns.iter_mut().for_each(|column| column.acl = None)),
        "privileges on column b of table public.t",
    ),
    (
        "privileges on a sequence",
        |m| granted(m, "t_id_seq", |sequence| sequence.acl.current = None),
        "privileges on sequence public.t_id_seq",
    ),
    (
        "privileges on a schema",
        |m| m.schemas.values_mut().for_each(|schema| schema.acl.current = None),
        "privileges on schema app",
    ),
    (
        "privileges on a function",
        |m| m.functions.values_mut().for_each(|function| function.acl.current = None),
        "privileges on function public.f()",
    ),
    (
        "privileges on an extension's function",
        |m| m.functions.values_mut().for_each(|function| function.acl.current = None),
        "privileges on function public.citextin(cstring)",
    ),
    (
        "privileges on a type",
        |m| m.types.values_mut().for_each(|data_type| data_type.acl.current = None),
        "privileges on type public.mood",
    ),
    (
        "privileges on a foreign-data wrapper",
        |m| m.wrappers.values_mut().for_each(|wrapper| wrapper.acl.current = None),
        "privileges on foreign-data wrapper fo",
    ),
    (
        "privileges on a server",
        |m| m.servers.values_mut().for_each(|server| server.acl.current = None),
        "privileges on server se",
    ),
    (
        "privileges on a large object",
        |m| m.large_objects.iter_mut().for_each(|group| group.acl.current = None),
        "privileges on large object 4242",
    ),
    ("operator", |m| m.operators.clear(), "operator public.===(integer,integer)"),
    ("conversion", |m| m.conversions.clear(), "conversion public.con"),
    ("text search parser", |m| m.text_search.retain(|_, object| object.name != "pa"), "text search parser public.pa"),
    (
        "text search template",
        |m| m.text_search.retain(|_, object| object.name != "te"),
        "text search template public.te",
    ),
    (
        "text search configuration",
        |m| m.text_search.retain(|_, object| object.name != "conf"),
        "text search configuration public.conf",
    ),
    ("base type", |m| m.types.retain(|_, data_type| data_type.name != "base"), "type public.base"),
    ("shell type", |m| m.types.retain(|_, data_type| data_type.name != "shell"), "type public.shell"),
    ("procedure", |m| m.functions.retain(|_, function| function.name != "pr"), "function public.pr()"),
    ("foreign table", |m| relation(m, "ft"), "foreign table public.ft"),
    ("index of a materialised view", |m| m.indexes.retain(|_, index| index.name != "m_a"), "index public.m_a"),
    ("text search", |m| m.text_search.clear(), "text search dictionary public.di"),
    ("foreign-data wrapper", |m| m.wrappers.clear(), "foreign-data wrapper fo"),
    ("server", |m| m.servers.clear(), "server se"),
    ("user mapping", |m| m.servers.clear(), "user mapping for public on server se"),
    ("large object", |m| m.large_objects.clear(), "large object 4242"),
];

async fn open(database: &Database) -> (Client, DatabaseProperties, Version) {
    let client = database.connect().await;
    client.batch_execute("SET search_path = ''; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.unwrap();
    let (properties, version) = properties::read(&client).await.unwrap();
    (client, properties, version)
}

#[tokio::test]
async fn a_kind_that_the_dumper_does_not_see_is_named_by_the_inventory() {
    let database = Database::create(USUAL).await;
    database.run(SCHEMA).await;
    let (client, properties, version) = open(&database).await;
    let reader = Reader::new(&client, &client, version);
    for (kind, hide, name) in HIDDEN {
        let mut model = Model::read(&reader).await.unwrap();
        hide(&mut model);
        match of(&reader, &properties, &model).await {
            Err(CatalogError::NotDumped(names)) => {
                assert!(names.iter().any(|named| named.contains(name)), "{kind}: {names:?}");
            }
            Err(error) => panic!("{kind}: {error}"),
            Ok(_) => panic!("{kind} was not missed"),
        }
    }
}

/// Of these, what belongs to table t.
const OF_T: [&str; 17] = [
    "table",
    "privileges on a table",
    "privileges on a column",
    "privileges on a sequence",
    "sequence of a serial",
    "sequence of an identity",
    "default",
    "check",
    "primary key",
    "unique constraint",
    "foreign key",
    "index",
    "trigger",
    "constraint trigger",
    "rule",
    "policy",
    "security label",
];

#[tokio::test]
async fn a_selected_tables_parts_are_missed_and_nothing_else_is() {
    let database = Database::create(USUAL).await;
    database.run(SCHEMA).await;
    let (client, properties, version) = open(&database).await;
    let reader = Reader::new(&client, &client, version);
    let oid: u32 = client.query_one("SELECT 'public.t'::regclass::oid", &[]).await.unwrap().get(0);
    let only_t = || Selection { included: Some([oid].into()), ..Selection::default() };
    let without_t = || Selection { excluded: [oid].into(), ..Selection::default() };
    let schemas = || Selection { content: Content::Schema, ..only_t() };
    assert!(OF_T.iter().all(|kind| HIDDEN.iter().any(|(hidden, ..)| hidden == kind)));
    for (kind, hide, name) in HIDDEN {
        let selections = [(only_t(), true), (schemas(), true), (without_t(), false)];
        let count = if OF_T.contains(kind) { selections.len() } else { 1 };
        for (selection, missed) in selections.into_iter().take(count) {
            let mut model = Model::read(&reader).await.unwrap();
            hide(&mut model);
            model.select(selection, &[]);
            let found = of(&reader, &properties, &model).await;
            let named = match &found {
                Err(CatalogError::NotDumped(names)) => names.iter().any(|named| named.starts_with(name)),
                Err(error) => panic!("{kind}: {error}"),
                Ok(_) => false,
            };
            if OF_T.contains(kind) {
                // A serial's sequence is also there without its table.
                let missed = missed || ["sequence of a serial", "privileges on a sequence"].contains(kind);
                assert_eq!(named, missed, "{kind}: {:?}", found.err());
            } else {
                assert!(!named, "{kind}: {:?}", found.err());
            }
        }
    }
}

#[tokio::test]
async fn rows_that_the_dumper_does_not_see_are_named_without_definitions_too() {
    let database = Database::create(USUAL).await;
    database.run(SCHEMA).await;
    let (client, properties, version) = open(&database).await;
    let reader = Reader::new(&client, &client, version);
    for (hidden, name) in [
        ("t", "data of table public.t"),
        ("p1", "data of table public.p1"),
        ("t_e_seq", "data of sequence public.t_e_seq"),
        ("large object", "large object 4242"),
    ] {
        let mut model = Model::read(&reader).await.unwrap();
        relation(&mut model, hidden);
        if hidden == "large object" {
            model.large_objects.clear();
        }
        model.select(Selection { content: Content::Data, ..Selection::default() }, &[]);
        match of(&reader, &properties, &model).await {
            Err(CatalogError::NotDumped(names)) => assert_eq!(names, [name]),
            other => panic!("{hidden}: {:?}", other.err()),
        }
    }
}

#[tokio::test]
async fn a_definition_that_changes_meanwhile_is_named() {
    let database = Database::create(USUAL).await;
    database.run(SCHEMA).await;
    let (client, ..) = open(&database).await;
    let catalog = Catalog::read(&client).await.unwrap();
    let fresh = database.connect().await;
    fresh.batch_execute("SET search_path = ''").await.unwrap();
    assert_eq!(catalog.changed_since(&client, &fresh).await.unwrap(), Vec::<String>::new());

    database
        .run("CREATE TABLE newcomer (a int); INSERT INTO t (c) VALUES (1); ANALYZE t; SELECT nextval('t_id_seq')")
        .await;
    assert_eq!(
        catalog.changed_since(&client, &fresh).await.unwrap(),
        Vec::<String>::new(),
        "neither newcomers nor rows"
    );

    database.run("CREATE OR REPLACE VIEW v AS SELECT id, 1 AS b FROM t").await;
    let changed = catalog.changed_since(&client, &fresh).await.unwrap();
    assert!(changed.iter().any(|name| name.contains("view public.v")), "{changed:?}");

    database.run("DROP EVENT TRIGGER et; ALTER FUNCTION f() COST 7; ALTER SEQUENCE t_e_seq CACHE 5").await;
    let changed = catalog.changed_since(&client, &fresh).await.unwrap();
    for name in ["function public.f()", "sequence public.t_e_seq", "event trigger et"] {
        assert!(changed.iter().any(|changed| changed.contains(name)), "{name}: {changed:?}");
    }
}

#[test]
fn a_section_restates_what_the_entries_before_it_set() {
    let item = |tablespace: Option<&str>, method: Option<&str>, section| {
        let mut item = Item::new("TABLE", "t").definition("CREATE TABLE t ();\n".to_owned());
        item.tablespace = tablespace.map(str::to_owned);
        item.access_method = method.map(str::to_owned);
        item.section = section;
        item
    };
    let entries = entries(vec![
        item(Some(""), Some("heap"), Section::PreData),
        item(None, None, Section::PreData),
        item(Some("Fast"), Some("heap"), Section::PreData),
        item(Some("Fast"), None, Section::PostData),
    ]);
    let method = "SET default_table_access_method = heap;\n\n";
    assert_eq!(&*entries[0].restated, "");
    assert!(entries[0].text.starts_with(&format!("SET default_tablespace = '';\n\n{method}--\n")));
    assert_eq!(*entries[1].restated, format!("SET default_tablespace = '';\n\n{method}"));
    assert!(entries[1].text.starts_with("--\n"));
    assert!(entries[2].text.starts_with("SET default_tablespace = \"Fast\";\n\n--\n"));
    assert_eq!(&*entries[3].restated, "");
    assert!(entries[3].text.starts_with("SET default_tablespace = \"Fast\";\n\n--\n"), "the data is between");
}
