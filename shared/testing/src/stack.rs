//! What `make stack-up` started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Clone, Debug, Deserialize)]
pub struct Stack {
    /// The S3 server that enforces Object Lock.
    pub s3_endpoint: Option<String>,
    /// Everything else of AWS.
    pub aws_endpoint: Option<String>,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub account_id: String,
    /// By major version.
    pub postgres: BTreeMap<String, Server>,
    pub psql: Option<PathBuf>,
    pub pg_dump: Option<PathBuf>,
    /// A Python that has the official Encryption SDK.
    pub python_esdk: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    /// The certificate that signed the server's.
    pub ca: PathBuf,
    /// The server's own programs.
    pub bin: PathBuf,
}

static STACK: LazyLock<Stack> = LazyLock::new(|| {
    let folder = std::env::var_os("OFFSITE_LOCAL_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.local")), PathBuf::from);
    let path = folder.join("stack.json");
    let text = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make stack-up` first, or `make test`", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
});

/// The running stack.
pub fn stack() -> &'static Stack {
    &STACK
}
