//! RDS IAM authentication: the functions sign a request to connect, which stands for the password of a real server.

mod front;
mod signed;

use end_to_end::Site;
use serde_json::json;
use testing::lambda::Function;
use testing::postgres::USUAL;
use testing::stack::stack;
use testing::unique;

use self::front::Front;
use self::signed::Expected;

/// As long as those of a function's role are, with what has to be escaped.
fn session_token() -> String {
    "IQoJb3JpZ2luX2VjEJ3//+/wEaCXVzLWVhc3Qt=".repeat(30)
}

struct Login {
    site: Site,
    user: String,
    front: Front,
}

impl Login {
    async fn new() -> Self {
        let site = Site::new(USUAL).await;
        let user = unique("signed_");
        site.database.run("CREATE TABLE t AS SELECT generate_series(1, 1000) AS n").await;
        site.database
            .run(&format!(
                "CREATE ROLE {user} LOGIN CREATEDB; GRANT pg_read_all_data TO {user}; ALTER TABLE t OWNER TO {user}"
            ))
            .await;
        let expected = Expected {
            server: String::new(),
            user: user.clone(),
            region: stack().region.clone(),
            secret_access_key: stack().secret_access_key.clone(),
        };
        let front = Front::start(&site.database.server, expected).await;
        Self { site, user, front }
    }

    /// By no secret: the role's name, and where the database is.
    fn with_login(&self, function: Function) -> Function {
        function
            .with("OFFSITE_DATABASE_SECRET", "")
            .with("OFFSITE_DATABASE_USER", &self.user)
            .with("OFFSITE_DATABASE_HOST", "localhost")
            .with("OFFSITE_DATABASE_PORT", &self.front.port.to_string())
            .with("OFFSITE_DATABASE_NAME", &self.site.database.name)
            .with("AWS_SESSION_TOKEN", &session_token())
    }

    async fn end(self) {
        self.site.database.run(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.user)).await;
    }
}

#[tokio::test]
async fn functions_log_in_by_what_they_signed_anew_for_each_connection() {
    let login = Login::new().await;
    let outcome = login.with_login(login.site.backup()).invoke(&json!({})).await;
    assert!(!outcome.log.contains("X-Amz-Signature"), "the password is in the log");
    assert_eq!(outcome.report()["rows"], 1000);
    let signed = std::mem::take(&mut *login.front.logins.lock().unwrap());
    assert!(signed.len() > 1 && signed[1..].iter().all(|later| *later > signed[0]), "{signed:?}");

    let into = unique("restored_");
    let event = json!({"kind": "database", "backup": "latest", "into": into});
    let report = login.with_login(login.site.restore()).invoke(&event).await.report();
    assert_eq!(report["equal"], true);
    assert!(!login.front.logins.lock().unwrap().is_empty());
    login.site.drop_database(&into).await;
    login.end().await;
}

#[tokio::test]
async fn login_that_is_not_granted_is_refused_with_what_to_do() {
    let login = Login::new().await;
    let function = login.with_login(login.site.backup()).with("OFFSITE_DATABASE_USER", "somebody_else");
    let outcome = function.invoke(&json!({})).await;
    assert!(!outcome.log.contains("X-Amz-Signature"), "the password is in the log");
    let failure = outcome.failure();
    assert!(failure.contains("let user somebody_else in by RDS IAM authentication"), "{failure}");
    assert!(failure.contains("granted rds_iam") && !failure.contains("X-Amz-Signature"), "{failure}");
    assert!(login.front.logins.lock().unwrap().is_empty());
    login.site.assert_untouched().await;
    login.end().await;
}
