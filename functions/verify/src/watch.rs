//! The hourly look at versions, summaries and locks.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use lambda_host::Metric;
use serde::Serialize;
use time::OffsetDateTime;
use vault::{Area, Kind, Watch};

use crate::config::Config;

/// Left for the report when the time is nearly over.
const REPORTING: Duration = Duration::from_secs(30);

/// What was seen.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `ok`, or `wrong` if somebody must look at something. The run itself has succeeded.
    status: &'static str,
    #[serde(flatten)]
    watch: Watch,
}

impl Report {
    /// Each is emitted also when it is 0: an alarm takes silence for trouble.
    pub(crate) fn counted(&self) -> Vec<(Metric, u64)> {
        let mut counted = vec![(Metric::StoredBytes, self.watch.stored_bytes)];
        for (kind, age) in &self.watch.oldest_seconds {
            let metric = match kind {
                Kind::Database => Metric::DatabaseAge,
                Kind::Files => Metric::FilesAge,
            };
            counted.push((metric, u64::try_from(*age).unwrap_or(0)));
        }
        counted.extend(Area::ALL.map(|area| (metric(area), self.watch.count(area))));
        counted
    }
}

fn metric(area: Area) -> Metric {
    match area {
        Area::Late => Metric::Late,
        Area::Tampered => Metric::Tampered,
        Area::Unlocked => Metric::Unlocked,
        Area::Unusual => Metric::Unusual,
        Area::Overdue => Metric::Overdue,
        Area::Unread => Metric::Unread,
        Area::Drills => Metric::DrillsDue,
    }
}

pub(crate) async fn run(config: &Config, aws: &aws_config::SdkConfig, end: SystemTime) -> Result<Report> {
    let left = end.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(REPORTING);
    let vault = config.vault.open(aws);
    let watch = vault.watch(&config.promise, OffsetDateTime::now_utc(), Some(Instant::now() + left)).await?;
    for notice in &watch.wrong {
        // One line each, so that whoever follows an alarm finds them by its words.
        tracing::warn!(name = serde_json::to_string(&notice.name)?.trim_matches('"'), "{}", notice.what);
    }
    Ok(Report { status: if watch.ok() { "ok" } else { "wrong" }, watch })
}
