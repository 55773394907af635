//! A server of a test's own on a disk that is soon full: a file system in memory, mounted where nobody but the server sees it.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::postgres::server;
use crate::stack::Server;
use crate::unprivileged::{free_port, give_away, path, unprivileged, write};

/// A user namespace, in which an ordinary user may mount. PostgreSQL refuses to be its root, so it is nobody there.
const NAMESPACE: [&str; 6] = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--keep-caps", "--mount"];

/// Folder, mebibytes, the server's programs. Only the databases are on the small disk: without room for its log and its state, a server stops.
const START: &str = r#"
"$3/initdb" -D "$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync
cp "$1/postgresql.conf" "$1/data/postgresql.conf"
mv "$1/data/base" "$1/base"
mkdir -m 700 "$1/data/base"
mount -t tmpfs -o mode=700,size="$2m" tmpfs "$1/data/base"
cp -a "$1/base/." "$1/data/base"
exec "$3/postgres" -D "$1/data"
"#;

/// Little memory: blocks that can't be written any more come to be in the way of those who need a place there.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 8500kB
max_wal_size = 64MB
autovacuum = off
fsync = off
";

/// Ended with this value.
pub struct SmallDisk {
    pub server: Server,
    process: Child,
    folder: TempDir,
}

impl SmallDisk {
    /// The databases of a new cluster take some 23 MiB of them. `None`, and a line that says so, where ordinary users may not mount.
    pub async fn start(major: &str, mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        give_away(folder.path());
        let try_it = [&NAMESPACE[..], &["mount", "-t", "tmpfs", "tmpfs", path(folder.path())]].concat();
        let tried = unprivileged(&try_it).output();
        if !tried.as_ref().is_ok_and(|output| output.status.success()) {
            // Not by a macro: what a test prints so is only shown when it fails.
            let _ =
                writeln!(std::io::stderr(), "SKIPPED, no disk of its own for a server (user namespaces): {tried:?}");
            return None;
        }
        let server = Server {
            port: free_port(),
            host: "127.0.0.1".to_owned(),
            user: "postgres".to_owned(),
            password: "none".to_owned(),
            ..server(major)
        };
        write(&folder.path().join("postgresql.conf"), &format!("{SETTINGS}port = {}\n", server.port));
        let size = mebibytes.to_string();
        let shell = ["sh", "-ec", START, "sh", path(folder.path()), &size, path(&server.bin)];
        let log = std::fs::File::create(folder.path().join("log")).expect("the folder takes a file");
        let mut command = unprivileged(&[&NAMESPACE[..], &shell].concat());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("the server starts");
        let mut disk = Self { server, process, folder };
        disk.until_it_answers().await;
        Some(disk)
    }

    async fn until_it_answers(&mut self) {
        let began = Instant::now();
        while tokio_postgres::connect(&self.server.url("postgres"), tokio_postgres::NoTls).await.is_err() {
            let ended = self.process.try_wait().expect("a process of ours");
            if ended.is_some() || began.elapsed() > Duration::from_secs(60) {
                let log = std::fs::read_to_string(self.folder.path().join("log"));
                panic!("the server does not answer ({ended:?}): {log:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // At once; its own children end with it, and what is mounted goes with the last of them.
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}
