//! What RDS asks of a token, from the description of AWS's signatures:
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::collections::BTreeMap;

use aws_lc_rs::{digest, hmac};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

const INSTANT: &[BorrowedFormatItem<'static>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Who may log in where.
pub(crate) struct Expected {
    /// `host:port`.
    pub(crate) server: String,
    pub(crate) user: String,
    pub(crate) region: String,
    pub(crate) secret_access_key: String,
}

/// When the token was signed, if it is good now; why not otherwise.
pub(crate) fn when_signed(token: &str, expected: &Expected) -> Result<OffsetDateTime, String> {
    let (server, query) = token.split_once("/?").ok_or("no request")?;
    let mut parameters: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let signature = parameters.remove("X-Amz-Signature").ok_or("no signature")?;
    let asked = |name: &str| parameters.get(name).copied().unwrap_or_default();
    let canonical: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = format!("GET\n/\n{}\nhost:{}\n\nhost\n{}", canonical.join("&"), expected.server, hash(""));
    let (date, region) = (asked("X-Amz-Date"), &expected.region);
    let day = date.get(..8).ok_or("no date")?;
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{region}/rds-db/aws4_request\n{}", hash(&request));
    let mut key = format!("AWS4{}", expected.secret_access_key).into_bytes();
    for part in [day, region, "rds-db", "aws4_request"] {
        key = sign(&key, part);
    }
    let instant = PrimitiveDateTime::parse(date, INSTANT).map_err(|error| error.to_string())?.assume_utc();
    let age = OffsetDateTime::now_utc() - instant;
    for (good, what) in [
        (server == expected.server, "another server"),
        (asked("Action") == "connect", "another action"),
        (asked("DBUser") == expected.user, "another role"),
        (asked("X-Amz-Expires") == "900" && age < Duration::seconds(900), "too old"),
        (age > Duration::seconds(-60), "not yet signed"),
        (signature == hex(&sign(&key, &text)), "another signature"),
    ] {
        if !good {
            return Err(what.to_owned());
        }
    }
    Ok(instant)
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hash(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
