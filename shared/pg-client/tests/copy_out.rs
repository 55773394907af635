//! COPY TO STDOUT of real servers: every row once, or an error.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::TryStreamExt;
use pg_client::{ConnectOptions, Password, RootCertificates, Session, SslMode};
use testing::postgres::{USUAL, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// Rows of all lengths, some of which are longer than any buffer.
const ROWS: &str = "COPY (SELECT repeat(chr(97 + n % 26), n * n % 300000) FROM generate_series(1, 1000) n) TO STDOUT";
/// More than any buffer between the server and us holds.
const ENDLESS: &str = "COPY (SELECT n, repeat('x', 100) FROM generate_series(1, 100000000) n) TO STDOUT";

fn options(sslmode: SslMode) -> ConnectOptions {
    let server = server(USUAL);
    let mut options = ConnectOptions::new(&server.host, server.port, &server.user, "postgres");
    options.password = Some(Password::new(server.password.clone()));
    options.root_certificates = RootCertificates::Path(server.ca);
    options.sslmode = sslmode;
    options
}

async fn session() -> Session {
    Session::connect(&options(SslMode::Disable)).await.unwrap()
}

async fn all(session: &Session, sql: &str, room: usize) -> Result<Vec<u8>, Error> {
    let (mut copying, mut all) = (session.copy_out(sql).await?, Vec::new());
    let mut piece = Vec::new();
    loop {
        let more = copying.read(&mut piece, room).await?;
        assert!(piece.len() <= room, "{} for {room}", piece.len());
        all.append(&mut piece);
        if !more {
            return Ok(all);
        }
    }
}

#[tokio::test]
async fn rows_come_as_the_server_sends_them_whatever_the_room_and_with_tls() {
    let stock = session().await;
    let stock: Vec<u8> =
        stock.client.copy_out(ROWS).await.unwrap().map_ok(|row| row.to_vec()).try_concat().await.unwrap();
    assert!(stock.len() > 50 << 20);
    for mode in [SslMode::Disable, SslMode::VerifyFull] {
        let session = Session::connect(&options(mode)).await.unwrap();
        for room in [5000, 64 << 10, 8 << 20] {
            assert!(all(&session, ROWS, room).await.unwrap() == stock, "{mode:?} {room}");
        }
        assert_eq!(session.client.query_one("SELECT 7", &[]).await.unwrap().get::<_, i32>(0), 7);
    }
}

#[tokio::test]
async fn copies_of_no_row_and_of_few_follow_each_other() {
    let session = session().await;
    for n in 0..50 {
        let sql = format!("COPY (SELECT n FROM generate_series(1, {n}) n) TO STDOUT");
        let rows: String = (1..=n).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(all(&session, &sql, 1 << 16).await.unwrap()).unwrap(), rows);
    }
}

#[tokio::test]
async fn error_of_the_server_amid_rows_is_an_error_and_no_end() {
    let session = session().await;
    let sql = "COPY (SELECT 1 / (n - 100000), repeat('x', 50) FROM generate_series(1, 200000) n) TO STDOUT";
    for room in [5000, 1 << 30] {
        let error = all(&session, sql, room).await.unwrap_err();
        assert_eq!(error.code(), Some(&SqlState::DIVISION_BY_ZERO));
    }
    let refused = session.copy_out("COPY nothing_there TO STDOUT").await.err().unwrap();
    assert_eq!(refused.code(), Some(&SqlState::UNDEFINED_TABLE));
    assert_eq!(all(&session, "COPY (SELECT 1) TO STDOUT", 5000).await.unwrap(), b"1\n");
}

