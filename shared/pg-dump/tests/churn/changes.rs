//! What another session does all the time. Each change leaves what `one_moment` looks for as it was.

use std::time::{Duration, Instant};

use testing::postgres::Database;
use tokio_postgres::Client;

/// An error of a dump says one of these.
pub const NAMES: [&str; 12] =
    ["turn", "accounts", "refilled", "comes", "shape", "mark", "seen", "answer", "parts", "whole", "numbers", "orphan"];

pub const ACCOUNTS: i64 = 2000;
pub const BALANCE: i64 = 100;
pub const REFILLED: usize = 400;

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, note text);
    INSERT INTO accounts SELECT n, 100, repeat('n', 60) FROM generate_series(1, 2000) n;
    CREATE INDEX accounts_by_balance ON accounts (balance);
    CREATE TABLE refilled (batch int, n int);
    INSERT INTO refilled SELECT 0, n FROM generate_series(1, 400) n;
    CREATE TABLE shape (id int PRIMARY KEY);
    INSERT INTO shape SELECT generate_series(1, 50);
    CREATE TABLE mark (generation int);
    INSERT INTO mark VALUES (0);
    COMMENT ON TABLE mark IS 'generation 0';
    CREATE VIEW seen AS SELECT 0 AS generation;
    CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 0';
    CREATE TABLE parts (k int NOT NULL, v text) PARTITION BY RANGE (k);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
    INSERT INTO parts SELECT n, 'v' FROM generate_series(1, 199) n;
    CREATE TABLE parts_state (attached boolean);
    INSERT INTO parts_state VALUES (true);
    CREATE TABLE numbered (id int);
    CREATE SEQUENCE numbers;";

/// The session that changes things, and what it went through.
pub struct Changes {
    client: Client,
    generation: u32,
    pub made: u32,
    /// The longest that one statement took, and which.
    pub longest: (Duration, String),
}

impl Changes {
    pub async fn begin(database: &Database) -> Self {
        database.run(SCHEMA).await;
        Self { client: database.connect().await, generation: 0, made: 0, longest: (Duration::ZERO, String::new()) }
    }

    /// The next change. An error of it is one of the test: a dump must not make anyone fail.
    pub async fn make_one(&mut self) {
        self.generation += 1;
        let g = self.generation;
        let (from, to) = (g * 37 % 2000 + 1, g * 91 % 2000 + 1);
        let several = match g % 19 {
            0 => format!("CREATE TABLE comes_{g} AS SELECT generate_series(1, 50) n"),
            1 => format!("DROP TABLE IF EXISTS comes_{}", g - 1),
            2 => "REINDEX TABLE accounts".to_owned(),
            3 => format!("BEGIN; ALTER TABLE shape ADD COLUMN c{g} int DEFAULT {g}; COMMIT"),
            4 => format!("ALTER TABLE shape DROP COLUMN c{}", g - 1),
            5 => "VACUUM FULL accounts".to_owned(),
            6 => "CLUSTER accounts USING accounts_by_balance".to_owned(),
            7 => "ALTER TABLE accounts ADD COLUMN random float DEFAULT random()".to_owned(),
            8 => "ALTER TABLE accounts DROP COLUMN random".to_owned(),
            9 => detach(),
            10 => "BEGIN; ALTER TABLE parts ATTACH PARTITION parts_1 FOR VALUES FROM (0) TO (100);
                   UPDATE parts_state SET attached = true; COMMIT"
                .to_owned(),
            11 => format!(
                "BEGIN; CREATE SCHEMA whole_{g}; CREATE TABLE whole_{g}.t (id serial PRIMARY KEY, v text DEFAULT 'x');
                 INSERT INTO whole_{g}.t SELECT generate_series(1, 20);
                 CREATE VIEW whole_{g}.v AS SELECT * FROM whole_{g}.t;
                 CREATE TYPE whole_{g}.e AS ENUM ('a'); CREATE INDEX ON whole_{g}.t (v);
                 CREATE FUNCTION whole_{g}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMIT"
            ),
            12 => format!("DROP SCHEMA whole_{} CASCADE", g - 1),
            13 => format!(
                "BEGIN; INSERT INTO numbered SELECT nextval('numbers') FROM generate_series(1, 5); COMMIT;
                 CREATE SEQUENCE orphan_{g}; ALTER SEQUENCE orphan_{g} INCREMENT 5"
            ),
            14 => format!("DROP SEQUENCE orphan_{}; REINDEX INDEX accounts_by_balance", g - 1),
            15 | 17 => format!(
                "BEGIN; CREATE OR REPLACE VIEW seen AS SELECT {g} AS generation;
                 CREATE OR REPLACE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT {g}';
                 UPDATE mark SET generation = {g}; COMMENT ON TABLE mark IS 'generation {g}';
                 {}; COMMIT",
                if g.is_multiple_of(2) {
                    "GRANT SELECT ON mark TO PUBLIC"
                } else {
                    "REVOKE SELECT ON mark FROM PUBLIC"
                }
            ),
            _ => format!(
                "BEGIN; TRUNCATE refilled; INSERT INTO refilled SELECT {g}, n FROM generate_series(1, 400) n; COMMIT;
                 BEGIN; UPDATE accounts SET balance = balance - 7 WHERE id = {from};
                 UPDATE accounts SET balance = balance + 7 WHERE id = {to}; COMMIT"
            ),
        };
        for statement in several.split(';').map(str::trim) {
            let began = Instant::now();
            let made = self.client.batch_execute(statement).await;
            made.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
            if began.elapsed() > self.longest.0 {
                self.longest = (began.elapsed(), statement.to_owned());
            }
        }
        self.made += 1;
        tokio::time::sleep(Duration::from_millis(u64::from(g * 7 % 100))).await;
    }
}

fn detach() -> String {
    "BEGIN; ALTER TABLE parts DETACH PARTITION parts_1; UPDATE parts_state SET attached = false; COMMIT".to_owned()
}
