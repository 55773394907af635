//! Rows as wide, as large and as odd as PostgreSQL lets them be, dumped whole and restored by psql.

use testing::postgres::Database;

use crate::dumped::connect;
use crate::whole::assert_whole;

const EXTREMES: &str = r#"
    CREATE TABLE no_columns (); INSERT INTO no_columns SELECT FROM generate_series(1, 3);
    CREATE TABLE lost_all (a int); INSERT INTO lost_all VALUES (1), (2); ALTER TABLE lost_all DROP COLUMN a;
    CREATE TABLE large (id int PRIMARY KEY, b bytea, t text);
    ALTER TABLE large ALTER b SET STORAGE EXTERNAL;
    INSERT INTO large SELECT 1, (SELECT string_agg(sha512(n::text::bytea), '') FROM generate_series(1, 131072) n), NULL;
    INSERT INTO large SELECT 2, NULL, (SELECT string_agg(md5(n::text), E'\\\t\n') FROM generate_series(1, 239675) n);
    CREATE TABLE toasted (id int, plain text, external text, main text);
    ALTER TABLE toasted ALTER plain SET STORAGE PLAIN, ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN;
    INSERT INTO toasted SELECT n, repeat('p', 1000), repeat(md5(n::text), 2000), repeat(md5(n::text), 5000) FROM generate_series(1, 20) n;
    UPDATE toasted SET external = external || 'more' WHERE id % 2 = 0; DELETE FROM toasted WHERE id % 5 = 0;
    CREATE TABLE ends (a text, b text); INSERT INTO ends VALUES ('\.', NULL), (E'\n\\.\n', '\.'), ('', ''), (NULL, '\N'), ('NULL', '"');
    CREATE TABLE end_alone (a text); INSERT INTO end_alone VALUES ('\.'), (E'\\.\n'), (E'\n\\.'), (''), (NULL);
    CREATE TABLE floats (d float8, r real);
    INSERT INTO floats VALUES ('NaN', 'NaN'), ('Infinity', '-Infinity'), ('-0', '-0'), (1.7976931348623157e308, 3.4028235e38),
        (5e-324, 1e-45), (2.2250738585072014e-308, 1.1754944e-38), (0.1 + 0.2, 0.1), (-1e-5, 1e15), (pi(), exp(1));
    CREATE TABLE numerics (n numeric, s numeric(30, 10));
    INSERT INTO numerics VALUES ('NaN', 'NaN'), (10::numeric ^ 1000 + 0.5, -99999999999999999999.9999999999), (('1e-16383')::numeric, 0.0000000001),
        (repeat('9', 131072)::numeric, 0), ('-0.00', '1.50');
    CREATE TABLE integers (s smallint, i int, b bigint, o oid);
    INSERT INTO integers VALUES (-32768, -2147483648, -9223372036854775808, 4294967295), (32767, 2147483647, 9223372036854775807, 0);
    CREATE TABLE moments (d date, t timestamp, z timestamptz, i time, o timetz);
    INSERT INTO moments VALUES ('infinity', '-infinity', 'infinity', '24:00', '00:00-15:59:59'),
        ('4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-02 00:00:00+00 BC', '00:00', '24:00+15:59:59'),
        ('5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '23:59:59.999999', '12:00:00.1+05:30'),
        ('epoch', 'epoch', 'epoch', NULL, NULL), ('0001-01-01 BC', '0001-01-01 12:34:56.7 BC', '1883-11-18 12:03:58-07:52:58', NULL, NULL);
    CREATE TABLE intervals (i interval, s interval day to second(3));
    INSERT INTO intervals VALUES ('1 mon -1 day +00:00:01', '-1 day +1:00'), ('-1 year -2 mons +3 days -04:05:06.789', '1.2345 s'),
        ('178000000 years', '-106751990 days'), ('-178000000 years', '0'), ('@ 1 year 2 mons -3 days 4 hours ago', NULL), ('-0.000001 s', '23:59:59.9996');
    CREATE TABLE monies (m money); INSERT INTO monies VALUES ('-92233720368547758.08'), ('92233720368547758.07'), ('-0.01'), (0), (NULL);
    CREATE TYPE pair AS (a text, b numeric); CREATE TYPE nested AS (p pair, l pair[], "odd ""name" text[]);
    CREATE TYPE texts AS RANGE (subtype = text, collation = "C"); CREATE TYPE mood AS ENUM ('', ' ', 'NULL', 'a"b\c,{}()');
    CREATE TABLE composed (n nested, a text[], m mood[], r texts, rr texts[], i int4range, t tstzrange, u numrange);
    INSERT INTO composed VALUES
        (ROW(ROW(E'a"b\\c,()', 1.0), ARRAY[ROW('', NULL), ROW(NULL, 'NaN'), NULL]::pair[], ARRAY['NULL', NULL, '', E'\n\t{}"'']'])::nested,
            ARRAY[['a', 'NULL'], [NULL, E'\\']], ARRAY['NULL', '', ' ', E'a"b\\c,{}()']::mood[], texts(E'["\\', ']', '()'), ARRAY[texts(NULL, ''), 'empty'],
            '[-2147483648,)', '[-infinity,infinity)', '(,0.5]'),
        (NULL, '[-1:1]={a,b,c}', '{}', 'empty', '{}', 'empty', '(,)', 'empty'), (ROW(NULL, NULL, NULL)::nested, '{{{"\\\\"}}}', NULL, '(,)', '{"(,)"}', NULL, NULL, NULL);
    CREATE TABLE documents (j json, b jsonb, x uuid, n inet, c cidr, m macaddr8, v varbit, f bit(7), p point, g polygon, t tsvector, q tsquery);
    INSERT INTO documents VALUES ('{ "a" : "\u0000\n\\.\t\"", "a": 1e5, "\\.":"\ud83d\ude00" }', '{"a": "\n\\.\t\"", "b": 1e400, "c": [null, "", {"\\": "\u001f"}]}',
        'ffffffff-0000-ffff-0000-ffffffffffff', '::ffff:1.2.3.4/96', '10/8', '08:00:2b:01:02:03:04:05', B'', B'1010101', '(NaN,-Infinity)', '((0,0),(1e300,1),(-0,3))',
        $v$'a'':1A 'it''''s\\':2B,3C$v$, $q$'a\\' & !( 'b''' <-> c:*AB )$q$), ('null', '"\\."', NULL, '::', '::/0', NULL, B'01', NULL, NULL, NULL, '', '');
    CREATE DOMAIN positive AS numeric CHECK (VALUE > 0); CREATE DOMAIN positives AS positive[] CHECK (cardinality(VALUE) < 9); CREATE DOMAIN paired AS pair;
    CREATE TABLE domains (a positive NOT NULL, b positives, c paired); INSERT INTO domains VALUES (1.50, '{1,NULL,2.000}', ROW('"', 1)), ('NaN', NULL, NULL);
    CREATE TABLE made (gone1 int DEFAULT 1, a int, t text GENERATED ALWAYS AS (repeat('x', a)) STORED, gone2 text DEFAULT 'x', b text, i int GENERATED BY DEFAULT AS IDENTITY);
    INSERT INTO made (a, b) SELECT n, E'\\.' FROM generate_series(0, 50) n; ALTER TABLE made DROP COLUMN gone1, DROP COLUMN gone2;
    ALTER TABLE made ADD COLUMN late text DEFAULT E'late \\.', ADD COLUMN later timestamptz DEFAULT 'epoch'; INSERT INTO made (a, late) VALUES (99, NULL);
    CREATE TABLE bytes (id int, b bytea, c "char");
    INSERT INTO bytes SELECT n, decode(repeat(lpad(to_hex(n), 2, '0'), 3), 'hex'), CASE WHEN n < 128 THEN chr(greatest(n, 1))::"char" END FROM generate_series(0, 255) n;
    DO $$ BEGIN FOR n IN 1..300 LOOP EXECUTE format('CREATE TABLE empty_%s (id int, v text)', n); END LOOP; END $$;