#[tokio::test]
async fn cancelled_copy_is_an_error() {
    let session = session().await;
    let mut copying = session.copy_out(ENDLESS).await.unwrap();
    assert!(copying.read(&mut Vec::new(), 1 << 16).await.unwrap());
    session.cancel().await.unwrap();
    let error = loop {
        match copying.read(&mut Vec::new(), 1 << 16).await {
            Ok(more) => assert!(more, "a cancelled COPY ended"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
}

#[tokio::test]
async fn copy_of_a_session_that_is_terminated_is_an_error() {
    let session = session().await;
    let pid: i32 = session.client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let mut copying = session.copy_out(ENDLESS).await.unwrap();
    assert!(copying.read(&mut Vec::new(), 1 << 16).await.unwrap());
    server(USUAL).connect("postgres").await.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    let error = loop {
        match copying.read(&mut Vec::new(), 1 << 16).await {
            Ok(more) => assert!(more, "a terminated COPY ended"),
            Err(error) => break error,
        }
    };
    assert!(error.code() == Some(&SqlState::ADMIN_SHUTDOWN) || error.is_closed(), "{error:?}");
}

/// Where a connection to the server is cut after so many bytes from there.
async fn cut_after(count: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let to = server(USUAL);
        let database = TcpStream::connect((to.host.as_str(), to.port)).await.unwrap();
        let ((mut from_client, mut to_client), (from_database, mut to_database)) =
            (client.into_split(), database.into_split());
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_database).await });
        let _ = tokio::io::copy(&mut from_database.take(count), &mut to_client).await;
        to_client.shutdown().await.unwrap();
    });
    address
}

#[tokio::test]
async fn connection_that_is_cut_amid_rows_at_their_end_or_in_a_header_is_an_error() {
    let sql = "COPY (SELECT n FROM generate_series(1000, 2999) n) TO STDOUT";
    // The login takes less; the COPY's 20,000 bytes and what follows are there before the last.
    let (mut lost, mut whole) = (0, 0);
    for count in (3000..24_000).step_by(997).chain(20_000..20_012) {
        let address = cut_after(count).await;
        let mut options = options(SslMode::Disable);
        (options.host, options.port) = (address.ip().to_string(), address.port());
        let session = Session::connect(&options).await.unwrap();
        match all(&session, sql, 5000).await {
            Ok(rows) => {
                assert_eq!(rows.len(), 10_000, "cut after {count}");
                whole += 1;
            }
            Err(error) => {
                assert!(error.code().is_none(), "{error:?}");
                lost += 1;
            }
        }
    }
    assert!(lost > 10 && whole > 0, "{lost} {whole}");
}

#[tokio::test]
async fn session_of_a_copy_that_is_left_goes_on_and_its_rows_are_nobody_elses() {
    let session = session().await;
    let many = "COPY (SELECT repeat('old', 20) FROM generate_series(1, 300000) n) TO STDOUT";
    let own = b"new\n".repeat(1000);
    let next = "COPY (SELECT 'new' FROM generate_series(1, 1000) n) TO STDOUT";
    for pieces in 0..4 {
        let mut copying = session.copy_out(many).await.unwrap();
        for _ in 0..pieces {
            assert!(copying.read(&mut Vec::new(), 1 << 16).await.unwrap());
        }
        drop(copying);
        assert!(all(&session, next, 1 << 16).await.unwrap() == own, "after {pieces} pieces");
        assert_eq!(session.client.query_one("SELECT 7", &[]).await.unwrap().get::<_, i32>(0), 7);
    }
    // Left before it began, at any moment.
    for micros in (0..3000).step_by(150) {
        let _ = tokio::time::timeout(Duration::from_micros(micros), session.copy_out(many)).await;
        assert!(all(&session, next, 1 << 16).await.unwrap() == own, "after {micros} µs");
    }
}

#[tokio::test]
async fn read_that_is_dropped_loses_nothing() {
    let session = session().await;
    let sql = "COPY (SELECT n FROM generate_series(100000, 299999) n) TO STDOUT";
    let (mut copying, mut rows) = (session.copy_out(sql).await.unwrap(), Vec::new());
    loop {
        match tokio::time::timeout(Duration::from_micros(30), copying.read(&mut rows, 1 << 16)).await {
            Ok(Ok(true)) | Err(_) => {}
            Ok(Ok(false)) => break,
            Ok(Err(error)) => panic!("{error}"),
        }
    }
    let expected: String = (100_000..300_000).map(|n| format!("{n}\n")).collect();
    assert!(rows == expected.into_bytes());
}

#[tokio::test]
async fn two_copies_of_a_session_wait_for_each_other() {
    let session = session().await;
    let sql = |word: &str| format!("COPY (SELECT '{word}' FROM generate_series(1, 50000) n) TO STDOUT");
    let (first, second) = (sql("first"), sql("second"));
    let (first, second) = tokio::join!(all(&session, &first, 5000), all(&session, &second, 5000));
    assert!(first.unwrap() == b"first\n".repeat(50_000) && second.unwrap() == b"second\n".repeat(50_000));
}
