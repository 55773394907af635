//! What S3 answers to the requests of a backup.

use std::fmt::Write;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::objects::Objects;
use crate::request::Request;

/// Larger objects are read by ranges, of which S3 tells no checksum.
const WHOLE: u64 = 8 << 20;
const PAGE: usize = 1000;
const LOCK: &str = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";

pub(crate) struct Answer {
    pub(crate) head: String,
    pub(crate) body: Body,
}

pub(crate) enum Body {
    Text(String),
    Object(usize, Range<u64>),
}

impl Answer {
    pub(crate) fn to(request: &Request, objects: &Objects, sorted: &[usize]) -> Self {
        let asks = |name: &str| request.query.contains_key(name);
        match request.method.as_str() {
            "GET" if asks("object-lock") => Self::xml(LOCK.to_owned()),
            "GET" if asks("tagging") => Self::xml("<Tagging><TagSet/></Tagging>".to_owned()),
            "GET" if request.key.is_empty() => Self::xml(page(request, objects, sorted)),
            "GET" | "HEAD" => Self::object(request, objects),
            "POST" if asks("uploads") => {
                let upload = "<UploadId>1</UploadId>";
                Self::xml(format!("<InitiateMultipartUploadResult>{upload}</InitiateMultipartUploadResult>"))
            }
            "POST" => Self::xml(
                "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>".to_owned(),
            ),
            "PUT" => {
                let sums = request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-checksum-"));
                let sums: String = sums.map(|(name, sum)| format!("{name}: {sum}\r\n")).collect();
                Self::text("200 OK", &format!("etag: \"1\"\r\n{sums}"), String::new())
            }
            _ => Self::text("204 No Content", "", String::new()),
        }
    }

    fn text(status: &str, headers: &str, text: String) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", text.len());
        Self { head, body: Body::Text(text) }
    }

    fn xml(text: String) -> Self {
        Self::text("200 OK", "content-type: application/xml\r\n", text)
    }

    fn object(request: &Request, objects: &Objects) -> Self {
        let number = request.key.rsplit('/').next().and_then(|number| number.parse().ok());
        let Some(number) = number.filter(|number| *number < objects.count()) else {
            return Self::text("404 Not Found", "", String::new());
        };
        let total = objects.bytes(number);
        let asked = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let asked = asked.and_then(|(start, end)| Some((start.parse().ok()?, end.parse::<u64>().ok()?)));
        let range = asked.map_or(0..total, |(start, end)| start..total.min(end + 1));
        let mut head = String::from(if asked.is_some() { "HTTP/1.1 206 Partial Content" } else { "HTTP/1.1 200 OK" });
        if asked.is_some() {
            let _ = write!(head, "\r\ncontent-range: bytes {}-{}/{total}", range.start, range.end - 1);
        } else if total <= WHOLE {
            let sum = STANDARD.encode(objects.checksum(number));
            let _ = write!(head, "\r\nx-amz-checksum-crc64nvme: {sum}\r\nx-amz-checksum-type: FULL_OBJECT");
        }
        let _ = write!(
            head,
            "\r\netag: \"{number}\"\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: \
             application/octet-stream\r\nx-amz-meta-number: {number}\r\ncontent-length: {}\r\n\r\n",
            range.end - range.start
        );
        let body = if request.method == "HEAD" { 0..0 } else { range };
        Self { head, body: Body::Object(number, body) }
    }
}

fn page(request: &Request, objects: &Objects, sorted: &[usize]) -> String {
    let start = request.query.get("continuation-token").and_then(|token| token.parse().ok()).unwrap_or(0);
    let end = sorted.len().min(start + PAGE);
    let mut page = String::from("<ListBucketResult><EncodingType>url</EncodingType>");
    let _ = write!(page, "<IsTruncated>{}</IsTruncated>", end < sorted.len());
    if end < sorted.len() {
        let _ = write!(page, "<NextContinuationToken>{end}</NextContinuationToken>");
    }
    for number in &sorted[start..end] {
        let (key, bytes) = (Objects::key(*number), objects.bytes(*number));
        let _ = write!(page, "<Contents><Key>{key}</Key><Size>{bytes}</Size></Contents>");
    }
    page + "</ListBucketResult>"
}
