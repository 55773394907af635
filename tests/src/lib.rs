//! A site to test on: one application's database, a vault, keys, and the two functions as they are deployed.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, missing_docs)]

pub mod files;

use serde_json::{Value, json};
use testing::lambda::Function;
use testing::managed::Master;
use testing::postgres::Database;
use testing::stack::Server;
use testing::{s3, secrets, unique};
use vault::{Listing, Vault};

pub struct Site {
    pub database: Database,
    pub bucket: String,
    pub environment: String,
    pub secret: String,
    pub wrapping_keys: String,
    pub wrapping_keys_secret: String,
}

impl Site {
    pub async fn new(major: &str) -> Self {
        Self::with(Database::create(major).await, s3::locked_bucket().await).await
    }

    pub async fn with(database: Database, bucket: String) -> Self {
        let server = &database.server;
        let secret = json!({
            "engine": "postgres", "username": server.user, "password": server.password,
            "host": server.host, "port": server.port, "dbname": database.name,
        });
        let wrapping_keys =
            json!({ "test-1": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" }).to_string();
        Self {
            secret: secrets::create(&secret.to_string()).await,
            wrapping_keys_secret: secrets::create(&wrapping_keys).await,
            wrapping_keys,
            environment: unique("test-"),
            database,
            bucket,
        }
    }

    /// Another database of the same environment, backed up into the same vault.
    pub async fn beside(&self, major: &str) -> Self {
        let beside = Self::with(Database::create(major).await, self.bucket.clone()).await;
        Self { environment: self.environment.clone(), ..beside }
    }

    fn function(&self, binary: &str) -> Function {
        Function::new(binary)
            .with("OFFSITE_ENVIRONMENT", &self.environment)
            .with("OFFSITE_VAULT_BUCKET", &self.bucket)
            .with("OFFSITE_LOCK_DAYS", "1")
            .with("OFFSITE_DATABASE_SECRET", &self.secret)
            .with("OFFSITE_SSLROOTCERT", &self.database.server.ca.display().to_string())
            .with("OFFSITE_WRAPPING_KEYS_SECRET", &self.wrapping_keys_secret)
    }

    pub fn backup(&self) -> Function {
        self.function("backup-database")
    }

    /// The backup of a bucket's files into the same vault.
    pub fn backup_files(&self, bucket: &str) -> Function {
        self.function("backup-files").with("OFFSITE_FILES_BUCKET", bucket)
    }

    pub fn restore(&self) -> Function {
        self.function("restore")
    }

    /// The same by a role that is no superuser.
    pub async fn restore_by(&self, master: &Master) -> Function {
        let server = &master.server;
        let secret = json!({
            "username": master.name, "password": Master::PASSWORD, "host": server.host, "port": server.port, "dbname": "postgres",
        });
        self.restore().with("OFFSITE_DATABASE_SECRET", &secrets::create(&secret.to_string()).await)
    }

    /// What watches the vault and checks backups; it is told of hourly backups of the database and of none of files.
    pub fn verify(&self) -> Function {
        self.function("verify").with("OFFSITE_DATABASE_HOURS", "3").with("OFFSITE_FILES_HOURS", "0")
    }

    /// A backup that must succeed; its report.
    pub async fn back_up(&self) -> Value {
        self.backup().invoke(&json!({})).await.report()
    }

    pub fn vault(&self) -> Vault {
        Vault::new(s3::client(), &self.bucket, self.environment.parse().expect("an environment's name"))
    }

    pub async fn listing(&self) -> Listing {
        self.vault().list(None).await.expect("list the vault")
    }

    /// Nothing is visible as a backup, and nothing is left open on the source's server.
    pub async fn assert_untouched(&self) {
        assert!(self.listing().await.backups.is_empty(), "a backup is visible");
        self.assert_no_sessions().await;
    }

    /// Sessions of ours may take a moment to end after their process was killed.
    pub async fn assert_no_sessions(&self) {
        let client = self.database.server.connect("postgres").await;
        for attempt in 0..50 {
            let sessions = client
                .query(
                    "SELECT query FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'offsite%'",
                    &[&self.database.name],
                )
                .await
                .expect("read pg_stat_activity");
            if sessions.is_empty() {
                return;
            }
            assert!(
                attempt < 49,
                "left open: {:?}",
                sessions.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
            );
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    pub async fn database_exists(&self, name: &str) -> bool {
        let client = self.database.server.connect("postgres").await;
        !client
            .query("SELECT FROM pg_database WHERE datname = $1", &[&name])
            .await
            .expect("read pg_database")
            .is_empty()
    }

    pub async fn drop_database(&self, name: &str) {
        let client = self.database.server.connect("postgres").await;
        client.batch_execute(&format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await.expect("DROP DATABASE");
    }

    /// What a stock `pg_dump` says of a database of this server.
    pub fn pg_dump(&self, name: &str) -> String {
        pg_dump(&self.database.server, name)
    }
}

/// What a stock `pg_dump` says of a database.
pub fn pg_dump(server: &Server, name: &str) -> String {
    let program = testing::stack::stack().pg_dump.as_ref().expect("the stack has pg_dump");
    let output =
        std::process::Command::new(program).arg(server.url(name)).env("PGTZ", "UTC").output().expect("run pg_dump");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    // The lines that differ between two dumps of the same database.
    let same = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
    text.lines().filter(same).flat_map(|line| [line, "\n"]).collect()
}
