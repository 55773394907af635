//! One connection that reads tables back.

use std::sync::Arc;

use pg_client::{ConnectOptions, Session};
use sql_text::quote::{identifiers, literal, qualified};
use sql_volume::{DigestSeed, RowDigest, RowsInPieces};
use tokio_postgres::Client;

use crate::compare::Relations;
use crate::configuration::conditions;
use crate::error::Error;
use crate::failure::{Failure, Rows};
use crate::session;

/// The settings under which the backup's rows became text.
pub(crate) const SETTINGS: &str = "\
    SET client_encoding = 'UTF8'; SET search_path = ''; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET timezone = 'UTC'; SET lc_monetary = 'C'; \
    SET row_security = off; SET standard_conforming_strings = on";

/// How much is read at once: what is digested while the processor has it at hand.
const PIECE: usize = 64 << 10;

/// Schema and name.
pub(crate) type Name = (String, String);

/// Some rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) table: Name,
    pub(crate) columns: Arc<Vec<String>>,
    /// The first page, and the one behind the last; none for all that follow.
    pub(crate) pages: (u64, Option<u64>),
    /// What selects the rows that are the database's, if an extension has others there: then of all pages.
    pub(crate) condition: Option<String>,
    /// Row security is forced upon its owner, who reads it.
    pub(crate) forced: bool,
}

/// Reads tables back.
pub(crate) struct Reader {
    session: Session,
    encoding: String,
    seed: DigestSeed,
    /// Whether all is one transaction.
    transaction: bool,
}

impl Reader {
    pub(crate) async fn connect(options: &ConnectOptions, encoding: &str, seed: DigestSeed) -> Result<Self, Error> {
        let failed = |source| Error::Step { act: "prepare to read back what was restored".to_owned(), source };
        let session = session::open(options).await.map_err(failed)?;
        let settings = format!("{SETTINGS}; SET default_transaction_read_only = on");
        if let Err(error) = session.client.batch_execute(&settings).await {
            return Err(failed(Failure::of(&session, error, Rows::None)));
        }
        Ok(Self { transaction: false, ..Self::over(session, encoding, seed) })
    }

    /// Over a session whose settings are right, within its transaction.
    pub(crate) fn over(session: Session, encoding: &str, seed: DigestSeed) -> Self {
        Self { session, encoding: encoding.to_owned(), seed, transaction: true }
    }

