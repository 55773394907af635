//! What pg_dump says of exclusion constraints of partitioned tables, and can't be restored.

use super::faithful::assert_comes_back;
use testing::postgres::Database;

const SINCE_17: &str = "CREATE EXTENSION btree_gist; CREATE SCHEMA \"S; 1\"; \
     CREATE TABLE t (a int, r int4range, CONSTRAINT \"No; overlap\" EXCLUDE USING gist (r WITH &&, a WITH =) INCLUDE (a) \
         WITH (fillfactor = 70) WHERE (a > 0) DEFERRABLE) PARTITION BY LIST (a); \
     CREATE TABLE a_first PARTITION OF t FOR VALUES IN (1); \
     CREATE TABLE \"S; 1\".\"T $do$ 'x'\" PARTITION OF t FOR VALUES IN (2) PARTITION BY LIST (a); \
     CREATE TABLE leaf PARTITION OF \"S; 1\".\"T $do$ 'x'\" FOR VALUES IN (2); \
     ALTER TABLE a_first RENAME CONSTRAINT a_first_r_a_a1_excl TO \"Renamed; 'one'\"; \
     ALTER TABLE leaf RENAME CONSTRAINT leaf_r_a_a1_excl TO swapped; \
     COMMENT ON CONSTRAINT \"Renamed; 'one'\" ON a_first IS 'renamed'; \
     CREATE TABLE alone (a int, r int4range, EXCLUDE USING gist (r WITH &&, a WITH =)) PARTITION BY LIST (a); \
     CREATE TABLE two (a int, r int4range, EXCLUDE USING gist (r WITH &&, a WITH =), EXCLUDE USING gist (r WITH &&, a WITH =)) \
         PARTITION BY LIST (a); \
     CREATE TABLE two_1 PARTITION OF two FOR VALUES IN (1); ALTER TABLE two_1 CLUSTER ON two_1_r_a_excl; INSERT INTO t VALUES (1, '[1,3)'), (2, '[1,3)')";

const SINCE_18: &str = "; CREATE TABLE p (id int, d daterange, CONSTRAINT k PRIMARY KEY (id, d WITHOUT OVERLAPS)) PARTITION BY LIST (id); \
     CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); ALTER TABLE p1 RENAME CONSTRAINT p1_pkey TO a_name; \
     CREATE TABLE f (id int, d daterange, FOREIGN KEY (id, PERIOD d) REFERENCES p (id, PERIOD d))";

#[tokio::test]
async fn exclusion_constraints_of_partitioned_tables_come_back_with_their_partitions() {
    let dump = assert_comes_back("17", SINCE_17).await;
    // What has no partitions is told as pg_dump tells it.
    assert!(dump.contains("ALTER TABLE ONLY public.alone\n    ADD CONSTRAINT alone_r_a_excl EXCLUDE"), "{dump}");
    assert_comes_back("18", &format!("{SINCE_17}{SINCE_18}")).await;
}

#[tokio::test]
async fn an_exclusion_constraint_that_a_partition_lacks_is_refused() {
    let database = Database::create("17").await;
    let sql = "CREATE EXTENSION btree_gist; CREATE TABLE t (a int, r int4range) PARTITION BY LIST (a); \
         CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); \
         ALTER TABLE ONLY t ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&, a WITH =); \
         CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)";
    database.run(sql).await;
    let error = pg_dump::schema_text(&database.connect().await).await.unwrap_err().to_string();
    assert!(error.contains("constraint x of partitioned table public.t, which some partition lacks"), "{error}");
}
