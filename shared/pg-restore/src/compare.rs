//! What was restored, read back: equal is seen, not hoped.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::TryStreamExt;
use pg_client::{ConnectOptions, Session};
use sql_text::quote::{identifiers, literal, qualified};
use sql_volume::{DigestSeed, RowDigest, TableTotals};

use crate::error::{Difference, Error};
use crate::failure::{Failure, Rows};
use crate::session;

/// The settings under which the backup's rows became text.
const SETTINGS: &str = "\
    SET client_encoding = 'UTF8'; SET search_path = ''; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET timezone = 'UTC'; SET lc_monetary = 'C'; \
    SET row_security = off; SET standard_conforming_strings = on; SET default_transaction_read_only = on";

/// Schema and name.
type Name = (String, String);

/// Reads tables of the new database.
pub(crate) struct Reader {
    session: Session,
    encoding: String,
    seed: DigestSeed,
    /// Partitioned tables, and the partitions that hold their rows.
    partitions: BTreeMap<Name, Vec<Name>>,
}

impl Reader {
    /// `encoding` is the one of the database that was backed up.
    pub(crate) async fn connect(options: &ConnectOptions, encoding: &str, seed: DigestSeed) -> Result<Self, Error> {
        let act = || "prepare to read back what was restored".to_owned();
        let failed = |source| Error::Step { act: act(), source };
        let session = session::open(options).await.map_err(failed)?;
        let prepared = async {
            session.client.batch_execute(SETTINGS).await?;
            session.client.query(PARTITIONS, &[]).await
        };
        let rows = prepared.await.map_err(|error| failed(Failure::of(&session, error, Rows::None)))?;
        let mut partitions: BTreeMap<Name, Vec<Name>> = BTreeMap::new();
        for row in rows {
            let leaves = partitions.entry((row.get(0), row.get(1))).or_default();
            leaves.extend(row.get::<_, Option<String>>(2).zip(row.get(3)));
        }
        Ok(Self { session, encoding: encoding.to_owned(), seed, partitions })
    }

    /// Reads a table back. `recorded` are all tables that the backup has totals of: where rows were recorded for a partitioned
    /// table, they are those of its partitions that have no totals of their own.
    pub(crate) async fn table(
        &self,
        totals: &TableTotals,
        recorded: &BTreeSet<Name>,
    ) -> Result<Option<Difference>, Error> {
        let name = (totals.schema.clone(), totals.table.clone());
        let mut found = RowDigest::default();
        match self.partitions.get(&name) {
            None => self.read(&name, &totals.columns, &mut found).await?,
            Some(leaves) => {
                for leaf in leaves.iter().filter(|leaf| !recorded.contains(leaf)) {
                    self.read(leaf, &totals.columns, &mut found).await?;
                }
            }
        }
        let table = format!("{}.{}", totals.schema, totals.table);
        Ok((found != totals.digest).then_some(Difference { table, expected: totals.digest, found }))
    }

    async fn read(&self, (schema, table): &Name, columns: &[String], digest: &mut RowDigest) -> Result<(), Error> {
        let sql = format!(
            "COPY (SELECT {} FROM ONLY {}) TO STDOUT WITH (ENCODING {})",
            identifiers(columns),
            qualified(schema, table),
            literal(&self.encoding)
        );
        let reading = async {
            let mut rows = pin!(self.session.client.copy_out(&sql).await?);
            while let Some(row) = rows.try_next().await? {
                digest.add_row(self.seed, row.strip_suffix(b"\n").unwrap_or(&row));
            }
            Ok(())
        };
        reading.await.map_err(|error| Error::Step {
            act: format!("read back table {schema}.{table}"),
            source: Failure::of(&self.session, error, Rows::AtHand),
        })
    }

    /// Number of large objects.
    pub(crate) async fn large_objects(&self) -> Result<u64, Error> {
        let counted =
            self.session.client.query_one("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata", &[]).await;
        let counted = counted.map(|row| row.get::<_, i64>(0).unsigned_abs());
        counted.map_err(|error| Error::Step {
            act: "count the large objects".to_owned(),
            source: Failure::of(&self.session, error, Rows::None),
        })
    }

    /// Gathers the planner's statistics.
    pub(crate) async fn analyze(&self) -> Result<(), Failure> {
        let analyzed = self.session.client.batch_execute("SET default_transaction_read_only = off; ANALYZE").await;
        analyzed.map_err(|error| Failure::of(&self.session, error, Rows::AtHand))
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
