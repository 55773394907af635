//! A proxy before the S3 server that spoils chosen calls: the Nth of an operation, once or for good.

mod http;
mod operation;
pub mod replica;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use http::{Request, Response};
pub use operation::Operation;

/// How a call is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 500, and the request never reaches the server.
    InternalError,
    /// 503, and the request never reaches the server.
    SlowDown,
    /// 412, and the request never reaches the server.
    PreconditionFailed,
    /// 403, and the request never reaches the server.
    AccessDenied,
    /// 403 because of the client's clock, and the request never reaches the server.
    TimeTooSkewed,
    /// 404, and the request never reaches the server.
    NoSuchKey,
    /// The connection is reset before the request reaches the server.
    Reset,
    /// The request never reaches the server, and no answer comes.
    Timeout,
    /// The request works, and the connection is reset instead of the answer.
    LostResponse,
    /// 200 with an error in the body, as S3 may answer when it has begun to work; the request never reaches the server.
    ErrorAfterOk,
    /// A bit of the request's body flips on its way.
    DamagedRequest,
    /// The answer's checksum header says something else.
    WrongChecksum,
    /// The connection is reset after so many bytes of the answer's body.
    ResetBody(usize),
    /// Nothing more comes after so many bytes of the answer's body.
    StalledBody(usize),
    /// The connection is closed in good order after so many bytes of a body that was announced to be longer.
    TruncatedBody(usize),
    /// A body that is shorter than asked for, and announced as such.
    ShortBody,
}

/// The five that any call can meet.
pub const ANYWHERE: [Fault; 5] =
    [Fault::InternalError, Fault::SlowDown, Fault::Reset, Fault::Timeout, Fault::LostResponse];

/// How often a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Once,
    /// That call and every later one of its operation.
    ForGood,
}

#[derive(Clone, Copy)]
struct Injection {
    operation: Operation,
    nth: usize,
    fault: Fault,
    times: Times,
}

#[derive(Default)]
struct State {
    injections: Vec<Injection>,
    calls: HashMap<Operation, usize>,
    /// Of every request, spoilt or not.
    heads: Vec<(Operation, String)>,
    /// Bytes of the bodies of all answers.
    answered: u64,
}

impl State {
    fn count(&mut self, operation: Operation) -> Option<Fault> {
        let calls = self.calls.entry(operation).or_default();
        *calls += 1;
        let calls = *calls;
        let strikes = |injection: &&Injection| {
            injection.operation == operation
                && (calls == injection.nth || (calls > injection.nth && injection.times == Times::ForGood))
        };
        self.injections.iter().find(strikes).map(|injection| injection.fault)
    }
}

/// A running proxy. Ends when dropped.
pub struct Proxy {
    endpoint: String,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    /// Before the stack's S3 server.
    pub async fn start() -> Self {
        Self::before(crate::s3::endpoint()).await
    }

    /// Before any HTTP server.
    pub async fn before(upstream: &str) -> Self {
        let upstream = upstream.strip_prefix("http://").expect("an http endpoint").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, state) = (upstream.clone(), Arc::clone(&shared));
                connections.spawn(async move {
                    // A client that goes away is no fault of ours.
                    let _ = serve(client, &upstream, &state).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { endpoint, state, serving }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn client(&self) -> aws_sdk_s3::Client {
        crate::s3::client_at(&self.endpoint)
    }

    /// Spoils the `nth` call (from 1) of an operation, or that and all later ones.
    pub fn inject(&self, operation: Operation, nth: usize, fault: Fault, times: Times) {
        let injection = Injection { operation, nth, fault, times };
        self.state.lock().expect("the lock").injections.push(injection);
    }

    /// No more faults, and calls are counted anew.
    pub fn clear(&self) {
        *self.state.lock().expect("the lock") = State::default();
    }

    /// A header's value in each call of an operation, spoilt or not.
    pub fn sent(&self, operation: Operation, header: &str) -> Vec<Option<String>> {
        let state = self.state.lock().expect("the lock");
        let heads = state.heads.iter().filter(|(of, _)| *of == operation);
        heads.map(|(_, head)| http::header(head, header).map(str::to_owned)).collect()
    }

    /// Bytes of the bodies of all answers.
    pub fn answered(&self) -> u64 {
        self.state.lock().expect("the lock").answered
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: Operation) -> usize {
        self.state.lock().expect("the lock").calls.get(&operation).copied().unwrap_or(0)
    }
}

/// One request per connection: so a reset strikes no other call.
async fn serve(mut client: TcpStream, upstream: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(mut request) = Request::read(&mut client).await? else { return Ok(()) };
    let operation = request.operation();
    let fault = {
        let mut state = state.lock().expect("the lock");
        state.heads.push((operation, request.head.clone()));
        state.count(operation)
    };
    match fault {
        Some(Fault::InternalError) => return Response::error(500, "InternalError").send(&mut client).await,
        Some(Fault::SlowDown) => return Response::error(503, "SlowDown").send(&mut client).await,
        Some(Fault::PreconditionFailed) => return Response::error(412, "PreconditionFailed").send(&mut client).await,
        Some(Fault::NoSuchKey) => return Response::error(404, "NoSuchKey").send(&mut client).await,
        Some(Fault::TimeTooSkewed) => return Response::error(403, "RequestTimeTooSkewed").send(&mut client).await,
        Some(Fault::AccessDenied) => return Response::error(403, "AccessDenied").send(&mut client).await,
        Some(Fault::ErrorAfterOk) => return Response::error(200, "InternalError").send(&mut client).await,
        Some(Fault::Reset) => return client.set_zero_linger(),
        Some(Fault::Timeout) => return silence().await,
        Some(Fault::DamagedRequest) => request.damage(),
        _ => {}
    }
    let mut response = request.forward(upstream).await?;
    state.lock().expect("the lock").answered += response.body.len() as u64;
    match fault {
        Some(Fault::LostResponse) => return client.set_zero_linger(),
        Some(Fault::WrongChecksum) => response.replace("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
        Some(Fault::ShortBody) => response.shorten(),
        Some(Fault::TruncatedBody(after)) => response.body.truncate(after),
        Some(Fault::ResetBody(after)) => {
            response.body.truncate(after);
            response.send(&mut client).await?;
            // What was sent should arrive before the reset, which discards what has not.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return client.set_zero_linger();
        }
        Some(Fault::StalledBody(after)) => {
            response.body.truncate(after);
            response.send(&mut client).await?;
            return silence().await;
        }
        _ => {}
    }
    response.send(&mut client).await
}

async fn silence() -> std::io::Result<()> {
    std::future::pending().await
}
