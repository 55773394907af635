//! The runbook's role, made by the runbook's SQL: it reads everything, and it changes nothing.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use testing::postgres::{Database, MAJORS};
use testing::stack::stack;
use testing::unique;

use crate::SHOP;
use crate::command_line::offsite;

const PAGE: &str = include_str!("../../docs/runbook/database-role.md");

/// What another role owns and keeps to itself, with a policy and a large object.
const OWNED: &str = "
    ALTER TABLE customer OWNER TO shop_owner; ALTER TABLE purchase OWNER TO shop_owner; ALTER LARGE OBJECT 424242 OWNER TO shop_owner;
    ALTER MATERIALIZED VIEW spending OWNER TO shop_owner; ALTER VIEW open_purchase OWNER TO shop_owner; ALTER TABLE event OWNER TO shop_owner;
    ALTER TABLE event_2025 OWNER TO shop_owner; ALTER TABLE event_2026 OWNER TO shop_owner; ALTER SCHEMA public OWNER TO shop_owner;
    GRANT CREATE ON DATABASE shop TO shop_owner; CREATE SCHEMA hidden AUTHORIZATION shop_owner; SET ROLE shop_owner; SET search_path = hidden;
    CREATE TABLE tenant (id serial PRIMARY KEY, who text); INSERT INTO tenant (who) VALUES ('a'), ('b');
    CREATE SEQUENCE invoice START 7; SELECT nextval('invoice');
    ALTER TABLE tenant ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON tenant USING (who = current_user);";

/// The SQL of a section of the page, in order.
fn blocks(section: &str) -> Vec<&'static str> {
    let text = PAGE.split(&format!("\n## {section}\n")).nth(1).unwrap_or_else(|| panic!("no section {section}"));
    let text = text.split("\n## ").next().unwrap();
    text.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap()).collect()
}

/// A database, and the three roles of the page under names of this test's own.
struct Shop {
    database: Database,
    role: String,
    owner: String,
    /// The administrator's URL: a superuser's, or that of a master user as RDS has it.
    administrator: String,
    master: Option<String>,
}

impl Shop {
    async fn new(major: &str, managed: bool) -> Self {
        let database = Database::create(major).await;
        let (role, owner) = (unique("backup_"), unique("owner_"));
        let mut shop = Self { administrator: database.url(), database, role, owner, master: None };
        if managed {
            // What RDS says of its roles: the master user is a member of one that may hand pg_read_all_data on.
            let (master, superuser) = (unique("master_"), unique("rds_"));
            shop.database
                .run(&format!(
                    "CREATE ROLE {superuser}; CREATE ROLE {master} LOGIN PASSWORD 'master' CREATEROLE CREATEDB; GRANT {superuser} TO {master};
                     ALTER DATABASE {} OWNER TO {master}", shop.database.name
                ))
                .await;
            if major != "13" {
                shop.database.run(&format!("GRANT pg_read_all_data TO {superuser} WITH ADMIN OPTION")).await;
            }
            shop.administrator = shop.database.server.url_as(&master, "master", &shop.database.name);
            shop.master = Some(format!("{master}, {superuser}"));
        }
        // From PostgreSQL 16 on, it matters who made the owner.
        shop.must(&shop.administrator, "CREATE ROLE shop_owner");
        shop.database.run(SHOP).await;
        shop.must(&shop.database.url(), OWNED);
        shop
    }

    fn named(&self, sql: &str) -> String {
        sql.replace("offsite_backup", &self.role)
            .replace("shop_owner", &self.owner)
            .replace("DATABASE shop ", &format!("DATABASE {} ", self.database.name))
    }

    fn psql(&self, url: &str, sql: &str) -> Output {
        let mut psql = Command::new(stack().psql.as_ref().unwrap())
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        psql.stdin.take().unwrap().write_all(self.named(sql).as_bytes()).unwrap();
        psql.wait_with_output().unwrap()
    }

