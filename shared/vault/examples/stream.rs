//! Streams a volume into the local stack's S3 server and back, and prints time and peak memory.
//!
//! `cargo run --release -p vault --example stream [MiB]`
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::time::Instant;

use time::OffsetDateTime;
use tokio::io::AsyncReadExt;
use vault::{BackupId, Kind, Vault};

#[tokio::main]
async fn main() {
    let mib: u64 = std::env::args().nth(1).map_or(1024, |text| text.parse().expect("a number of MiB"));
    let bucket = testing::s3::plain_bucket().await;
    let vault = Vault::new(testing::s3::client(), &bucket, "bench".parse().expect("a name"));
    let id = BackupId::new(OffsetDateTime::now_utc(), "stream").expect("an id");
    println!("before: {}", peak());
    let clock = Instant::now();
    let source = tokio::io::repeat(0x5a).take(mib << 20);
    let stored = vault.write_volume(&id, Kind::Database, 1, "sql.zst", source).await.expect("the upload");
    println!("up: {mib} MiB in {:.1} s, {} parts, {}", clock.elapsed().as_secs_f64(), stored.parts, peak());
    let clock = Instant::now();
    let mut stream = vault.object(&stored.key, None, stored.bytes).stream();
    let read = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.expect("the download");
    println!("down: {} MiB in {:.1} s, {}", read >> 20, clock.elapsed().as_secs_f64(), peak());
    let client = testing::s3::client();
    client.delete_object().bucket(&bucket).key(&stored.key).send().await.expect("the volume's deletion");
    client.delete_bucket().bucket(&bucket).send().await.expect("the bucket's deletion");
}

/// Peak of resident memory, as the kernel counts it.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}
