//! Connections to real servers: each sslmode, and each way of failing with the error that says what to do.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pg_client::{ConnectOptions, Error, Password, RootCertificates, Session, SslMode};
use testing::postgres::{MAJORS, USUAL, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

fn options(major: &str) -> ConnectOptions {
    let server = server(major);
    let mut options = ConnectOptions::new(&server.host, server.port, &server.user, "postgres");
    options.password = Some(Password::new(server.password.clone()));
    options.root_certificates = RootCertificates::Path(server.ca);
    options
}

async fn refused(options: &ConnectOptions) -> Error {
    let password = server(USUAL).password;
    match Session::connect(options).await {
        Ok(_) => panic!("connected"),
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(&password) && !shown.contains("s3cret"), "{shown}");
            error
        }
    }
}

async fn uses_tls(session: &Session) -> bool {
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    session.client.query_one(sql, &[]).await.unwrap().get(0)
}

/// A self-signed certificate that signed nothing here.
fn another_authority(folder: &Path) -> PathBuf {
    let certificate = folder.join("other.crt");
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=another", "-days", "2", "-keyout"])
        .arg(folder.join("other.key"))
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    certificate
}

#[tokio::test]
async fn every_major_is_reached_over_verified_tls() {
    for major in MAJORS {
        let session = Session::connect(&options(major)).await.unwrap();
        assert!(uses_tls(&session).await, "{major}");
        let row = session.client.query_one("SELECT current_setting('application_name')", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "offsite");
        session.close().await;
    }
}

#[tokio::test]
async fn each_sslmode_uses_tls_as_libpq_does() {
    for (mode, tls) in [
        (SslMode::Disable, false),
        (SslMode::Allow, false),
        (SslMode::Prefer, true),
        (SslMode::Require, true),
        (SslMode::VerifyCa, true),
        (SslMode::VerifyFull, true),
    ] {
        let mut options = options(USUAL);
        options.sslmode = mode;
        let session = Session::connect(&options).await.unwrap();
        assert_eq!(uses_tls(&session).await, tls, "{mode:?}");
    }
}

#[tokio::test]
async fn certificate_of_another_authority_is_refused_where_it_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let other = RootCertificates::Path(another_authority(folder.path()));
    for (mode, roots, trusted) in [
        (SslMode::VerifyFull, other.clone(), false),
        (SslMode::VerifyFull, RootCertificates::Public, false),
        (SslMode::VerifyCa, other.clone(), false),
        (SslMode::Require, other.clone(), false),
        (SslMode::Require, RootCertificates::Public, true),
        (SslMode::Prefer, other, true),
    ] {
        let mut options = options(USUAL);
        (options.sslmode, options.root_certificates) = (mode, roots);
        if trusted {
            assert!(uses_tls(&Session::connect(&options).await.unwrap()).await);
        } else {
            let error = refused(&options).await;
            assert!(matches!(error, Error::Certificate { .. }), "{mode:?}: {error:?}");
            assert!(error.to_string().contains("sslrootcert"), "{error}");
        }
    }
}

#[tokio::test]
async fn certificate_for_another_host_is_refused_by_verify_full_only() {
    let mut options = options(USUAL);
    options.host = "db.example.com".to_owned();
    options = options.pinned_to("127.0.0.1".parse().unwrap());
    let error = refused(&options).await;
    assert!(matches!(error, Error::HostName { .. }), "{error:?}");
    assert!(error.to_string().contains("db.example.com"), "{error}");
    options.sslmode = SslMode::VerifyCa;
    assert!(uses_tls(&Session::connect(&options).await.unwrap()).await);
}

#[tokio::test]
async fn root_certificates_that_are_missing_or_empty_are_named() {
    let mut options = options(USUAL);
    options.root_certificates = RootCertificates::Path("/nowhere/ca.pem".into());
    assert!(refused(&options).await.to_string().contains("/nowhere/ca.pem"));
    options.root_certificates = RootCertificates::Pem("nothing".to_owned());
    assert!(matches!(refused(&options).await, Error::RootCertificates { .. }));
    options.root_certificates = RootCertificates::Public;
    options.sslmode = SslMode::VerifyCa;
    assert!(matches!(refused(&options).await, Error::WeakVerification));
}

#[tokio::test]
async fn root_certificates_may_be_given_as_text() {
    let mut options = options(USUAL);
    options.root_certificates = RootCertificates::Pem(std::fs::read_to_string(server(USUAL).ca).unwrap());
    assert!(uses_tls(&Session::connect(&options).await.unwrap()).await);
}

#[tokio::test]
async fn wrong_or_missing_password_is_named_with_the_user() {
    let mut options = options(USUAL);
    for password in [Some(Password::new("s3cret".to_owned())), None] {
        options.password = password;
        let error = refused(&options).await;
        assert!(matches!(error, Error::Password { .. }), "{error:?}");
        assert!(error.to_string().contains("user postgres"), "{error}");
    }
}