    pub(crate) fn into_session(self) -> Session {
        self.session
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn client(&self) -> &Client {
        &self.session.client
    }

    /// What tables there are, as far as reading them back asks.
    pub(crate) async fn relations(&self) -> Result<Relations, Error> {
        let failed = |error| Error::Step {
            act: "look for the tables that were restored".to_owned(),
            source: Failure::of(&self.session, error, Rows::None),
        };
        let conditions = conditions(&self.session).await.map_err(failed)?;
        let forced = self.client().query(FORCED, &[]).await.map_err(failed)?;
        let forced = forced.iter().map(|row| (row.get(0), row.get(1))).collect();
        let mut relations = Relations { partitions: Default::default(), pages: Default::default(), conditions, forced };
        for row in self.client().query(PARTITIONS, &[]).await.map_err(failed)? {
            let leaves = relations.partitions.entry((row.get(0), row.get(1))).or_default();
            leaves.extend(row.get::<_, Option<String>>(2).zip(row.get(3)));
        }
        for row in self.client().query(PAGES, &[]).await.map_err(failed)? {
            relations.pages.insert((row.get(0), row.get(1)), row.get::<_, i64>(2).unsigned_abs());
        }
        Ok(relations)
    }

    /// The digest of what a piece holds.
    pub(crate) async fn read(&self, piece: &Piece) -> Result<RowDigest, Error> {
        let (schema, table) = &piece.table;
        let rows = match (&piece.condition, piece.pages) {
            (Some(condition), _) => condition.clone(),
            (None, (0, None)) => String::new(),
            (None, (from, None)) => format!(" WHERE ctid >= '({from},0)'"),
            (None, (from, Some(to))) => format!(" WHERE ctid >= '({from},0)' AND ctid < '({to},0)'"),
        };
        let sql = format!(
            "COPY (SELECT {} FROM ONLY {}{rows}) TO STDOUT WITH (ENCODING {})",
            identifiers(&*piece.columns),
            qualified(schema, table),
            literal(&self.encoding)
        );
        let mut digest = RowsInPieces::new(self.seed);
        let reading = async {
            let forced_again = if piece.forced { Some(self.lift(&qualified(schema, table)).await?) } else { None };
            let mut copying = self.session.copy_out(&sql).await?;
            let mut text = Vec::new();
            while copying.read(&mut text, PIECE).await? {
                digest.add(&text);
                text.clear();
            }
            digest.add(&text);
            match forced_again {
                Some(back) => self.client().batch_execute(back).await,
                None => Ok(()),
            }
        };
        reading.await.map_err(|error| Error::Step {
            act: format!("read back table {schema}.{table}"),
            source: Failure::of(&self.session, error, Rows::AtHand),
        })?;
        Ok(digest.end())
    }

    /// Lifts the row security that is forced upon a table's owner, which hides its rows. Returns what undoes that.
    async fn lift(&self, table: &str) -> Result<&'static str, tokio_postgres::Error> {
        let (begin, back) = match self.transaction {
            true => ("SAVEPOINT offsite_read", "ROLLBACK TO SAVEPOINT offsite_read; RELEASE SAVEPOINT offsite_read"),
            false => ("BEGIN READ WRITE", "ROLLBACK"),
        };
        let sql = format!("{begin}; ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY");
        self.client().batch_execute(&sql).await.map(|()| back)
    }

    /// Number of large objects.
    pub(crate) async fn large_objects(&self) -> Result<u64, Error> {
        let counted = self.client().query_one("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata", &[]).await;
        let counted = counted.map(|row| row.get::<_, i64>(0).unsigned_abs());
        counted.map_err(|error| Error::Step {
            act: "count the large objects".to_owned(),
            source: Failure::of(&self.session, error, Rows::None),
        })
    }

    /// From now on it may write.
    pub(crate) async fn writable(&self) -> Result<(), Failure> {
        self.execute("SET default_transaction_read_only = off").await
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), Failure> {
        self.client().batch_execute(sql).await.map_err(|error| Failure::of(&self.session, error, Rows::AtHand))
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }
}

/// Every partitioned table with its leaves; a row without a leaf if it has none.
const PARTITIONS: &str = "\
    SELECT rn.nspname::text, r.relname::text, leaf.schema, leaf.name \
    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace \
    LEFT JOIN LATERAL (SELECT n.nspname::text AS schema, l.relname::text AS name \
    FROM pg_catalog.pg_partition_tree(r.oid) t JOIN pg_catalog.pg_class l ON l.oid = t.relid AND l.relkind = 'r' \
    JOIN pg_catalog.pg_namespace n ON n.oid = l.relnamespace) leaf ON true \
    WHERE r.relkind = 'p'";

/// Tables of this role's whose rows it sees only as far as policies let it.
const FORCED: &str = "\
    SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relforcerowsecurity \
    AND pg_catalog.row_security_active(c.oid) AND pg_catalog.pg_has_role(c.relowner, 'USAGE')";

/// Heaps of more than 64 MiB, and their pages, where the server finds a range of them without reading the others.
const PAGES: &str = "\
    SELECT n.nspname::text, c.relname::text, pages FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_am a ON a.oid = c.relam \
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int AS pages) p \
    WHERE c.relkind = 'r' AND a.amname = 'heap' AND pages > 8192 AND n.nspname !~ '^pg_' \
    AND pg_catalog.current_setting('server_version_num')::int >= 140000";
