//! Buckets in memory, served as S3 serves them to who only reads. What is in them may be whatever nobody could do to a vault that is locked.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::Result;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::http::{header, read_head};

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub key: String,
    pub id: String,
    /// RFC 3339.
    pub modified: String,
    /// `None` marks the key as deleted.
    pub bytes: Option<Bytes>,
}

type Buckets = Arc<Mutex<HashMap<String, Arc<Vec<Version>>>>>;

/// A server of such buckets. Ends when dropped.
pub struct Replica {
    endpoint: String,
    buckets: Buckets,
    serving: JoinHandle<()>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Replica {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
        let buckets = Buckets::default();
        let shared = Arc::clone(&buckets);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let buckets = Arc::clone(&shared);
                connections.spawn(async move {
                    // A client that goes away is no fault of ours.
                    let _ = serve(client, &buckets).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { endpoint, buckets, serving }
    }

    pub fn client(&self) -> aws_sdk_s3::Client {
        crate::s3::client_at(&self.endpoint)
    }

    /// A bucket of these versions; of one key, the newest comes first.
    pub fn hold(&self, bucket: &str, mut versions: Vec<Version>) {
        versions.sort_by(|one, other| one.key.cmp(&other.key));
        self.buckets.lock().expect("the lock").insert(bucket.to_owned(), Arc::new(versions));
    }

    /// The bucket is gone.
    pub fn drop_bucket(&self, bucket: &str) {
        self.buckets.lock().expect("the lock").remove(bucket);
    }
}

async fn serve(mut client: TcpStream, buckets: &Buckets) -> Result<()> {
    client.set_nodelay(true)?;
    while let Some((head, _)) = read_head(&mut client).await? {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = decode(path);
        let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
        let query: HashMap<&str, String> = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(k, v)| (k, decode(v)))
            .collect();
        let versions = buckets.lock().expect("the lock").get(bucket).cloned();
        let (status, more, body) = match versions {
            None => error(404, "NoSuchBucket"),
            Some(versions) if query.contains_key("versions") => {
                list(&versions, query.get("prefix").map_or("", String::as_str))
            }
            Some(versions) => get(&versions, key, query.get("versionId"), header(&head, "range")),
        };
        let mut answer =
            format!("HTTP/1.1 {status} Replica\r\nContent-Length: {}\r\n{more}\r\n", body.len()).into_bytes();
        answer.extend_from_slice(&body);
        client.write_all(&answer).await?;
    }
    Ok(())
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// The status, further headers, and the body.
type Answer = (u16, String, Bytes);

fn error(status: u16, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>replica</Message></Error>");
    (status, "Content-Type: application/xml\r\n".to_owned(), body.into())
}

fn get(versions: &[Version], key: &str, id: Option<&String>, range: Option<&str>) -> Answer {
    let mut of_key = versions.iter().filter(|version| version.key == key);
    let version = match id {
        Some(id) => of_key.find(|version| version.id == *id),
        None => of_key.next(),
    };
    let Some(bytes) = version.and_then(|version| version.bytes.clone()) else { return error(404, "NoSuchKey") };
    let Some(range) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return (200, String::new(), bytes);
    };
    let (start, end): (usize, usize) = (range.0.parse().expect("a start"), range.1.parse().expect("an end"));
    let (size, end) = (bytes.len(), end.min(bytes.len().saturating_sub(1)));
    if start >= size || start > end {
        return error(416, "InvalidRange");
    }
    (206, format!("Content-Range: bytes {start}-{end}/{size}\r\n"), bytes.slice(start..=end))
}

/// All in one page. Keys are those of backups, which XML holds as they are.
fn list(versions: &[Version], prefix: &str) -> Answer {
    let mut body = "<ListVersionsResult><IsTruncated>false</IsTruncated>".to_owned();
    for Version { key, id, modified, bytes } in versions.iter().filter(|version| version.key.starts_with(prefix)) {
        let (what, size) = match bytes {
            Some(bytes) => ("Version", format!("<Size>{}</Size>", bytes.len())),
            None => ("DeleteMarker", String::new()),
        };
        let _ = write!(
            body,
            "<{what}><Key>{key}</Key><VersionId>{id}</VersionId><LastModified>{modified}</LastModified>{size}</{what}>"
        );
    }
    body += "</ListVersionsResult>";
    (200, "Content-Type: application/xml\r\n".to_owned(), body.into())
}
