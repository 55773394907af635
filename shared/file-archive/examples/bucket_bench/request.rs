//! One request of HTTP/1.1, as far as clients of S3 make use of it.

use std::collections::BTreeMap;

use bytes::{Buf, BytesMut};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bandwidth::Direction;

pub(crate) struct Request {
    pub(crate) method: String,
    /// Behind the bucket, without its slash: empty for the bucket itself.
    pub(crate) key: String,
    pub(crate) query: BTreeMap<String, String>,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
}

impl Request {
    /// The next one of a connection, whose body is thrown away; `None` when the client has closed it.
    pub(crate) async fn read(stream: &mut TcpStream, read: &mut BytesMut, bandwidth: &Direction) -> Option<Self> {
        let end = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(read).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(read.split_to(end).to_vec()).ok()?;
        read.advance(4);
        let request = Self::parse(&head)?;
        let mut body: usize = request.headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
        if request.headers.contains_key("expect") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        }
        loop {
            let passed = body.min(read.len());
            bandwidth.pass(passed).await;
            read.advance(passed);
            body -= passed;
            if body == 0 {
                return Some(request);
            }
            read.reserve(256 << 10);
            if stream.read_buf(read).await.ok()? == 0 {
                return None;
            }
        }
    }

    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (_bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let query = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let headers = lines.filter_map(|line| line.split_once(':'));
        Some(Self {
            method,
            key: decoded(key),
            query: query.map(|(name, value)| (name.to_owned(), decoded(value))).collect(),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
        })
    }
}