"#;

/// Only from 14 on.
const EXTREMES_14: &str = "
    INSERT INTO numerics VALUES ('Infinity', NULL), ('-Infinity', NULL);
    CREATE TABLE multiranges (a int4multirange, b texts_multirange); INSERT INTO multiranges VALUES ('{[1,2),(5,)}', '{[\"\\\\\",\"]\"]}'), ('{}', NULL);
    CREATE TABLE packed (t text COMPRESSION pglz); INSERT INTO packed VALUES (repeat('packed', 100000));";

#[tokio::test]
async fn rows_wide_large_and_odd_come_back_whole() {
    for major in ["13", "18"] {
        let (database, target) = (Database::create(major).await, Database::create(major).await);
        let columns: Vec<String> = (1..=1600).map(|n| format!("c{n} bool")).collect();
        let values = vec!["true"; 1600].join(", ");
        let nulls = vec!["NULL"; 1599].join(", ");
        let broad = format!(
            "CREATE TABLE broad ({}); INSERT INTO broad VALUES ({values}), (false, {nulls});",
            columns.join(", ")
        );
        let more = if major == "13" { "" } else { EXTREMES_14 };
        database.run(&format!("{broad} {EXTREMES} {}", more)).await;
        let dumped = assert_whole(&database, &target, &connect(&database), "UTF8").await;
        let counts =
            ["broad", "no_columns", "lost_all", "large", "end_alone", "made"].map(|table| dumped.rows_of(table));
        assert_eq!(counts, [2, 3, 2, 2, 5, 52], "{major}");
    }
}
