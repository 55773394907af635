//! How fast a database's sections come out, and the peak of memory: `cargo run --release --example rate -- postgresql://… [connections]`.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use pg_client::ConnectOptions;
use pg_dump::{Dump, DumpOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("the first argument is the database's URL")?;
    let mut options = DumpOptions::default();
    if let Some(connections) = arguments.next() {
        options.connections = connections.parse()?;
    }
    let began = Instant::now();
    let mut dump = Dump::open(&ConnectOptions::from_url(&url)?, options).await?;
    let opened = began.elapsed();
    let (mut sections, mut bytes, mut rows) = (0u64, 0u64, 0u64);
    while let Some(section) = dump.next().await? {
        sections += 1;
        bytes += section.sql.len() as u64;
        rows += section.rows.map_or(0, |rows| rows.count);
    }
    dump.finish().await?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{sections} sections, {rows} rows, {bytes} bytes in {seconds:.2} s: {:.0} MB/s (opened after {:.2} s)",
        bytes as f64 / seconds / 1e6,
        opened.as_secs_f64()
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM:")).for_each(|line| println!("{line}"));
    Ok(())
}
