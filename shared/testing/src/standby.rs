//! A primary and a streaming standby of a test's own: on loopback, in a temporary folder, ended with this value.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::Client;

use crate::postgres::server;
use crate::stack::Server;
use crate::unprivileged::{free_port, give_away, path, run, unprivileged, write};

const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
wal_level = replica
max_wal_senders = 5
shared_buffers = 16MB
autovacuum = off
fsync = off
# A query on the standby that is in the way of the replay is soon cancelled.
max_standby_streaming_delay = '200ms'
";

pub struct Replicated {
    pub primary: Server,
    pub standby: Server,
    running: Vec<Running>,
    /// Gone after the servers.
    _folder: TempDir,
}

struct Running {
    process: Child,
    data: PathBuf,
    bin: PathBuf,
}

impl Replicated {
    /// Both are up, and the standby follows the primary.
    pub async fn start(major: &str) -> Self {
        let bin = server(major).bin;
        let folder = tempfile::tempdir().expect("a temporary folder");
        give_away(folder.path());
        let (primary, standby) = (folder.path().join("primary"), folder.path().join("standby"));
        let program = bin.join("initdb");
        let initdb = [path(&program), "-D", path(&primary), "-U", "postgres", "-A", "trust", "-E", "UTF8"];
        run(&[&initdb[..], &["--locale=C", "--no-sync"]].concat());
        let (port, standby_port) = (free_port(), free_port());
        write(&primary.join("postgresql.conf"), &format!("{SETTINGS}port = {port}\n"));
        // initdb leaves a cluster that says it can't be followed; it has to run once. A copy of one that isn't running is what
        // pg_basebackup would make, which the servers come without.
        let control = bin.join("pg_ctl");
        for act in ["start", "stop"] {
            run(&[path(&control), act, "-s", "-w", "-D", path(&primary), "-l", "/dev/null"]);
        }
        run(&["cp", "-a", path(&primary), path(&standby)]);
        write(
            &standby.join("postgresql.conf"),
            &format!(
                "{SETTINGS}port = {standby_port}\nprimary_conninfo = 'host=127.0.0.1 port={port} user=postgres'\n"
            ),
        );
        write(&standby.join("standby.signal"), "");
        let running = [primary, standby].map(|data| Running::start(&bin, data)).into();
        let at = |port| Server { port, host: "127.0.0.1".to_owned(), password: "none".to_owned(), ..server(major) };
        let replicated = Self { primary: at(port), standby: at(standby_port), running, _folder: folder };
        replicated.until_both_answer().await;
        replicated.until_replayed().await;
        replicated
    }

    async fn until_both_answer(&self) {
        let began = Instant::now();
        for server in [&self.primary, &self.standby] {
            while tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.is_err() {
                assert!(began.elapsed() < Duration::from_secs(60), "{} servers do not answer", self.running.len());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until the standby shows what the primary does now.
    pub async fn until_replayed(&self) {
        let (primary, standby) = (self.primary.connect("postgres").await, self.standby.connect("postgres").await);
        let now: String = text(&primary, "SELECT pg_current_wal_insert_lsn()::text").await;
        let sql = format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{now}', false)::text");
        let began = Instant::now();
        while text(&standby, &sql).await != "true" {
            assert!(began.elapsed() < Duration::from_secs(60), "the standby does not follow");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.expect("an answer").get(0)
}

impl Running {
    fn start(bin: &Path, data: PathBuf) -> Self {
        let mut command = unprivileged(&[path(&bin.join("postgres")), "-D", path(&data)]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { process: process.expect("postgres starts"), data, bin: bin.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // By the process id in the folder that only this server has; its own children end with it.
        let _ =
            unprivileged(&[path(&self.bin.join("pg_ctl")), "stop", "-s", "-m", "immediate", "-D", path(&self.data)])
                .status();
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
