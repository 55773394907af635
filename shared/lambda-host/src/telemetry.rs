//! Logs: one JSON object a line, for CloudWatch.

use std::time::Duration;

use tracing_subscriber::EnvFilter;

/// AES-256-GCM below this speed means a processor without its instructions.
const SLOW_MIB_PER_SECOND: f64 = 300.0;
/// How often a long run says how far it is.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Sets the log up. Our own events from `info`, others' from `warn`; `RUST_LOG` says otherwise.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,backup_database=info,backup_files=info,restore=info,verify=info,lambda_host=info,pipeline=info,pg_dump=info,pg_restore=info,file_archive=info,vault=info,envelope=info"));
    tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false).with_env_filter(filter).init();
}

/// The first line of a backup's log: what everything else is measured by.
pub fn log_speed() {
    let speed = envelope::measure_speed();
    if speed < SLOW_MIB_PER_SECOND {
        tracing::warn!(
            aes_gcm_mib_per_second = speed,
            "encryption is slow on this machine. HINT: Use arm64, or a newer x86_64."
        );
    } else {
        tracing::info!(aes_gcm_mib_per_second = speed, "encryption speed");
    }
}

/// Logs what `progress` returns (done and expected bytes) until the work is done.
pub async fn heartbeat<T>(progress: impl Fn() -> (u64, u64), work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => {
                let (done, expected) = progress();
                tracing::info!(done_bytes = done, expected_bytes = expected, "under way");
            }
        }
    }
}
