//! Targets of a test's own, and a look at what a restore left.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pg_client::{ConnectOptions, Session};
use pg_restore::{
    Describe, Described, Error, RestoreOptions, RestoreReport, SectionSource, SourceError, Target, restore_into_new,
};
use testing::postgres::{Database, server};
use testing::stack::{Server, stack};
use testing::unique;

use crate::login::{By, Login, Master};
use crate::source::Memory;

/// Tells definitions as a backup's own dump does.
struct AsDumped;

#[async_trait]
impl Describe for AsDumped {
    async fn describe(&self, session: &Session) -> Result<Described, SourceError> {
        let pg_dump::Definitions { texts, encoding, not_told } = pg_dump::definitions(session).await?;
        Ok(Described { texts, encoding, not_told })
    }
}

/// The defaults, with everything compared.
pub(crate) fn proving() -> RestoreOptions {
    let mut options = RestoreOptions::default();
    options.describe = Some(Arc::new(AsDumped));
    options
}

/// A name on a server, free at first. Whatever got it is dropped in the end.
pub(crate) struct Place {
    pub(crate) server: Server,
    pub(crate) name: String,
    pub(crate) options: ConnectOptions,
    /// The role that restores, if it is no superuser; its database goes before it does.
    pub(crate) master: Option<Master>,
}

impl Place {
    pub(crate) fn new(major: &str) -> Self {
        Self::of(server(major), None)
    }

    pub(crate) async fn by(by: By) -> Self {
        Self::on(&server(by.major), by).await
    }

    /// On a server of the test's own, maybe.
    pub(crate) async fn on(server: &Server, by: By) -> Self {
        Self::of(server.clone(), by.role(server).await)
    }

    fn of(server: Server, master: Option<Master>) -> Self {
        let url = master.as_ref().map_or_else(|| server.url("postgres"), |master| master.url("postgres"));
        let mut options = ConnectOptions::from_url(&url).unwrap();
        options.application_name = unique("test");
        Self { server, name: unique("restored_"), options, master }
    }

    pub(crate) fn target(&self) -> Target {
        Target { options: self.options.clone(), name: self.name.clone() }
    }

    pub(crate) async fn restore(&self, source: Memory) -> Result<RestoreReport, Error> {
        self.restore_with(source, proving()).await
    }

    pub(crate) async fn restore_with(&self, source: Memory, options: RestoreOptions) -> Result<RestoreReport, Error> {
        self.restore_any(source, options).await
    }

    pub(crate) async fn restore_any(
        &self,
        source: impl SectionSource,
        options: RestoreOptions,
    ) -> Result<RestoreReport, Error> {
        let restored = restore_into_new(self.target(), source, options).await;
        self.no_session_is_left().await;
        if restored.is_err() {
            assert!(self.databases().await.is_empty(), "{:?} after {restored:?}", self.databases().await);
        } else {
            assert_eq!(self.databases().await, std::slice::from_ref(&self.name));
        }
        restored
    }

    /// Restores, expects it to fail, and returns the whole chain of messages.
    pub(crate) async fn refusal(&self, source: Memory) -> String {
        match self.restore(source).await {
            Err(error) => chain(&error),
            Ok(report) => panic!("the restore succeeded: {report:?}"),
        }
    }

    /// Databases with the name, or with a provisional one for it.
    pub(crate) async fn databases(&self) -> Vec<String> {
        let client = self.server.connect("postgres").await;
        let like = format!("{}%", self.name);
        let rows = client.query("SELECT datname::text FROM pg_database WHERE datname LIKE $1", &[&like]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Backends take a moment to see that their client is gone.
    pub(crate) async fn no_session_is_left(&self) {
        let client = self.server.connect("postgres").await;
        let sessions = "SELECT state, query FROM pg_stat_activity WHERE application_name = $1";
        for _ in 0..50 {
            if client.query(sessions, &[&self.options.application_name]).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "sessions are left open: {:?}",
            client.query(sessions, &[&self.options.application_name]).await.unwrap()
        );
    }

    /// What stock pg_dump says of what was restored, as if a superuser had.
    pub(crate) fn dumped(&self) -> Vec<u8> {
        by_superuser(self.master.as_ref(), pg_dump(&self.server, &self.name))
    }

    pub(crate) async fn query<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, sql: &str) -> T {
        self.server.connect(&self.name).await.query_one(sql, &[]).await.unwrap().get(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(Database { server: self.server.clone(), name: self.name.clone() });
    }
}

/// A dump, with the superuser as the owner of what a master owns.
pub(crate) fn by_superuser(master: Option<&Master>, dump: Vec<u8>) -> Vec<u8> {
    master.map_or(dump.clone(), |master| master.renamed(&dump))
}

/// All of a superuser's backup came back: by a master all but its owners, which are named.
pub(crate) fn assert_whole(by: By, report: &RestoreReport) {
    assert!(report.rows_equal && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
    assert!(report.left_out.is_empty(), "{report:?}");
    let refused = &report.needs_superuser;
    assert_eq!(report.equal, refused.is_empty(), "{report:?}");
    assert_eq!(by.login == Login::Master && report.tables > 0, !refused.is_empty(), "{report:?}");
    assert!(refused.iter().all(|refused| refused.contains(" OWNER TO postgres; (must be ")), "{report:?}");
}

/// A message with all its sources.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn client(program: &std::path::Path, server: &Server, database: &str, user: Option<(&str, &str)>) -> Command {
    let (user, password) = user.unwrap_or((&server.user, &server.password));
    let mut command = Command::new(program);
    command
        .env("PGHOST", &server.host)
        .env("PGPORT", server.port.to_string())
        .env("PGUSER", user)
        .env("PGPASSWORD", password)
        .env("PGDATABASE", database)
        .env("PGTZ", "UTC")
        .env("PGSSLMODE", "disable")
        .stdin(Stdio::null());
    command
}

/// What stock pg_dump says of a database, without what only this run's psql needs.
pub(crate) fn pg_dump(server: &Server, database: &str) -> Vec<u8> {
    pg_dump_as(server, database, None)
}

/// Every byte that stock pg_dump writes.
pub(crate) fn raw_dump(server: &Server, database: &str, options: &[&str]) -> Vec<u8> {
    raw_dump_as(server, database, None, options)
}

fn raw_dump_as(server: &Server, database: &str, user: Option<(&str, &str)>, options: &[&str]) -> Vec<u8> {
    let program = stack().pg_dump.as_ref().expect("the stack has pg_dump");
    let output = client(program, server, database, user).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

pub(crate) fn pg_dump_as(server: &Server, database: &str, user: Option<(&str, &str)>) -> Vec<u8> {
    let major: u32 = server_major(server);
    let mut dump = Vec::new();
    for line in raw_dump_as(server, database, user, &[]).split_inclusive(|byte| *byte == b'\n') {
        let skipped = line.starts_with(b"\\restrict ")
            || line.starts_with(b"\\unrestrict ")
            || (major < 17 && line.starts_with(b"SET transaction_timeout"));
        if !skipped {
            dump.extend_from_slice(line);
        }
    }
    dump
}

/// pg_dump is newer than the servers, and writes a setting that the older of them don't know.
fn server_major(server: &Server) -> u32 {
    let found = stack().postgres.iter().find(|(_, other)| other.bin == server.bin);
    found.expect("a server of the stack, or of the same programs").0.parse().unwrap()
}

/// Feeds a file to psql, which stops at the first error.
pub(crate) fn psql(server: &Server, database: &str, sql: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, sql).unwrap();
    let program = stack().psql.as_ref().expect("the stack has psql");
    let mut command = client(program, server, database, None);
    let output = command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
