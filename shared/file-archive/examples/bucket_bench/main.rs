//! What the benchmark of files measures with: a server of S3 that is no bottleneck, and the least that a backup has to do.
//!
//! ```text
//! bucket_bench serve COUNT BYTES|mixed MILLISECONDS [BURST RATE]    prints its address, and serves until its standard input ends
//! bucket_bench limit BUCKET VAULT BYTES CONCURRENCY                 gets all objects of one bucket, puts so many bytes into the other
//! bucket_bench vault FOLDER MILLISECONDS RATE                       serves the files of a folder as the backups of a vault
//! ```
//! The first has COUNT objects of BYTES each, or of mixed sizes that add up to 1 GiB, in any bucket, and answers every request
//! after so many milliseconds; BURST bytes pass at full speed in each direction, and then RATE bytes a second. The second finds its server by `AWS_ENDPOINT_URL_S3`.
//! The third has no burst.
#![allow(clippy::expect_used, clippy::print_stdout)]

mod answer;
mod bandwidth;
mod limit;
mod objects;
mod request;
mod server;
mod vault;

use std::time::Duration;

use bandwidth::Bandwidth;
use objects::Objects;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match arguments[..] {
        ["serve", count, bytes, milliseconds, ref bandwidth @ ..] => {
            let bandwidth = match bandwidth {
                [burst, rate] => Bandwidth::of(number(burst), number(rate)),
                _ => Bandwidth::unlimited(),
            };
            let objects = match bytes {
                "mixed" => Objects::mixed(number(count)),
                bytes => Objects::alike(number(count), number(bytes)),
            };
            server::serve(objects, Duration::from_millis(number(milliseconds)), bandwidth).await;
        }
        ["limit", bucket, vault, bytes, concurrency] => {
            limit::run(bucket, vault, number(bytes), number(concurrency) as usize).await;
        }
        ["vault", folder, milliseconds, rate] => {
            let latency = Duration::from_millis(number(milliseconds));
            vault::serve(folder.as_ref(), latency, Bandwidth::of(0, number(rate))).await;
        }
        _ => println!(
            "serve COUNT BYTES|mixed MILLISECONDS [BURST RATE], or limit BUCKET VAULT BYTES CONCURRENCY, or vault FOLDER MILLISECONDS RATE"
        ),
    }
}
