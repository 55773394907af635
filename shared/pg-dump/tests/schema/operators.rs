//! Languages, operator families and base types: what pg_dump loses of them, and what is special to some server.

use super::faithful::{assert_comes_back, assert_faithful};
use testing::postgres::{MAJORS, USUAL};

#[tokio::test]
async fn members_added_to_a_built_in_family_come_back() {
    let sql = "CREATE FUNCTION f(box, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
         CREATE FUNCTION c(box, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         CREATE OPERATOR < (LEFTARG = box, RIGHTARG = int, FUNCTION = f); \
         ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 < (box, int), FUNCTION 1 (box, int) c(box, int); \
         ALTER OPERATOR FAMILY datetime_ops USING btree ADD FUNCTION 1 (int, date) btint4cmp(int, int)";
    for major in MAJORS {
        let dump = assert_comes_back(major, sql).await;
        let added = "ALTER OPERATOR FAMILY pg_catalog.integer_ops USING btree ADD\n    \
             OPERATOR 1 public.<(box,integer) ,\n    FUNCTION 1 (box, integer) public.c(box,integer);\n";
        assert!(dump.contains(added), "{major}: {dump}");
        assert!(dump.contains("FUNCTION 1 (integer, date) btint4cmp(integer,integer);\n"), "{major}: {dump}");
    }
}

#[tokio::test]
async fn members_added_to_an_extensions_family_come_back_and_its_own_do_not() {
    let sql = "CREATE EXTENSION btree_gist; CREATE EXTENSION citext; CREATE DOMAIN d AS int; \
         CREATE FUNCTION f(int, box) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'; \
         CREATE OPERATOR < (LEFTARG = int, RIGHTARG = box, FUNCTION = f); \
         ALTER OPERATOR FAMILY gist_int4_ops USING gist ADD OPERATOR 1 < (int, box)";
    for major in MAJORS {
        let dump = assert_comes_back(major, sql).await;
        let added =
            "ALTER OPERATOR FAMILY public.gist_int4_ops USING gist ADD\n    OPERATOR 1 public.<(integer,box);\n";
        assert!(dump.contains(added), "{major}: {dump}");
        assert_eq!(dump.matches("ALTER OPERATOR FAMILY").count(), 1, "{major}: {dump}");
    }
}

#[tokio::test]
async fn loose_members_of_a_class_in_another_ones_family_come_back() {
    let sql = "CREATE EXTENSION btree_gist; \
         CREATE OPERATOR CLASS points FOR TYPE point USING gist FAMILY gist_int4_ops AS \
             OPERATOR 15 <-> (point, point) FOR ORDER BY float_ops, \
             FUNCTION 1 gist_point_consistent(internal, point, smallint, oid, internal), FUNCTION 2 gist_box_union(internal, internal), \
             FUNCTION 5 gist_box_penalty(internal, internal, internal), FUNCTION 6 gist_box_picksplit(internal, internal), \
             FUNCTION 7 gist_box_same(box, box, internal), FUNCTION 8 gist_point_distance(internal, point, smallint, oid, internal), \
             STORAGE box";
    for major in MAJORS {
        let dump = assert_comes_back(major, sql).await;
        assert!(dump.contains("OPERATOR 15 <->(point,point) FOR ORDER BY pg_catalog.float_ops"), "{major}: {dump}");
        assert!(dump.contains("FUNCTION 8 (point, point) gist_point_distance("), "{major}: {dump}");
    }
}

#[tokio::test]
async fn privileges_on_a_built_in_language_come_back() {
    let sql = "REVOKE USAGE ON LANGUAGE sql FROM PUBLIC; GRANT USAGE ON LANGUAGE sql TO zoo_reader WITH GRANT OPTION";
    for major in MAJORS {
        let dump = assert_comes_back(major, sql).await;
        let wanted =
            "REVOKE ALL ON LANGUAGE sql FROM PUBLIC;\nGRANT ALL ON LANGUAGE sql TO zoo_reader WITH GRANT OPTION;\n";
        assert!(dump.contains(wanted), "{major}: {dump}");
    }
}

#[tokio::test]
async fn a_language_without_functions_of_the_databases_own_names_them() {
    let sql = "CREATE TRUSTED LANGUAGE mine HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler";
    let dump = assert_comes_back(USUAL, sql).await;
    let wanted = "CREATE TRUSTED PROCEDURAL LANGUAGE mine HANDLER pg_catalog.plpgsql_call_handler INLINE pg_catalog.plpgsql_inline_handler;\n";
    assert!(dump.contains(wanted), "{dump}");
}

#[tokio::test]
async fn postfix_operators_of_postgresql_13_come_back() {
    let sql = "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; \
         CREATE OPERATOR !! (LEFTARG = int, FUNCTION = f); CREATE OPERATOR !! (RIGHTARG = int, FUNCTION = f); \
         COMMENT ON OPERATOR !! (int, NONE) IS 'postfix'";
    assert_faithful("13", sql).await;
}