    fn must(&self, url: &str, sql: &str) {
        let output = self.psql(url, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn administer(&self, sql: &str) {
        self.must(&self.administrator, sql);
    }

    fn role_url(&self) -> String {
        self.database.server.url_as(&self.role, "backup", &self.database.name)
    }

    /// The dump, or why there is none.
    fn dump(&self, url: &str) -> Result<String, String> {
        let output = offsite().args(["dump", "--jobs", "1", url]).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    async fn end(self) {
        let roles = [Some(format!("{}, {}", self.role, self.owner)), self.master.clone()];
        self.database.run(&format!("DROP OWNED BY {}, {} CASCADE", self.role, self.owner)).await;
        let server = self.database.server.clone();
        drop(self.database);
        let client = server.connect("postgres").await;
        for roles in roles.iter().flatten() {
            client.batch_execute(&format!("DROP OWNED BY {roles}; DROP ROLE {roles}")).await.unwrap();
        }
    }
}

/// All that the page says for this major and this administrator.
fn follow(shop: &Shop, major: &str) {
    if major == "13" {
        let [role, grants, member] = blocks("PostgreSQL 13")[..] else { panic!("not three blocks") };
        if shop.master.is_some() {
            shop.administer(member);
        }
        shop.administer(role);
        shop.administer(grants);
    } else {
        let [role] = blocks("PostgreSQL 14 and later")[..] else { panic!("not one block") };
        shop.administer(role);
    }
    let [schema_public] = blocks("What it may still change")[..] else { panic!("not one block") };
    shop.must(&shop.database.url(), schema_public);
    // `\password` asks for it.
    shop.administer("ALTER ROLE offsite_backup PASSWORD 'backup'");
    let missing = shop.dump(&shop.role_url()).unwrap_err();
    assert!(
        missing.contains("large object 424242") && missing.contains("row security hides rows of hidden.tenant"),
        "{missing}"
    );

    let [bypass, member] = blocks("Row level security")[..] else { panic!("not two blocks") };
    let bypassed = shop.psql(&shop.administrator, bypass);
    assert_eq!(bypassed.status.success(), shop.master.is_none(), "{}", String::from_utf8_lossy(&bypassed.stderr));
    if !bypassed.status.success() {
        shop.administer(member);
    }
    let [now, later] = blocks("Large objects")[..] else { panic!("not two blocks") };
    if bypassed.status.success() {
        let missing = shop.dump(&shop.role_url()).unwrap_err();
        assert!(missing.contains("may not read large object 424242") && !missing.contains("row security"), "{missing}");
        shop.administer(now);
        if major >= "18" {
            shop.administer(later);
        }
    }
}

async fn reads_everything_and_changes_nothing(managed: bool) {
    for major in MAJORS {
        let shop = Shop::new(major, managed).await;
        follow(&shop, major);
        let dumped = shop.dump(&shop.role_url()).unwrap();
        assert!(dumped.contains("COPY hidden.tenant") && dumped.contains("lo_put(424242"), "{major}");
        assert_eq!(dumped, shop.dump(&shop.database.url()).unwrap(), "{major}: a superuser reads something else");

        for change in ["DELETE FROM hidden.tenant", "CREATE TABLE public.mine (a int)", "DROP TABLE hidden.tenant"] {
            let refused = shop.psql(&shop.role_url(), change);
            assert!(!refused.status.success(), "{major}: {change}");
            // Past the setting, nothing is allowed but what a membership allows.
            let refused =
                shop.psql(&shop.role_url(), &format!("BEGIN; SET transaction_read_only = off; {change}; ROLLBACK"));
            assert_eq!(refused.status.success(), managed, "{major}: {change}");
        }

        // What comes later is read as well, or named.
        shop.must(
            &shop.database.url(),
            "SET ROLE shop_owner; CREATE SCHEMA later; CREATE TABLE later.t (a serial); INSERT INTO later.t DEFAULT VALUES; SELECT lo_create(424243)",
        );
        let dumped = shop.dump(&shop.role_url());
        if managed || major >= "18" {
            assert!(dumped.unwrap().contains("COPY later.t"), "{major}");
        } else {
            assert!(dumped.unwrap_err().contains("may not read large object 424243 HINT"), "{major}");
        }
        shop.end().await;
    }
}

#[tokio::test]
async fn role_of_the_runbook_dumps_the_same_as_a_superuser_and_changes_nothing() {
    reads_everything_and_changes_nothing(false).await;
}

#[tokio::test]
async fn master_user_without_superuser_makes_the_role_of_the_runbook() {
    reads_everything_and_changes_nothing(true).await;
}
