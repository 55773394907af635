//! Tables whose row security is forced upon their owner: it could neither write nor read their rows.

use serde_json::json;
use testing::postgres::{Database, MAJORS};

use crate::backup::Backup;
use crate::database::Place;
use crate::existing::{Existing, backup, data, refused, restore};
use crate::login::{By, Login, by_anyone_anywhere};
use crate::selection::choosing;

/// Nobody sees a row. Of the partitioned table, one partition by itself hides its own.
const TABLES: &str = "
    CREATE TABLE tenants (id int PRIMARY KEY, name text); ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY nobody ON tenants USING (false);
    CREATE TABLE bills (tenant int REFERENCES tenants, at int) PARTITION BY LIST (at);
    CREATE TABLE bills_1 PARTITION OF bills FOR VALUES IN (1); CREATE TABLE bills_2 PARTITION OF bills FOR VALUES IN (2);
    ALTER TABLE bills ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    ALTER TABLE bills_2 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE TABLE open (id int); ALTER TABLE open ENABLE ROW LEVEL SECURITY;
";
const ROWS: &str = "
    INSERT INTO tenants SELECT n, 'tenant ' || n FROM generate_series(1, 5) n;
    INSERT INTO bills SELECT n, 1 + n % 2 FROM generate_series(1, 5) n; INSERT INTO open VALUES (1);
";
/// As whoever owns them.
const FORCED: &str = "SELECT count(*) FROM pg_class WHERE relforcerowsecurity AND relrowsecurity";

async fn source(by: By) -> Database {
    let source = Database::create(by.major).await;
    source.run(&format!("{TABLES}{ROWS}")).await;
    source
}

by_anyone_anywhere! {
async fn rows_come_back_into_a_new_database(by: By) {
    let place = Place::by(by).await;
    let report = place.restore_with(Backup::of(&source(by).await).await.into(), choosing(json!({"no_owner": true}))).await.unwrap();
    assert!(report.rows_equal && report.rows == 11 && report.compared.rows == 11, "{report:?}");
    assert!(report.needs_superuser.is_empty() && report.differences.is_empty() && report.not_compared.is_empty(), "{report:?}");
    assert_eq!(place.query::<i64>(FORCED).await, 3);
}
}

by_anyone_anywhere! {
async fn rows_come_back_into_a_database_that_is_there(by: By) {
    let source = source(by).await;
    let target = Existing::create(by, TABLES).await;
    target.database.run("INSERT INTO tenants VALUES (9, 'hidden'); INSERT INTO open VALUES (2)").await;
    let said = refused(&target, backup(&source).await, data(json!({}))).await;
    assert!(said.starts_with("these tables hold rows already: public.open, public.tenants HINT"), "{said}");
    let report = restore(&target, backup(&source).await, data(json!({"on_conflict": "truncate"}))).await.unwrap();
    assert!(report.rows_equal && report.rows == 11 && report.compared.rows == 11, "{report:?}");
    let client = target.database.connect().await;
    assert_eq!(client.query_one(FORCED, &[]).await.unwrap().get::<_, i64>(0), 3);
    let all = "SELECT (SELECT count(*) FROM tenants) * 100 + (SELECT count(*) FROM bills) * 10 + (SELECT sum(id) FROM open)";
    assert_eq!(client.query_one(all, &[]).await.unwrap().get::<_, i64>(0), 551);
}
}

by_anyone_anywhere! {
async fn dry_run_says_where_it_cannot_see_whether_there_are_rows(by: By) {
    let source = source(by).await;
    let target = Existing::create(by, TABLES).await;
    target.database.run("INSERT INTO tenants VALUES (9, 'hidden')").await;
    let tried = restore(&target, backup(&source).await, data(json!({"dry_run": true}))).await;
    if by.login == Login::Superuser {
        let said = tried.unwrap_err().to_string();
        assert!(said.starts_with("these tables hold rows already: public.tenants HINT"), "{said}");
    } else {
        let report = tried.unwrap();
        let hiding: Vec<&str> = report.warnings.iter().filter_map(|warning| warning.split(" may hold rows").next()).collect();
        assert_eq!(hiding, ["table public.tenants", "table public.bills", "table public.bills_2"]);
    }
}
}

by_anyone_anywhere! {
async fn all_of_it_goes_into_a_database_that_is_there(by: By) {
    let source = source(by).await;
    let target = Existing::create(by, "").await;
    let report = restore(&target, backup(&source).await, choosing(json!({"no_owner": true}))).await.unwrap();
    assert!(report.rows_equal && report.rows == 11 && report.compared.rows == 11, "{report:?}");
    let client = target.database.connect().await;
    assert_eq!(client.query_one(FORCED, &[]).await.unwrap().get::<_, i64>(0), 3);
}
}

/// It would hold what its owner sees, and the dump says that nothing is to be hidden.
#[tokio::test(flavor = "multi_thread")]
async fn materialized_view_over_hidden_rows_is_named_and_stays_empty() {
    for major in MAJORS {
        let source = source(By::superuser(major)).await;
        source.run("CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM tenants").await;
        for by in [By::superuser(major), By::master(major)] {
            let place = Place::by(by).await;
            let backup = Backup::of(&source).await.into();
            let report = place.restore_with(backup, choosing(json!({"no_owner": true}))).await.unwrap();
            assert!(report.rows_equal && report.rows == 11, "{report:?}");
            let populated: bool = place.query("SELECT relispopulated FROM pg_class WHERE relname = 'seen'").await;
            assert_eq!(populated, by.login == Login::Superuser, "{by:?}");
            let said = report.needs_superuser.join("\n");
            assert_eq!(said.contains("REFRESH MATERIALIZED VIEW public.seen"), !populated, "{by:?}: {said}");
        }
    }
}
