//! Lambda around a real `bootstrap`: the Runtime API for one invocation, as AWS documents it, on loopback.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::stack::stack;

/// A function's program, and its environment.
pub struct Function {
    program: PathBuf,
    variables: Vec<(String, String)>,
    limit: Duration,
    request_id: Option<String>,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Outcome {
    /// The report, or the function's error (`errorType`, `errorMessage`).
    pub answer: Result<Value, Value>,
    /// What the function wrote to its log.
    pub log: String,
}

impl Outcome {
    /// The report of an invocation that must have succeeded.
    pub fn report(self) -> Value {
        self.answer.unwrap_or_else(|error| panic!("the function failed: {error}\n{}", self.log))
    }

    /// The message of an invocation that must have failed.
    pub fn failure(self) -> String {
        let error = self.answer.expect_err("the function must fail");
        error["errorMessage"].as_str().unwrap_or_else(|| panic!("no errorMessage: {error}")).to_owned()
    }
}

/// An invocation under way.
pub struct Invocation {
    child: Child,
    listener: TcpListener,
    event: String,
    request_id: String,
    deadline: SystemTime,
    log: tokio::task::JoinHandle<String>,
}

impl Function {
    /// The program that `cargo build` made of a package's binary.
    pub fn new(binary: &str) -> Self {
        let tests = std::env::current_exe().expect("the test's own path");
        let program = tests.parent().and_then(Path::parent).expect("target/debug").join(binary);
        assert!(program.exists(), "{} does not exist: run `cargo build --workspace` first", program.display());
        let stack = stack();
        let aws = stack.aws_endpoint.as_deref().expect("the stack has a local AWS");
        let variables = [
            ("AWS_ACCESS_KEY_ID", stack.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", &stack.secret_access_key),
            ("AWS_REGION", &stack.region),
            ("AWS_ENDPOINT_URL", aws),
            ("AWS_ENDPOINT_URL_S3", crate::s3::endpoint()),
            ("AWS_LAMBDA_FUNCTION_NAME", binary),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
            ("PATH", "/usr/bin:/bin"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { program, variables, limit: Duration::from_secs(900), request_id: None }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(present, _)| present != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The time after which Lambda would end the invocation.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The request's id, as Lambda repeats it when it tries an event again; a new one for every invocation if this isn't said.
    #[must_use]
    pub fn request_id(mut self, id: &str) -> Self {
        self.request_id = Some(id.to_owned());
        self
    }

    /// Starts the program, as a cold start.
    pub async fn start(&self, event: &Value) -> Invocation {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let mut child = Command::new(&self.program)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("start the function's program");
        let mut out = child.stdout.take().expect("its standard output");
        let log = tokio::spawn(async move {
            let mut text = String::new();
            out.read_to_string(&mut text).await.expect("a log in UTF-8");
            text
        });
        let request_id = self.request_id.clone().unwrap_or_else(|| crate::unique("8476a536-e9f4-11e8-9739-"));
        let deadline = SystemTime::now() + self.limit;
        Invocation { child, listener, event: event.to_string(), request_id, deadline, log }
    }

    /// One whole invocation.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        self.start(event).await.finish().await
    }
}

impl Invocation {
    /// Hands the event over and waits for the answer.
    pub async fn finish(mut self) -> Outcome {
        let mut given = false;
        let answer = loop {
            let (mut stream, request) = tokio::select! {
                request = accept(&self.listener) => request,
                status = self.child.wait() => panic!("the function's program ended: {status:?}"),
            };
            if request.path.ends_with("/invocation/next") {
                assert!(!given, "the function asks for a second event before it has answered the first");
                given = true;
                self.give(&mut stream).await;
                continue;
            }
            let answer = serde_json::from_slice(&request.body).expect("an answer in JSON");
            respond(&mut stream, "202 Accepted", "", b"{}").await;
            if request.path.ends_with("/response") {
                break Ok(answer);
            }
            break Err(answer);
        };
        self.child.kill().await.expect("end the function's program");
        Outcome { answer, log: self.log.await.expect("the log") }
    }

    /// Hands the event over, waits until `moment` is over and kills the function, as Lambda does at its limit.
    pub async fn kill_after(mut self, moment: impl Future<Output = ()>) {
        let (mut stream, request) = accept(&self.listener).await;
        assert!(request.path.ends_with("/invocation/next"), "{}", request.path);
        self.give(&mut stream).await;
        moment.await;
        self.child.kill().await.expect("kill the function");
    }

    async fn give(&self, stream: &mut TcpStream) {
        let deadline = self.deadline.duration_since(UNIX_EPOCH).expect("a time after 1970").as_millis();
        let headers = format!(
            "Lambda-Runtime-Aws-Request-Id: {}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:test\r\n",
            self.request_id
        );
        respond(stream, "200 OK", &headers, self.event.as_bytes()).await;
    }
}

struct Request {
    path: String,
    body: Vec<u8>,
}

async fn accept(listener: &TcpListener) -> (TcpStream, Request) {
    let (stream, _) = listener.accept().await.expect("a request");
    let mut reader = BufReader::new(stream);
    let (mut path, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await.expect("a request in HTTP/1.1");
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1).expect("a path").to_owned();
        }
        match line.to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().expect("a length"),
            Some(("transfer-encoding", "chunked")) => chunked = true,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.expect("the whole body");
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size).await.expect("a chunk's size");
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size in hex");
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).await.expect("a whole chunk");
        body.extend_from_slice(&chunk[..size]);
        chunked = size > 0;
    }
    (reader.into_inner(), Request { path, body })
}

async fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("answer");
    stream.write_all(body).await.expect("answer");
    stream.shutdown().await.expect("answer");
}
