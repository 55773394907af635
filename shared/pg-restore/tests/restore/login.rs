//! Who restores: a superuser, or a role as a managed server such as Amazon RDS gives it to its customers.

use testing::postgres::server;
use testing::stack::Server;
use testing::unique;

/// Who restores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Superuser,
    /// A role that may create databases and roles, and no more.
    Master,
}

/// A role of a test's own, dropped when this value goes: nothing may be its own then.
pub(crate) struct Master {
    pub(crate) server: Server,
    pub(crate) name: String,
}

impl Master {
    pub(crate) async fn new(major: &str) -> Self {
        let (server, name) = (server(major), unique("master_"));
        let admin = server.connect("postgres").await;
        admin.batch_execute(&format!("CREATE ROLE {name} LOGIN PASSWORD 'x' CREATEDB CREATEROLE")).await.unwrap();
        Self { server, name }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        self.server.url_as(&self.name, "x", database)
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
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

/// Tests that are run by either.
macro_rules! by_anyone {
    ($($(#[$doc:meta])* async fn $name:ident($login:ident: Login) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn test($login: Login) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn by_superuser() {
                test(Login::Superuser).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn by_master_of_a_managed_server() {
                test(Login::Master).await;
            }
        }
    )*};
}

pub(crate) use by_anyone;
