//! Circles of dependencies: each kind is broken, and restored.

use super::faithful::{assert_comes_back, assert_faithful, roles};
use testing::postgres::{Database, MAJORS};

/// The first major, one between, and the last: what depends on what changed with 16.
fn majors(since: u32) -> impl Iterator<Item = &'static str> {
    let wanted = [since, 16, 18];
    MAJORS.into_iter().filter(move |major| {
        let major = major.parse::<u32>().unwrap();
        major >= since && wanted.contains(&major)
    })
}

/// What pg_dump repairs, we repair in the same way.
async fn as_pg_dump(since: u32, sql: &str) {
    for major in majors(since) {
        assert_faithful(major, sql).await;
    }
}

/// What pg_dump warns of, and writes so that it can't be restored (or is another schema), we repair.
async fn better_than_pg_dump(since: u32, sql: &str) {
    for major in majors(since) {
        assert_comes_back(major, sql).await;
    }
}

#[tokio::test]
async fn a_type_and_its_input_function() {
    let sql = "CREATE TYPE n; CREATE FUNCTION n_in(cstring) RETURNS n LANGUAGE internal IMMUTABLE STRICT AS 'int4in'; \
         CREATE FUNCTION n_out(n) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out'; \
         CREATE TYPE n (INPUT = n_in, OUTPUT = n_out, LIKE = int4); CREATE DOMAIN d AS n; CREATE TABLE t (a n, b d)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_range_type_and_its_canonical_function() {
    let sql = "CREATE TYPE r; CREATE FUNCTION c(r) RETURNS r LANGUAGE internal IMMUTABLE STRICT AS 'int4range_canonical'; \
         CREATE TYPE r AS RANGE (subtype = int4, canonical = c)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_view_and_its_query() {
    as_pg_dump(13, "CREATE VIEW v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT a FROM v").await;
}

