//! A source that can't be read: a clear error, no backup, nothing left open.

use end_to_end::Site;
use serde_json::json;
use testing::postgres::USUAL;
use testing::secrets;

const WRONG: &str = "not the password";

async fn with_secret(site: &Site, change: impl Fn(&mut serde_json::Value)) -> String {
    let server = &site.database.server;
    let mut secret = json!({
        "username": server.user, "password": server.password, "host": server.host, "port": server.port,
        "dbname": site.database.name,
    });
    change(&mut secret);
    let arn = secrets::create(&secret.to_string()).await;
    let failure = site.backup().with("OFFSITE_DATABASE_SECRET", &arn).invoke(&json!({})).await;
    assert!(!failure.log.contains(&server.password), "the password is in the log");
    assert!(!failure.log.contains(WRONG), "the wrong password is in the log");
    let failure = failure.failure();
    assert!(!failure.contains(&server.password), "{failure}");
    site.assert_untouched().await;
    failure
}

#[tokio::test]
async fn wrong_password_is_said() {
    let site = Site::new(USUAL).await;
    let failure = with_secret(&site, |secret| secret["password"] = WRONG.into()).await;
    assert!(failure.contains("password") && !failure.contains(WRONG), "{failure}");
}

#[tokio::test]
async fn unknown_database_is_named() {
    let site = Site::new(USUAL).await;
    let failure = with_secret(&site, |secret| secret["dbname"] = "no_such_database".into()).await;
    assert!(failure.contains("no_such_database"), "{failure}");
}

#[tokio::test]
async fn unreachable_host_is_named() {
    let site = Site::new(USUAL).await;
    // Nothing listens on port 1 of the loopback.
    let failure = with_secret(&site, |secret| secret["port"] = 1.into()).await;
    assert!(failure.contains("127.0.0.1:1"), "{failure}");
}

#[tokio::test]
async fn secret_without_a_field_names_the_field() {
    let site = Site::new(USUAL).await;
    let failure = with_secret(&site, |secret| drop(secret.as_object_mut().unwrap().remove("username"))).await;
    assert!(failure.contains("username"), "{failure}");
}

#[tokio::test]
async fn secret_that_is_no_json_or_does_not_exist_is_named() {
    let site = Site::new(USUAL).await;
    let malformed = secrets::create("hunter2 is no JSON").await;
    for arn in [malformed.as_str(), "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"] {
        let failure = site.backup().with("OFFSITE_DATABASE_SECRET", arn).invoke(&json!({})).await.failure();
        assert!(failure.contains(arn) && !failure.contains("hunter2"), "{failure}");
        site.assert_untouched().await;
    }
}

#[tokio::test]
async fn table_without_select_right_is_named() {
    let site = Site::new(USUAL).await;
    let role = testing::unique("reader_");
    site.database
        .run(&format!(
            "CREATE TABLE open_table (n int); CREATE TABLE closed_table (n int);
             CREATE ROLE {role} LOGIN PASSWORD 'reader'; GRANT SELECT ON open_table TO {role};"
        ))
        .await;
    let failure = with_secret(&site, |secret| {
        secret["username"] = role.clone().into();
        secret["password"] = "reader".into();
    })
    .await;
    assert!(failure.contains("closed_table") && !failure.contains("open_table"), "{failure}");
    site.database.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn server_with_an_unknown_certificate_is_refused() {
    let site = Site::new(USUAL).await;
    // Public roots only: they have not signed the server's certificate.
    let failure = site.backup().with("OFFSITE_SSLROOTCERT", "").invoke(&json!({})).await.failure();
    assert!(failure.contains("certificate"), "{failure}");
    site.assert_untouched().await;
}

#[tokio::test]
async fn object_that_cannot_be_dumped_fails_the_run_by_name() {
    let site = Site::new(USUAL).await;
    site.database.run("SET allow_system_table_mods = on; CREATE TABLE pg_catalog.unreachable (a int)").await;
    let failure = site.backup().invoke(&json!({})).await.failure();
    assert!(failure.contains("unreachable"), "{failure}");
    site.assert_untouched().await;
}
