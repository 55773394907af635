//! Roles and a database with properties of all kinds, and what the server says of them.

use std::process::{Command, Stdio};

use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions, Warning};
use sql_text::quote::{identifier, literal};
use testing::stack::{Server, stack};
use testing::unique;

/// How a server words that another session was at the same rows of a catalog: clusters of other tests change those that all
/// databases share.
const RACED: [&str; 2] = ["tuple concurrently", "cache lookup failed for parameter ACL"];

/// All names begin alike, since roles are the whole server's.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    pub(crate) database: String,
    major: u32,
    prefix: String,
}

impl Cluster {
    pub(crate) async fn new(major: &str, prefix: &str) -> Self {
        Self::with(major, prefix, true).await
    }

    /// Without what only a superuser can give.
    pub(crate) async fn with(major: &str, prefix: &str, superuser: bool) -> Self {
        let server = testing::postgres::server(major);
        // The database's name is as hostile, and must fit into 63 bytes.
        let prefix = unique(prefix);
        let cluster = Self { server, database: format!("{prefix}_"), major: major.parse().unwrap(), prefix };
        cluster.fill(superuser).await;
        cluster
    }

    async fn fill(&self, superuser: bool) {
        let name = |name: &str| identifier(&self.role(name)).into_owned();
        let (owner, app, readers, boss) = (name("owner"), name("app"), name("readers"), name("boss"));
        let database = self.quoted_database();
        self.run(&format!(
            "CREATE ROLE {owner}; CREATE ROLE {readers} NOINHERIT; CREATE ROLE {boss} CREATEROLE; \
             CREATE ROLE {app} LOGIN PASSWORD 'secret' CREATEDB CONNECTION LIMIT 7 VALID UNTIL '2031-05-06 07:08:09.5+00'; \
             COMMENT ON ROLE {readers} IS E'it''s \\n\\\\! $$ :x'; \
             ALTER ROLE {app} SET search_path = app, \"$user\", \"We \"\"ird\"; ALTER ROLE {app} SET work_mem = '12345kB'; \
             ALTER ROLE {readers} SET DateStyle = 'SQL, DMY'; \
             GRANT {owner} TO {boss} WITH ADMIN OPTION; GRANT {readers} TO {owner}, {app}; \
             SET SESSION AUTHORIZATION {boss}; GRANT {owner} TO {app}; RESET SESSION AUTHORIZATION",
        ))
        .await;
        if self.major >= 16 {
            let made = name("made");
            let sql = format!(
                "GRANT {readers} TO {boss} WITH INHERIT FALSE, SET FALSE; SET SESSION AUTHORIZATION {boss}; CREATE ROLE {made}; \
                 RESET SESSION AUTHORIZATION; GRANT {made} TO {owner} WITH SET FALSE"
            );
            self.run(&sql).await;
        }
        if superuser {
            self.run(&format!("GRANT pg_monitor TO {readers}; GRANT {readers} TO pg_signal_backend; ALTER ROLE {boss} REPLICATION BYPASSRLS")).await;
        }
        if superuser && self.major >= 15 {
            let sql = format!(
                "GRANT SET ON PARAMETER log_statement TO {boss} WITH GRANT OPTION; GRANT ALL ON PARAMETER \"my.odd\" TO {boss}"
            );
            self.run(&sql).await;
        }
        self.run(&format!("CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"))
            .await;
        self.run(&format!(
            "ALTER DATABASE {database} OWNER TO {owner}; ALTER DATABASE {database} CONNECTION LIMIT 55; \
             REVOKE ALL ON DATABASE {database} FROM PUBLIC; GRANT CONNECT ON DATABASE {database} TO {app}; \
             GRANT CREATE, TEMPORARY ON DATABASE {database} TO {readers} WITH GRANT OPTION; \
             SET SESSION AUTHORIZATION {readers}; GRANT TEMPORARY ON DATABASE {database} TO {boss}; RESET SESSION AUTHORIZATION; \
             ALTER DATABASE {database} SET search_path = '', app; \
             ALTER ROLE {boss} IN DATABASE {database} SET TimeZone = 'Europe/Paris'; \
             COMMENT ON DATABASE {database} IS E'the \\'shop\\'\\n\\\\! $$'",
        ))
        .await;
        if superuser {
            self.run(&format!(
                "ALTER DATABASE {database} SET \"my.odd\" = E'x\\n\\\\y %'; \
                 ALTER ROLE {readers} SET \"my.odd\" = E'a\\nb''c\\\\d $$ :x \"y\" %s'"
            ))
            .await;
        }
        if superuser {
            self.run(&format!("ALTER DATABASE {database} IS_TEMPLATE true")).await;
        }
        let sql = format!(
            "CREATE SCHEMA app AUTHORIZATION {owner}; SET SESSION AUTHORIZATION {owner}; \
             CREATE TABLE app.t AS SELECT generate_series(1, 10) AS n; GRANT SELECT ON app.t TO {readers}"
        );
        self.run_inside(&sql).await;
    }