#[tokio::test]
async fn a_view_and_a_function_that_takes_its_rows() {
    let sql = "CREATE VIEW v AS SELECT 1 AS a, 'x'::text COLLATE \"C\" AS b; \
         CREATE FUNCTION f(v) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
         CREATE OR REPLACE VIEW v WITH (security_barrier) AS SELECT f(NULL) AS a, 'x'::text COLLATE \"C\" AS b; \
         CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER t INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION t(); \
         CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING; ALTER VIEW v ALTER a SET DEFAULT 5; \
         COMMENT ON VIEW v IS 'circular'; COMMENT ON COLUMN v.b IS 'of a circular one'; GRANT SELECT (a) ON v TO zoo_reader; \
         CREATE VIEW reader AS SELECT * FROM v";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn views_that_read_each_other() {
    let sql =
        "CREATE VIEW v AS SELECT 1 AS a; CREATE VIEW w AS SELECT a FROM v; CREATE OR REPLACE VIEW v AS SELECT a FROM w";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_view_that_groups_by_a_primary_key() {
    let sql = "CREATE TABLE t (a int PRIMARY KEY, b int); CREATE VIEW v AS SELECT a, b, count(*) FROM t GROUP BY a; \
         CREATE VIEW over_v AS SELECT * FROM v; CREATE FUNCTION f(v) RETURNS int LANGUAGE sql AS 'SELECT 1'";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_view_that_reads_itself() {
    better_than_pg_dump(13, "CREATE VIEW v AS SELECT 1 AS a; CREATE OR REPLACE VIEW v AS SELECT a FROM v").await;
}

#[tokio::test]
async fn a_materialised_view_that_needs_a_primary_key() {
    let sql = "CREATE TABLE t (a int PRIMARY KEY, b int); \
         CREATE MATERIALIZED VIEW m AS SELECT a, b, count(*) FROM t GROUP BY a; CREATE VIEW on_m AS SELECT * FROM m; \
         CREATE FUNCTION of_m(m) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE INDEX ON m (a); \
         CREATE MATERIALIZED VIEW on_on_m AS SELECT * FROM m; COMMENT ON MATERIALIZED VIEW m IS 'late'";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_function_that_needs_a_primary_key() {
    let sql = "CREATE TABLE t (a int PRIMARY KEY, b int); \
         CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT b FROM t GROUP BY a; END; \
         CREATE TABLE d (a bigint DEFAULT f(), b bigint CHECK (b > f())); CREATE VIEW v AS SELECT f(); \
         CREATE DOMAIN dom AS bigint CHECK (VALUE > f()); CREATE TABLE of_dom (a dom); \
         CREATE FUNCTION calls() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT f(); END; \
         CREATE FUNCTION state(bigint, int) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT b FROM t GROUP BY a; END; \
         CREATE AGGREGATE ag(int) (SFUNC = state, STYPE = bigint); CREATE MATERIALIZED VIEW m AS SELECT f()";
    as_pg_dump(14, sql).await;
}

#[tokio::test]
async fn a_table_and_a_check_that_takes_its_rows() {
    let sql = "CREATE TABLE t (a int, CHECK (a > 0)); CREATE FUNCTION f(t) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
         ALTER TABLE t ADD CONSTRAINT late CHECK (f(t)); COMMENT ON CONSTRAINT late ON t IS 'late'";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_table_and_a_default_that_takes_its_rows() {
    let sql = "CREATE TABLE t (a int, b int DEFAULT 1); CREATE FUNCTION f(t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         ALTER TABLE t ALTER a SET DEFAULT f(NULL)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_table_and_the_sequence_that_it_owns_and_draws_from() {
    let sql = "CREATE TABLE t (a serial); CREATE SEQUENCE s; CREATE TABLE u (a int DEFAULT nextval('s')); ALTER SEQUENCE s OWNED BY u.a";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn an_index_of_a_partitioned_table_and_its_partitions() {
    let sql = "CREATE TABLE p (a int, PRIMARY KEY (a)) PARTITION BY LIST (a); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1) PARTITION BY LIST (a); \
         CREATE TABLE p11 PARTITION OF p1 FOR VALUES IN (1); CREATE INDEX i ON p (a); CREATE TABLE r (a int REFERENCES p)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_domain_and_a_check_that_takes_its_values() {
    let sql = "CREATE DOMAIN d AS text CONSTRAINT plain CHECK (VALUE <> ''); \
         CREATE FUNCTION f(d) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; \
         ALTER DOMAIN d ADD CONSTRAINT late CHECK (f(VALUE)); COMMENT ON CONSTRAINT late ON DOMAIN d IS 'late'; CREATE TABLE t (a d)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_domain_and_a_check_that_reads_a_table_of_it() {
    let sql = "CREATE DOMAIN d AS text; CREATE TABLE t (a d); \
         CREATE FUNCTION f(text) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT count(*) > 0 FROM t; END; \
         ALTER DOMAIN d ADD CHECK (f(VALUE))";
    as_pg_dump(14, sql).await;
}

#[tokio::test]
async fn a_domain_whose_default_is_of_the_domain() {
    let sql = "CREATE DOMAIN d AS text COLLATE \"C\" NOT NULL CHECK (VALUE <> ''); \
         CREATE FUNCTION f() RETURNS d LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; ALTER DOMAIN d SET DEFAULT f(); \
         CREATE TABLE t (a d); COMMENT ON DOMAIN d IS 'made by itself'";
    better_than_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_domain_whose_default_needs_a_primary_key() {
    let sql = "CREATE TABLE t (a int PRIMARY KEY, b int); \
         CREATE FUNCTION f() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT b FROM t GROUP BY a; END; \
         CREATE DOMAIN d AS bigint DEFAULT f(); CREATE TABLE u (a d)";
    better_than_pg_dump(14, sql).await;
}

#[tokio::test]
async fn a_generated_column_and_a_key_of_columns() {
    let sql = "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED); \
         CREATE TABLE p (a int, b int, c int GENERATED ALWAYS AS (b * 2) STORED) PARTITION BY RANGE ((a + b), a)";
    as_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_generated_column_whose_function_reads_its_table() {
    let sql = "CREATE TABLE t (a int); \
         CREATE FUNCTION f(int) RETURNS bigint LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT count(*) FROM t; END; \
         ALTER TABLE t ADD b bigint GENERATED ALWAYS AS (f(a)) STORED, ADD c int";
    better_than_pg_dump(14, sql).await;
}

#[tokio::test]
async fn a_generated_column_whose_function_takes_its_tables_rows() {
    let sql = "CREATE TABLE t (a int); CREATE FUNCTION f(t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         ALTER TABLE t ADD b int GENERATED ALWAYS AS (f(NULL::t)) STORED NOT NULL, ADD c int; COMMENT ON COLUMN t.b IS 'circular'";
    better_than_pg_dump(17, sql).await;
    let child = format!("{sql}; CREATE TABLE child () INHERITS (t)");
    for (major, sql) in [("16", sql), ("18", &child)] {
        let database = Database::create(major).await;
        database.run(sql).await;
        let error = pg_dump::schema_text(&database.connect().await).await.unwrap_err().to_string();
        assert!(error.contains("in a circle") && error.contains("public.t") && error.contains("public.f"), "{error}");
    }
}

#[tokio::test]
async fn a_generated_column_whose_function_needs_a_primary_key() {
    let sql = "CREATE TABLE t (a int PRIMARY KEY, b int); \
         CREATE FUNCTION f(int) RETURNS bigint LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT b FROM t GROUP BY a; END; \
         CREATE TABLE u (a int, b bigint GENERATED ALWAYS AS (f(a)) STORED)";
    better_than_pg_dump(17, sql).await;
}

#[tokio::test]
async fn functions_that_call_themselves_and_each_other() {
    let sql = "CREATE FUNCTION itself(a int) RETURNS int LANGUAGE sql RETURN 1; \
         CREATE OR REPLACE FUNCTION itself(a int) RETURNS int LANGUAGE sql STABLE STRICT COST 5 SET work_mem = '1MB' \
             BEGIN ATOMIC SELECT CASE WHEN $1 > 0 THEN itself($1 - 1) END; END; \
         ALTER FUNCTION itself(int) OWNER TO zoo_owner; GRANT EXECUTE ON FUNCTION itself(int) TO zoo_reader; \
         COMMENT ON FUNCTION itself(int) IS 'recurs'; \
         CREATE FUNCTION f(a int, OUT x int, OUT y text) RETURNS SETOF record LANGUAGE sql RETURN ROW(1, 'a'); \
         CREATE FUNCTION g(a int) RETURNS TABLE (x int, \"Y y\" text) LANGUAGE sql BEGIN ATOMIC SELECT f.x, f.y FROM f(a); END; \
         CREATE OR REPLACE FUNCTION f(a int, OUT x int, OUT y text) RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC SELECT * FROM g(a); END; \
         CREATE SCHEMA s; CREATE TYPE s.e AS ENUM ('a'); CREATE FUNCTION s.of_e(VARIADIC s.e[] DEFAULT '{}') RETURNS s.e LANGUAGE sql RETURN 'a'::s.e; \
         CREATE OR REPLACE FUNCTION s.of_e(VARIADIC s.e[] DEFAULT '{a}') RETURNS s.e LANGUAGE sql RETURN s.of_e(VARIADIC $1)";
    better_than_pg_dump(14, sql).await;
}

#[tokio::test]
async fn a_function_that_uses_an_operator_an_aggregate_or_a_view_of_its_own() {
    let sql = "CREATE FUNCTION f(int, box) RETURNS boolean LANGUAGE sql RETURN true; \
         CREATE OPERATOR <<< (LEFTARG = int, RIGHTARG = box, FUNCTION = f); \
         CREATE OR REPLACE FUNCTION f(int, box) RETURNS boolean LANGUAGE sql RETURN $1 <<< $2; \
         CREATE FUNCTION s(int, int) RETURNS int LANGUAGE sql RETURN 1; CREATE AGGREGATE ag(int) (SFUNC = s, STYPE = int); \
         CREATE OR REPLACE FUNCTION s(int, int) RETURNS int LANGUAGE sql RETURN (SELECT ag(x) FROM generate_series(1, 3) x); \
         CREATE FUNCTION reads() RETURNS int LANGUAGE sql RETURN 1; CREATE VIEW v AS SELECT reads(); \
         CREATE OR REPLACE FUNCTION reads() RETURNS int LANGUAGE sql RETURN (SELECT reads FROM v)";
    better_than_pg_dump(14, sql).await;
}

#[tokio::test]
async fn functions_whose_arguments_default_to_each_other() {
    let sql = "CREATE FUNCTION f(a int DEFAULT 1) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
         CREATE FUNCTION g(INOUT a int DEFAULT f()) LANGUAGE plpgsql AS 'BEGIN END'; \
         CREATE OR REPLACE FUNCTION f(a int DEFAULT g()) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; \
         CREATE PROCEDURE p(a int DEFAULT f()) LANGUAGE plpgsql AS 'BEGIN END'";
    better_than_pg_dump(13, sql).await;
}

#[tokio::test]
async fn a_circle_without_a_repair_is_an_error_that_names_it() {
    let sql = "CREATE TYPE e AS ENUM ('a'); CREATE FUNCTION c(e, e) RETURNS int LANGUAGE internal IMMUTABLE AS 'enum_cmp'; \
         CREATE FUNCTION lt(e, e) RETURNS boolean LANGUAGE internal IMMUTABLE AS 'enum_lt'; \
         CREATE OPERATOR <<< (LEFTARG = e, RIGHTARG = e, FUNCTION = lt); \
         CREATE OPERATOR CLASS k FOR TYPE e USING btree AS OPERATOR 1 <<<, FUNCTION 1 c(e, e); \
         CREATE TYPE r AS RANGE (subtype = e, subtype_opclass = k); \
         CREATE FUNCTION lr(e, r) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
         CREATE OPERATOR <<< (LEFTARG = e, RIGHTARG = r, FUNCTION = lr); ALTER OPERATOR FAMILY k USING btree ADD OPERATOR 1 <<< (e, r)";
    for major in majors(13) {
        roles(major).await;
        let database = Database::create(major).await;
        database.run(sql).await;
        let error = pg_dump::schema_text(&database.connect().await).await.unwrap_err().to_string();
        for name in ["public.r", "public.k", "public.<<<", "public.lr"] {
            assert!(error.contains(name), "{name}: {error}");
        }
    }
}
