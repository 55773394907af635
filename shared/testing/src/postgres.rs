//! Databases of a test's own on the stack's servers.

use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use crate::stack::{Server, stack};
use crate::unique;

/// The majors that every dump is proved on.
pub const MAJORS: [&str; 6] = ["13", "14", "15", "16", "17", "18"];
/// The major of tests for which it doesn't matter.
pub const USUAL: &str = "17";

/// A new, empty database, dropped with everything in it when this value goes.
pub struct Database {
    pub server: Server,
    pub name: String,
}

/// The stack's server of a major version.
pub fn server(major: &str) -> Server {
    stack().postgres.get(major).unwrap_or_else(|| panic!("the stack has no PostgreSQL {major}")).clone()
}

impl Server {
    /// A superuser's URL without TLS.
    pub fn url(&self, database: &str) -> String {
        self.url_as(&self.user, &self.password, database)
    }

    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgresql://{user}:{password}@{}:{}/{database}?sslmode=disable", self.host, self.port)
    }

    /// A superuser's connection, without TLS.
    pub async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host(&self.host).port(self.port).user(&self.user).password(&self.password).dbname(database);
        let (client, connection) = config.connect(NoTls).await.expect("connect to the stack's PostgreSQL");
        tokio::spawn(connection);
        client
    }
}

impl Database {
    pub async fn create(major: &str) -> Self {
        Self::create_with(major, "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'").await
    }

    /// `options` follow CREATE DATABASE's name.
    pub async fn create_with(major: &str, options: &str) -> Self {
        Self::create_on(server(major), options).await
    }

    /// On a server of the test's own, maybe.
    pub async fn create_on(server: Server, options: &str) -> Self {
        let name = unique("t_");
        let client = server.connect("postgres").await;
        client.batch_execute(&format!("CREATE DATABASE {name} {options}")).await.expect("CREATE DATABASE");
        Self { server, name }
    }

    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    pub async fn connect(&self) -> tokio_postgres::Client {
        self.server.connect(&self.name).await
    }

    /// Runs SQL of several statements as superuser.
    pub async fn run(&self, sql: &str) {
        self.connect().await.batch_execute(sql).await.unwrap_or_else(|error| {
            panic!("{}: {error:?}", self.name);
        });
    }
}

/// Drops them without asking their publishers.
async fn drop_subscriptions(server: &Server, database: &str) -> Result<(), tokio_postgres::Error> {
    let client = server.connect(database).await;
    let sql = "SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE); \
         DROP SUBSCRIPTION %1$I', subname) FROM pg_subscription \
         WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())";
    for row in client.query(sql, &[]).await? {
        client.batch_execute(row.get(0)).await?;
    }
    Ok(())
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let client = server.connect("postgres").await;
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                match client.batch_execute(&drop).await {
                    // A database with subscriptions is not dropped.
                    Err(error) if error.code() == Some(&SqlState::OBJECT_IN_USE) => {
                        drop_subscriptions(&server, &name).await?;
                        client.batch_execute(&drop).await
                    }
                    result => result,
                }
            })
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("no panic").expect("DROP DATABASE");
        }
    }
}
