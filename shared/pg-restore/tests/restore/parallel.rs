//! Several connections share the work, and nothing begins before what it needs is there.

use pg_restore::RestoreOptions;
use testing::postgres::Database;

use crate::backup::Backup;
use crate::database::{Place, assert_whole, pg_dump, proving};
use crate::failures::backup;
use crate::login::{by_anyone, by_anyone_anywhere, by_anyone_once};
use crate::source::Memory;

/// Waits until another connection holds the lock `other`, while it holds `own` itself, and goes on holding it.
const MEET: &str = "CREATE FUNCTION public.meet(own int, other int, a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_lock(own);
    FOR i IN 1..300 LOOP
        IF NOT pg_catalog.pg_try_advisory_lock(other) THEN RETURN 0; END IF;
        PERFORM pg_catalog.pg_advisory_unlock(other);
        PERFORM pg_catalog.pg_sleep(0.1);
    END LOOP;
    RAISE 'nobody works beside %', own;
END $$;\n";

fn header(kind: &str, name: &str) -> String {
    format!("--\n-- Name: {name}; Type: {kind}; Schema: public; Owner: x\n--\n\n")
}

/// Definitions, rows of tables `t` and `u` with a column each, and what follows.
fn tables(before: &str, after: &str) -> Backup {
    let data = |table: &str| {
        let title = header("TABLE DATA", table).replace("-- Name", "-- Data for Name");
        format!("{title}COPY public.{table} (a) FROM stdin;\n1\n2\n\\.\n\n\n")
    };
    let (create, constraint) = (header("TABLE", "t"), header("CONSTRAINT", "t t_key"));
    backup(&format!(
        "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n{create}{MEET}{before}\n\n{}{}{constraint}{after}\n\n",
        data("t"),
        data("u")
    ))
}

/// ANALYZE computes what indexes hold: nobody would be met then.
fn unanalyzed() -> RestoreOptions {
    let mut options = proving();
    options.analyze = false;
    options
}

const TABLES: &str = "CREATE TABLE public.t (a int);\nCREATE TABLE public.u (a int);\n";

by_anyone! {
async fn rows_of_two_tables_are_copied_at_once(by: By) {
    let met = |table: &str, own: u32, other: u32| {
        format!(
            "CREATE FUNCTION public.{table}_row() RETURNS trigger LANGUAGE plpgsql AS $$ \
             BEGIN PERFORM public.meet({own}, {other}, 0); RETURN NEW; END $$;\n\
             CREATE TRIGGER met BEFORE INSERT ON public.{table} FOR EACH STATEMENT EXECUTE FUNCTION public.{table}_row();\n"
        )
    };
    let before = format!("{TABLES}{}{}", met("t", 1, 2), met("u", 2, 1));
    let report = Place::by(by).await.restore(tables(&before, "SELECT 1;").into()).await.unwrap();
    assert!(report.rows_equal && report.rows == 4);
}
}

by_anyone! {
async fn indexes_of_two_tables_and_of_one_are_made_at_once(by: By) {
    for (table, columns) in [("u", "a, public.meet(2, 1, a)"), ("t", "public.meet(2, 1, a)")] {
        let indexes = format!(
            "CREATE INDEX i ON public.t USING btree (a, public.meet(1, 2, a));\nCREATE INDEX j ON public.{table} USING btree ({columns});"
        );
        Place::by(by).await.restore_with(tables(TABLES, &indexes).into(), unanalyzed()).await.unwrap();
    }
}
}

by_anyone! {
async fn foreign_key_waits_for_the_index_that_it_needs(by: By) {
    let before = format!(
        "{TABLES}CREATE FUNCTION public.slow(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ \
         BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN a; END $$;\n"
    );
    // The slow one comes first and is on another table: whoever did not wait would be done with the key long before.
    let after = "CREATE UNIQUE INDEX k ON public.u USING btree (a) WHERE (public.slow(a) > 0);\n\
         ALTER TABLE ONLY public.u ADD CONSTRAINT u_key UNIQUE (a);\n\
         ALTER TABLE ONLY public.t ADD CONSTRAINT t_u FOREIGN KEY (a) REFERENCES public.u(a);\n\
         COMMENT ON CONSTRAINT t_u ON public.t IS 'x';";
    let place = Place::by(by).await;
    place.restore(tables(&before, after).into()).await.unwrap();
    let valid =
        "SELECT bool_and(convalidated) AND count(*) = 2 FROM pg_constraint WHERE connamespace = 'public'::regnamespace";
    assert!(place.query::<bool>(valid).await);
}
}

