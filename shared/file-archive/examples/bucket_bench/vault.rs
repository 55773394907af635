//! A vault that is only read: the files of a folder, each of which is the one version of an object.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bandwidth::{Bandwidth, STEP};
use crate::request::Request;

struct Served {
    /// In memory, so that no disk is measured.
    objects: Vec<(String, Bytes)>,
    latency: Duration,
    bandwidth: Bandwidth,
}

pub(crate) async fn serve(folder: &Path, latency: Duration, bandwidth: Bandwidth) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let mut objects = Vec::new();
    read(folder, folder, &mut objects);
    objects.sort();
    let served = Arc::new(Served { objects, latency, bandwidth });
    println!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let served = Arc::clone(&served);
            tokio::spawn(async move { connection(stream, &served).await });
        }
    });
    // Whoever started it holds the other end.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
}

fn read(root: &Path, folder: &Path, objects: &mut Vec<(String, Bytes)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(root, &path, objects);
        } else {
            let key = path.strip_prefix(root).expect("below").display().to_string();
            objects.push((key, std::fs::read(&path).expect("a file").into()));
        }
    }
}

/// Until the client closes it.
async fn connection(mut stream: TcpStream, served: &Served) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut read = BytesMut::new();
    loop {
        let request = Request::read(&mut stream, &mut read, &served.bandwidth.outbound).await?;
        tokio::time::sleep(served.latency).await;
        let (status, header, body) = served.answer(&request);
        let head = format!("HTTP/1.1 {status}\r\n{header}content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.ok()?;
        for step in body.chunks(STEP) {
            served.bandwidth.inbound.pass(step.len()).await;
            stream.write_all(step).await.ok()?;
        }
    }
}

impl Served {
    fn answer(&self, request: &Request) -> (&'static str, String, Bytes) {
        if request.query.contains_key("versions") {
            return ("200 OK", "content-type: application/xml\r\n".to_owned(), self.list(request).into());
        }
        let Some((_, bytes)) = self.objects.iter().find(|(key, _)| *key == request.key) else {
            return ("404 Not Found", String::new(), Bytes::new());
        };
        let asked = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let asked = asked.and_then(|(start, end)| Some((start.parse().ok()?, end.parse::<usize>().ok()?)));
        let Some((start, end)) = asked else { return ("200 OK", String::new(), bytes.clone()) };
        let header = format!("content-range: bytes {start}-{end}/{}\r\n", bytes.len());
        ("206 Partial Content", header, bytes.slice(start..=end))
    }

    /// All in one page. Each was stored when its backup began, which stands in its folder's name.
    fn list(&self, request: &Request) -> String {
        let prefix = request.query.get("prefix").map_or("", String::as_str);
        let mut list = String::from("<ListVersionsResult><IsTruncated>false</IsTruncated>");
        for (key, bytes) in self.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let id = key.rsplit('/').nth(1).expect("a folder");
            let (date, time) = (&id[..8], &id[9..15]);
            let modified =
                format!("{}-{}-{}T{}:{}:{}Z", &date[..4], &date[4..6], &date[6..], &time[..2], &time[2..4], &time[4..]);
            let _ = write!(
                list,
                "<Version><Key>{key}</Key><VersionId>null</VersionId><LastModified>{modified}</LastModified><Size>{}</Size></Version>",
                bytes.len()
            );
        }
        list + "</ListVersionsResult>"
    }
}