    pub(crate) fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    pub(crate) fn quoted_database(&self) -> String {
        identifier(&self.database).into_owned()
    }

    pub(crate) fn url(&self, database: &str) -> String {
        let encoded: String = database.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.server.url(&encoded)
    }

    /// As superuser, in another database.
    pub(crate) async fn run(&self, sql: &str) {
        self.run_in("postgres", sql).await;
    }

    pub(crate) async fn run_inside(&self, sql: &str) {
        self.run_in(&self.database, sql).await;
    }

    async fn run_in(&self, database: &str, sql: &str) {
        let client = self.server.connect(database).await;
        for statement in sql_text::split(format!("{sql};").as_bytes()) {
            let sql_text::Statement::Sql(text) = statement.unwrap() else { panic!("COPY") };
            let text = std::str::from_utf8(text.text).unwrap();
            while let Err(error) = client.batch_execute(text).await {
                let raced = error
                    .as_db_error()
                    .is_some_and(|error| RACED.iter().any(|beginning| error.message().starts_with(beginning)));
                assert!(raced, "{text}: {error:?}");
            }
        }
    }

    /// The dump as one file, and the text beside it.
    pub(crate) async fn dump(&self) -> (String, String) {
        self.dump_as(&self.url(&self.database)).await
    }

    pub(crate) async fn dump_as(&self, url: &str) -> (String, String) {
        let mut dump = Dump::open(&ConnectOptions::from_url(url).unwrap(), DumpOptions::default()).await.unwrap();
        let text = dump.roles().to_owned();
        let mut sql = Vec::new();
        while let Some(section) = dump.next().await.unwrap() {
            sql.extend_from_slice(&section.sql);
        }
        dump.finish().await.unwrap();
        (String::from_utf8(sql).unwrap(), text)
    }

    pub(crate) async fn warnings_as(&self, url: &str) -> Vec<Warning> {
        let mut dump = Dump::open(&ConnectOptions::from_url(url).unwrap(), DumpOptions::default()).await.unwrap();
        while dump.next().await.unwrap().is_some() {}
        dump.finish().await.unwrap().warnings
    }

    /// The CREATE DATABASE that the text has in a comment.
    pub(crate) fn creation(&self, text: &str) -> String {
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("-- CREATE DATABASE ")).collect();
        assert_eq!(lines.len(), 1, "{text}");
        format!("SET standard_conforming_strings = on;\nCREATE DATABASE {}\n", lines[0])
    }

    pub(crate) fn pg_dump(&self) -> String {
        let program = stack().pg_dump.as_ref().expect("the stack has pg_dump");
        let output = Command::new(program).env("PGTZ", "UTC").args(["-d", &self.url(&self.database)]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let same = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        text.split('\n').filter(same).collect::<Vec<_>>().join("\n")
    }

    /// What the catalogs say of our roles and of the database: no OIDs, no passwords.
    pub(crate) async fn state(&self) -> Vec<String> {
        let since = |major, then: &'static str, before: &'static str| if self.major >= major { then } else { before };
        let sql = format!(
            "SELECT 'role ' || rolname || ' ' || to_jsonb(r) - 'oid' - 'rolname' - 'rolconfig' FROM pg_roles r WHERE starts_with(rolname, {prefix}) \
             UNION ALL SELECT 'member ' || u.rolname || ' of ' || g.rolname || ' ' || m.admin_option || {options} \
                 FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles g ON g.oid = m.roleid \
                 LEFT JOIN pg_roles b ON b.oid = m.grantor WHERE starts_with(u.rolname, {prefix}) OR starts_with(g.rolname, {prefix}) \
             UNION ALL SELECT 'setting ' || coalesce(r.rolname, '*') || ' ' || coalesce(d.datname, '*') || ' ' || s.setconfig::text \
                 FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase \
                 WHERE starts_with(coalesce(r.rolname, ''), {prefix}) OR starts_with(coalesce(d.datname, ''), {prefix}) \
             UNION ALL SELECT 'comment ' || r.rolname || ' ' || d.description FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid \
                 WHERE d.classoid = 'pg_authid'::regclass AND starts_with(r.rolname, {prefix}) \
             UNION ALL SELECT 'database ' || d.datname || ' ' || r.rolname || ' ' || coalesce(d.datacl::text, '-') || ' ' || d.datconnlimit || ' ' || \
                 d.datistemplate || ' ' || coalesce(shobj_description(d.oid, 'pg_database'), '-') \
                 FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE starts_with(d.datname, {prefix}) \
             {parameters} ORDER BY 1",
            prefix = literal(&self.prefix),
            options = since(16, "' ' || m.inherit_option || m.set_option || b.rolname", "''"),
            parameters = since(
                15,
                "UNION ALL SELECT 'parameter ' || p.parname || ' ' || a.privilege_type || a.is_grantable || r.rolname \
                 FROM pg_parameter_acl p, aclexplode(p.paracl) a JOIN pg_roles r ON r.oid = a.grantee",
                ""
            ),
        );
        let client = self.server.connect("postgres").await;
        client.batch_execute("SET TimeZone = 'UTC'").await.unwrap();
        let rows = client.query(&sql, &[]).await.unwrap();
        let lines = rows.iter().map(|row| row.get(0));
        lines.filter(|line: &String| !line.starts_with("parameter ") || line.contains(&self.prefix)).collect()
    }

    /// All columns of `pg_database` that CREATE DATABASE decides.
    pub(crate) async fn properties(&self, database: &str) -> String {
        let client = self.server.connect("postgres").await;
        let sql = "SELECT (to_jsonb(d) - 'oid' - 'datfrozenxid' - 'datminmxid' - 'datlastsysoid')::text FROM pg_database d WHERE datname = $1";
        client.query_one(sql, &[&database]).await.unwrap().get(0)
    }

    pub(crate) async fn drop_everything(&self) {
        let (client, database) = (self.server.connect("postgres").await, self.quoted_database());
        let exists = client.query("SELECT FROM pg_database WHERE datname = $1", &[&self.database]).await.unwrap();
        if !exists.is_empty() {
            self.run(&format!("ALTER DATABASE {database} IS_TEMPLATE false; DROP DATABASE {database} WITH (FORCE)"))
                .await;
        }
        let rows = client
            .query("SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, $1::text)", &[&self.prefix])
            .await
            .unwrap();
        let roles: Vec<String> = rows.iter().map(|row| identifier(&row.get::<_, String>(0)).into_owned()).collect();
        if roles.is_empty() {
            return;
        }
        let roles = roles.join(", ");
        self.run(&format!("DROP OWNED BY {roles} CASCADE; DROP ROLE {roles}")).await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let dropping = std::thread::scope(|scope| {
            let dropping = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(self.drop_everything());
            });
            dropping.join()
        });
        if !std::thread::panicking() {
            dropping.unwrap();
        }
    }
}

