//! The sessions of a dump: their settings, and what is told of their failures.

use pg_client::Session;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::error::Error;

/// What a dump has to know of the server before anything else.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// `server_version_num`.
    pub(crate) version: u32,
    /// `server_encoding`.
    pub(crate) encoding: String,
    /// Whether it is a standby.
    pub(crate) in_recovery: bool,
    /// Bytes per page.
    pub(crate) page_bytes: u64,
    /// Our role.
    pub(crate) role: String,
    /// `pg_postmaster_start_time()`: tells two servers apart behind one address.
    started: String,
    /// Settings that this server knows, of those that not each minor version does.
    optional: Vec<String>,
}

/// The settings of every transaction of a dump (the values that make COPY's text and the catalog functions' text
/// independent of the server's configuration). Set with SET LOCAL, which transaction poolers carry too.
const SETTINGS: [(&str, &str); 20] = [
    ("search_path", ""),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "3"),
    ("TimeZone", "UTC"),
    ("lc_monetary", "C"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
    ("quote_all_identifiers", "off"),
    // An error rather than a part of the rows.
    ("row_security", "off"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    // COPY gives rows in the order of their pages, which naming a row by its number relies on.
    ("synchronize_seqscans", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
    ("client_min_messages", "warning"),
    ("xmloption", "content"),
    ("default_tablespace", ""),
    ("check_function_bodies", "off"),
];

/// Settings of later versions: 17, and the minor versions of August 2024.
const OPTIONAL: [(&str, &str); 2] =
    [("transaction_timeout", "0"), ("restrict_nonsystem_relation_kind", "view,foreign-table")];

impl Server {
    pub(crate) async fn read(client: &Client) -> Result<Self, Error> {
        let names: Vec<&str> = OPTIONAL.iter().map(|(name, _)| *name).collect();
        let row = client
            .query_one(
                "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'),
                        pg_catalog.pg_is_in_recovery(), current_setting('block_size')::int4, current_user::text,
                        pg_catalog.pg_postmaster_start_time()::text,
                        ARRAY(SELECT name FROM pg_catalog.pg_settings WHERE name = ANY ($1))",
                &[&names],
            )
            .await
            .map_err(query("read the server's version"))?;
        Ok(Self {
            version: row.get::<_, i32>(0).cast_unsigned(),
            encoding: row.get(1),
            in_recovery: row.get(2),
            page_bytes: u64::from(row.get::<_, i32>(3).cast_unsigned()),
            role: row.get(4),
            started: row.get(5),
            optional: row.get(6),
        })
    }

    /// Whether the executor reads a range of ctids without reading the whole table (Tid Range Scan).
    pub(crate) fn scans_ctid_ranges(&self) -> bool {
        self.version >= 140_000
    }

    /// `SET LOCAL` of all [`SETTINGS`].
    pub(crate) fn settings(&self) -> String {
        let optional = OPTIONAL.iter().filter(|(name, _)| self.optional.iter().any(|known| known == name));
        SETTINGS.iter().chain(optional).map(|(name, value)| format!("SET LOCAL {name} = '{value}';\n")).collect()
    }

    /// Begins a dump's transaction. Takes no snapshot yet.
    pub(crate) async fn begin(&self, session: &Session, act: &str) -> Result<(), Error> {
        let sql = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n{}", self.settings());
        session.client.batch_execute(&sql).await.map_err(|error| fault(session, act, error))
    }

    /// Begins a transaction that sees what the exporter of `snapshot` sees, on the same server.
    pub(crate) async fn begin_with(&self, session: &Session, snapshot: &str) -> Result<(), Error> {
        let act = "import the snapshot";
        let started = session
            .client
            .query_one("SELECT pg_catalog.pg_postmaster_start_time()::text", &[])
            .await
            .map_err(|error| fault(session, act, error))?;
        if started.get::<_, &str>(0) != self.started {
            return Err(Error::AnotherServer);
        }
        let sql = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSET TRANSACTION SNAPSHOT {};\n{}",
            sql_text::quote::literal(snapshot),
            self.settings()
        );
        session.client.batch_execute(&sql).await.map_err(|error| fault(session, act, error))
    }
}

/// Says what was being done when a statement failed.
pub(crate) fn query(act: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Error {
    move |source| Error::Query { act: act.into(), source }
}

/// As [`query`], and why the connection ended, if it did.
pub(crate) fn fault(session: &Session, act: impl Into<String>, source: tokio_postgres::Error) -> Error {
    let act = act.into();
    let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].iter().any(|code| source.code() == Some(code));
    // A standby cancels what runs, and ends a session that only holds a snapshot.
    if source.code().or_else(|| session.lost_code()) == Some(&SqlState::T_R_SERIALIZATION_FAILURE) {
        return Error::RecoveryConflict { act, source };
    }
    if source.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) {
        return Error::NotUtf8 { act, source };
    }
    if source.code().is_none() || ended {
        return Error::Lost { act, reason: session.why_lost().map(str::to_owned), source };
    }
    Error::Query { act, source }
}
