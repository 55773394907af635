//! As much of HTTP/1.1 as passes through.

use std::io::{Error, Result};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::operation::Operation;

const MAX_HEAD: usize = 64 << 10;

pub(super) struct Request {
    pub(super) head: String,
    body: Vec<u8>,
}

pub(super) struct Response {
    head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// `None` if the client closed the connection without a request.
    pub(super) async fn read(client: &mut TcpStream) -> Result<Option<Self>> {
        let Some((head, mut body)) = read_head(client).await? else { return Ok(None) };
        if header(&head, "expect").is_some() {
            client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let length = header(&head, "content-length").map_or(Ok(0), str::parse).map_err(Error::other)?;
        let have = body.len();
        body.resize(length, 0);
        if have < length {
            client.read_exact(&mut body[have..]).await?;
        }
        Ok(Some(Self { head, body }))
    }

    pub(super) fn operation(&self) -> Operation {
        let mut words = self.head.split(' ');
        Operation::of(words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub(super) fn damage(&mut self) {
        let middle = self.body.len() / 2;
        if let Some(byte) = self.body.get_mut(middle) {
            *byte ^= 1;
        }
    }

    pub(super) async fn forward(&self, upstream: &str) -> Result<Response> {
        let mut server = TcpStream::connect(upstream).await?;
        let head = replace(&replace(&self.head, "connection", Some("close")), "expect", None);
        server.write_all(head.as_bytes()).await?;
        server.write_all(&self.body).await?;
        let (head, mut body) = read_head(&mut server).await?.ok_or_else(|| Error::other("no answer"))?;
        server.read_to_end(&mut body).await?;
        Ok(Response { head: replace(&head, "connection", Some("close")), body })
    }
}

impl Response {
    pub(super) fn error(status: u16, code: &str) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>injected</Message><RequestId>injected</RequestId></Error>"
        );
        let head = format!(
            "HTTP/1.1 {status} Injected\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        Self { head, body: body.into_bytes() }
    }

    pub(super) fn replace(&mut self, name: &str, value: &str) {
        self.head = replace(&self.head, name, Some(value));
    }

    /// One byte less, in the announcement too.
    pub(super) fn shorten(&mut self) {
        self.body.pop();
        let length = self.body.len().to_string();
        self.replace("content-length", &length);
    }

    pub(super) async fn send(&self, client: &mut TcpStream) -> Result<()> {
        client.write_all(self.head.as_bytes()).await?;
        client.write_all(&self.body).await?;
        client.flush().await
    }
}

/// A head with its empty line, and what came behind it.
pub(super) async fn read_head(stream: &mut TcpStream) -> Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::with_capacity(4096);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8(bytes).map_err(Error::other)?, body)));
        }
        if bytes.len() > MAX_HEAD {
            return Err(Error::other("a head without end"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// The head with another value of a header, or without it.
fn replace(head: &str, name: &str, value: Option<&str>) -> String {
    let mut lines: Vec<&str> = head.trim_end_matches("\r\n").split("\r\n").collect();
    lines.retain(|line| !line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name)));
    let mut head = lines.join("\r\n");
    if let Some(value) = value {
        head += &format!("\r\n{name}: {value}");
    }
    head + "\r\n\r\n"
}