/// Runs a file with psql, which must succeed; what it says on standard error.
pub(crate) fn run(url: &str, sql: &str) -> String {
    psql(url, sql, &[])
}

pub(crate) fn psql(url: &str, sql: &str, arguments: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), sql).unwrap();
    let output = Command::new(stack().psql.as_ref().expect("the stack has psql"))
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", url])
        .args(arguments)
        .arg("-f")
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{sql}");
    said
}

/// Statements about roles that do something, as `pg_dumpall` puts them.
pub(crate) fn pg_dumpall_of(cluster: &Cluster) -> Vec<String> {
    let program = stack().pg_dump.as_ref().expect("the stack has pg_dump").with_file_name("pg_dumpall");
    let output = Command::new(program)
        .env("PGTZ", "UTC")
        .args(["--roles-only", "--no-role-passwords", "-d", &cluster.url("postgres")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    statements(cluster, &String::from_utf8(output.stdout).unwrap())
}

/// The statements of a text about the cluster's roles, in one wording: attributes that every new role has, and the superuser of
/// initdb as a grantor, go without saying.
pub(crate) fn statements(cluster: &Cluster, text: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut fallback = false;
    for line in text.split(";\n") {
        let line = line.rsplit("\n\n").next().unwrap().trim();
        let line = line.rsplit_once("BEGIN\n").map_or(line, |(_, line)| line).trim();
        let line = line.rsplit_once("THEN\n").map_or(line, |(before, line)| {
            fallback = before.contains("EXCEPTION");
            line
        });
        let line = line.trim();
        let about =
            ["CREATE ROLE ", "ALTER ROLE ", "COMMENT ON ROLE ", "GRANT "].iter().any(|word| line.starts_with(word));
        let skipped = std::mem::take(&mut fallback) || line.contains(" IN DATABASE ") || line.contains(" ON DATABASE ");
        if !about || skipped || !line.contains(&cluster.prefix) {
            continue;
        }
        let mut line = line.replace(" GRANTED BY postgres", "").replace(" E'", " '").replace("\\\\", "\\");
        for usual in ["NOSUPERUSER", "INHERIT", "NOCREATEROLE", "NOCREATEDB", "NOLOGIN", "NOREPLICATION", "NOBYPASSRLS"]
        {
            line = line.replace(&format!(" {usual} "), " ").replace(&format!(" {usual} "), " ");
            line = line.strip_suffix(&format!(" {usual}")).unwrap_or(&line).to_owned();
        }
        match line.strip_prefix("CREATE ROLE ").and_then(|line| line.split_once(" WITH ")) {
            Some((role, attributes)) => {
                statements.push(format!("CREATE ROLE {role}"));
                statements.push(format!("ALTER ROLE {role} WITH {attributes}"));
            }
            None if line.ends_with(" WITH") => {}
            None => statements.push(line),
        }
    }
    statements.sort();
    statements
}
