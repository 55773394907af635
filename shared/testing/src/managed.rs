//! A server without a superuser to log in as, such as Amazon RDS.

use crate::stack::Server;
use crate::unique;

/// The role that the customers of such a server get: it may create databases and roles, and no more. Of a test's own, dropped when this
/// value goes: nothing may be its own then.
pub struct Master {
    pub server: Server,
    pub name: String,
}

impl Master {
    pub const PASSWORD: &str = "of-a-test";

    pub async fn new(server: Server) -> Self {
        let name = unique("master_");
        let admin = server.connect("postgres").await;
        admin
            .batch_execute(&format!("CREATE ROLE {name} LOGIN PASSWORD '{}' CREATEDB CREATEROLE", Self::PASSWORD))
            .await
            .unwrap();
        Self { server, name }
    }

    pub fn url(&self, database: &str) -> String {
        self.server.url_as(&self.name, Self::PASSWORD, database)
    }

    /// A dump of what it owns, with the superuser in its place.
    pub fn renamed(&self, dump: &[u8]) -> Vec<u8> {
        let (mut text, mut rest) = (Vec::with_capacity(dump.len()), dump);
        while let Some(at) = find(rest, self.name.as_bytes()) {
            text.extend_from_slice(&rest[..at]);
            text.extend_from_slice(self.server.user.as_bytes());
            rest = &rest[at + self.name.len()..];
        }
        text.extend_from_slice(rest);
        text
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = server.connect("postgres").await;
                admin.batch_execute(&format!("DROP OWNED BY {name}; DROP ROLE {name}")).await.unwrap();
            });
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("DROP ROLE");
        }
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}