#[tokio::test]
async fn password_is_made_for_each_connection_and_what_keeps_it_from_it_is_said() {
    let made = Arc::new(AtomicUsize::new(0));
    let mut options = options(USUAL);
    let (counted, password) = (Arc::clone(&made), server(USUAL).password);
    options.password = Some(Password::made(move || {
        let (first, password) = (counted.fetch_add(1, Ordering::Relaxed) == 0, password.clone());
        async move { if first { Err("no credentials".into()) } else { Ok(Zeroizing::new(password)) } }
    }));
    let error = refused(&options).await;
    assert!(
        matches!(&error, Error::NoPassword { user, source } if *user == options.user && source.to_string() == "no credentials")
    );
    for _ in 0..2 {
        Session::connect(&options).await.unwrap().close().await;
    }
    assert_eq!(made.load(Ordering::Relaxed), 3);

    options.password = Some(Password::made(|| async { Ok(Zeroizing::new("s3cret".to_owned())) }));
    let error = refused(&options).await.to_string();
    assert!(error.contains("granted rds_iam") && error.contains(&options.server()), "{error}");
}

#[tokio::test]
async fn unknown_database_is_named() {
    let error = refused(&options(USUAL).with_dbname("nowhere")).await;
    assert!(matches!(error, Error::UnknownDatabase { .. }), "{error:?}");
    assert!(error.to_string().contains("database nowhere"), "{error}");
}

#[tokio::test]
async fn role_without_login_is_refused_by_name() {
    let admin = server(USUAL).connect("postgres").await;
    let role = testing::unique("r_");
    admin.batch_execute(&format!("CREATE ROLE {role} NOLOGIN PASSWORD 's3cret'")).await.unwrap();
    let mut options = options(USUAL);
    options.user.clone_from(&role);
    options.password = Some(Password::new("s3cret".to_owned()));
    let error = refused(&options).await;
    admin.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains(&role), "{error}");
}

#[tokio::test]
async fn host_without_address_is_named() {
    let mut options = options(USUAL);
    options.host = "nowhere.invalid".to_owned();
    let error = refused(&options).await;
    assert!(matches!(error, Error::Resolve { .. } | Error::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("nowhere.invalid"), "{error}");
}

#[tokio::test]
async fn closed_port_is_unreachable_and_names_host_and_port() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut options = options(USUAL);
    options.port = port;
    let error = refused(&options).await;
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn server_that_never_answers_times_out_and_names_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = options(USUAL);
    options.port = listener.local_addr().unwrap().port();
    options.connect_timeout = Duration::from_secs(1);
    let began = Instant::now();
    let error = refused(&options).await;
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("security group") && error.to_string().contains("route"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn server_without_tls_is_named_unless_tls_is_optional() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 8];
            if socket.read_exact(&mut request).await.is_ok() && request[4..] == [4, 210, 22, 47] {
                socket.write_all(b"N").await.unwrap();
            }
        }
    });
    let mut options = options(USUAL);
    options.port = port;
    for mode in [SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull] {
        options.sslmode = mode;
        let error = refused(&options).await;
        assert!(matches!(error, Error::NoTls { .. }), "{mode:?}: {error:?}");
        assert!(error.to_string().contains(mode.as_str()), "{error}");
    }
    options.sslmode = SslMode::Prefer;
    assert!(matches!(refused(&options).await, Error::Login { .. }));
}

#[tokio::test]
async fn cancel_ends_a_running_statement_over_tls() {
    let session = Session::connect(&options(USUAL)).await.unwrap();
    let began = Instant::now();
    let (slept, cancelled) = tokio::join!(session.client.batch_execute("SELECT pg_sleep(30)"), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        session.cancel().await
    });
    cancelled.unwrap();
    assert_eq!(slept.unwrap_err().code(), Some(&tokio_postgres::error::SqlState::QUERY_CANCELED));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn closed_and_dropped_sessions_leave_nothing_on_the_server() {
    let name = testing::unique("offsite-");
    let admin = server(USUAL).connect("postgres").await;
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
    let mut options = options(USUAL);
    options.application_name.clone_from(&name);
    let (closed, dropped) = (Session::connect(&options).await.unwrap(), Session::connect(&options).await.unwrap());
    assert_eq!(admin.query_one(sql, &[&name]).await.unwrap().get::<_, i64>(0), 2);
    closed.close().await;
    drop(dropped);
    let began = Instant::now();
    while admin.query_one(sql, &[&name]).await.unwrap().get::<_, i64>(0) != 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn terminated_session_knows_why_it_was_lost() {
    let session = Session::connect(&options(USUAL)).await.unwrap();
    let pid: i32 = session.client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    server(USUAL).connect("postgres").await.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    let began = Instant::now();
    while session.why_lost().is_none() {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(session.why_lost().unwrap().contains("terminating connection"), "{:?}", session.why_lost());
    assert!(session.client.batch_execute("SELECT 1").await.is_err());
}