by_anyone! {
async fn rows_that_come_after_others_wait_for_them(by: By) {
    let before = format!(
        "{TABLES}CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN NEW; END $$;\n\
         CREATE TRIGGER slow BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.slow();\n\
         ALTER TABLE public.t ADD CONSTRAINT t_key UNIQUE (a);\n\
         ALTER TABLE public.u ADD CONSTRAINT u_t FOREIGN KEY (a) REFERENCES public.t(a);\n"
    );
    let mut backup = tables(&before, "SELECT 1;");
    let rows: Vec<usize> =
        (0..backup.sections.len()).filter(|section| backup.sections[*section].entry.rows.is_some()).collect();
    let [first, second] = rows[..] else { panic!("{rows:?}") };
    backup.sections[second].entry.after = Some(u32::try_from(first).unwrap());
    Place::by(by).await.restore(backup.into()).await.unwrap();
}
}

by_anyone! {
async fn settings_between_statements_hold_on_every_connection(by: By) {
    let indexes = "CREATE INDEX i ON public.t USING btree (a, public.meet(1, 2, a));\n\
         CREATE INDEX j ON public.u USING btree (a, public.meet(2, 1, a));\n\
         SET default_tablespace = nowhere;\nCREATE INDEX l ON public.t USING btree (a);";
    let refusal = Place::by(by).await.refusal(tables(TABLES, indexes).into()).await;
    assert!(refusal.contains("SET default_tablespace = nowhere"), "{refusal}");
    let before = format!("{TABLES}SET work_mem = '7MB';\n");
    let after = "CREATE FUNCTION public.memory(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
         IF pg_catalog.current_setting('work_mem') <> '7MB' THEN RAISE 'not set'; END IF; RETURN 1; END $$;\n\
         CREATE INDEX i ON public.t USING btree (public.memory(a), public.meet(1, 2, a));\n\
         CREATE INDEX j ON public.u USING btree (public.memory(a), public.meet(2, 1, a));";
    Place::by(by).await.restore_with(tables(&before, after).into(), unanalyzed()).await.unwrap();
}
}

by_anyone_anywhere! {
async fn constraints_and_indexes_of_many_tables_come_back_on_any_number_of_connections(by: By) {
    let source = Database::create(by.major).await;
    source
        .run(
            "DO $$ BEGIN FOR i IN 1..40 LOOP \
             EXECUTE format('CREATE TABLE t%s (a int PRIMARY KEY, b int UNIQUE, c int CHECK (c > 0), d text)', i); \
             EXECUTE format('CREATE INDEX ON t%s (d); CREATE INDEX ON t%s (lower(d)) WHERE c > 1', i, i); \
             EXECUTE format('COMMENT ON INDEX t%s_d_idx IS ''of %s''; ALTER TABLE t%s CLUSTER ON t%s_d_idx', i, i, i, i); \
             EXECUTE format('INSERT INTO t%s SELECT n, n, n, n FROM generate_series(1, 50) n', i); \
             EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (c) REFERENCES t%s (b), ADD FOREIGN KEY (a) REFERENCES t%s', \
             i, greatest(i - 1, 1), i); END LOOP; \
             FOR i IN 1..39 LOOP EXECUTE format('ALTER TABLE t%s ADD FOREIGN KEY (b) REFERENCES t%s', i, i + 1); END LOOP; END $$; \
             CREATE TABLE p (a int PRIMARY KEY, b int REFERENCES t1) PARTITION BY RANGE (a); \
             CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (50); CREATE TABLE p2 PARTITION OF p DEFAULT; \
             CREATE INDEX ON p (b); INSERT INTO p SELECT a, b FROM t1",
        )
        .await;
    let dump = pg_dump(&source.server, &source.name);
    for jobs in [1, 7] {
        let place = Place::by(by).await;
        let mut options = proving();
        options.jobs = jobs;
        let restored = place.restore_with(Memory::from(Backup::of(&source).await), options).await.unwrap();
        assert_whole(by, &restored);
        assert!(place.dumped() == dump, "differs on {by:?} with {jobs} connections");
    }
}
}

by_anyone_once! {
async fn large_table_is_compared_in_pieces_and_a_change_in_any_is_seen(by: By) {
    let source = Database::create(by.major).await;
    // Rows that fill their page, so that few of them make many pages.
    source
        .run(
            "CREATE TABLE t (a int, b text); ALTER TABLE t ALTER b SET STORAGE PLAIN; \
              INSERT INTO t SELECT n, repeat('x', 8000) FROM generate_series(1, 16500) n",
        )
        .await;
    let backup = Backup::of(&source).await;
    let place = Place::by(by).await;
    let report = place.restore(backup.into()).await.unwrap();
    assert_whole(by, &report);
    assert_eq!((report.compared.rows, report.compared.tables), (16_500, 1));
}
}
