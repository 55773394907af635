//! Programs of a test's own that refuse to run as root, as PostgreSQL does: they run as nobody, if the tests are root's.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

const UNPRIVILEGED: &str = "nobody";

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t0\t"))
}

pub(crate) fn unprivileged(arguments: &[&str]) -> Command {
    let become_nobody = ["setpriv", &format!("--reuid={UNPRIVILEGED}"), "--clear-groups", "--"].map(str::to_owned);
    let all: Vec<String> = if is_root() { become_nobody.to_vec() } else { Vec::new() }
        .into_iter()
        .chain(arguments.iter().map(|argument| (*argument).to_owned()))
        .collect();
    let mut command = Command::new(&all[0]);
    command.args(&all[1..]).current_dir("/").env("LC_ALL", "C");
    command
}

pub(crate) fn run(arguments: &[&str]) {
    let output = unprivileged(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn give_away(folder: &Path) {
    if is_root() {
        let status = Command::new("chown").arg(UNPRIVILEGED).arg(folder).status().expect("chown runs");
        assert!(status.success());
    }
}

/// Of the server's own user, as PostgreSQL wants it.
pub(crate) fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("the folder takes a file");
    give_away(file);
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
