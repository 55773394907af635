//! What CloudWatch draws and alarms by: lines of the log in its embedded metric format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::variables::Variables;

/// Where CloudWatch shows them.
const NAMESPACE: &str = "Offsite";

/// A metric of a run that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Bytes of the rows as text, or of the files.
    SourceBytes,
    /// Bytes that the volumes have in the vault.
    StoredBytes,
    /// Rows that were backed up or restored.
    Rows,
    /// Files that were backed up or restored.
    Files,
    /// Parts of a volume that can be read alone.
    Sections,
    /// What a person should know: see the report.
    Warnings,
    /// Age of the newest backup of a database, of the one where it is the oldest.
    DatabaseAge,
    /// Age of the newest backup of a bucket's files, of the one where it is the oldest.
    FilesAge,
    /// Databases and buckets of which a backup is missing.
    Late,
    /// Signs that somebody meddled with the vault.
    Tampered,
    /// What can be deleted too early.
    Unlocked,
    /// Sizes that ask for a look.
    Unusual,
    /// What is kept too long.
    Overdue,
    /// What the watch could not look at.
    Unread,
    /// Drills that are due.
    DrillsDue,
    /// From the choice of a backup to a database that could be used, in a drill.
    TimeToRecover,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::SourceBytes => "SourceBytes",
            Self::StoredBytes => "StoredBytes",
            Self::Rows => "Rows",
            Self::Files => "Files",
            Self::Sections => "Sections",
            Self::Warnings => "Warnings",
            Self::DatabaseAge => "DatabaseAge",
            Self::FilesAge => "FilesAge",
            Self::Late => "Late",
            Self::Tampered => "Tampered",
            Self::Unlocked => "Unlocked",
            Self::Unusual => "Unusual",
            Self::Overdue => "Overdue",
            Self::Unread => "Unread",
            Self::DrillsDue => "DrillsDue",
            Self::TimeToRecover => "TimeToRecover",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::SourceBytes | Self::StoredBytes => "Bytes",
            Self::DatabaseAge | Self::FilesAge | Self::TimeToRecover => "Seconds",
            _ => "Count",
        }
    }
}

/// One invocation, measured from its start. Every metric has the dimensions `Environment` and `Function`.
pub struct Run {
    function: &'static str,
    environment: String,
    began: Instant,
    retries: u64,
}

impl Run {
    /// Begins to measure an invocation of `function`.
    pub fn begin(function: &'static str, variables: &Variables) -> Self {
        Self {
            function,
            // A run fails without it, which must be counted too.
            environment: variables.optional("OFFSITE_ENVIRONMENT").unwrap_or("unknown").to_owned(),
            began: Instant::now(),
            retries: s3_call::retries(),
        }
    }

    /// Ends it: `Success` is 1 and comes with what was counted, or 0 if `counted` is `None`.
    pub fn end(&self, counted: Option<&[(Metric, u64)]>) {
        let line = self.line(counted, SystemTime::now());
        // A log that can't be written to has no reader either.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn line(&self, counted: Option<&[(Metric, u64)]>, now: SystemTime) -> Value {
        let retries = s3_call::retries().saturating_sub(self.retries);
        let mut values = vec![
            ("Success", "Count", json!(u8::from(counted.is_some()))),
            ("Seconds", "Seconds", json!(self.began.elapsed().as_secs_f64())),
            ("Retries", "Count", json!(retries)),
        ];
        let counted = counted.unwrap_or_default();
        values.extend(counted.iter().map(|(metric, value)| (metric.name(), metric.unit(), json!(value))));
        let described: Vec<Value> = values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut line = Map::from_iter([
            ("Environment".to_owned(), json!(self.environment)),
            ("Function".to_owned(), json!(self.function)),
            (
                "_aws".to_owned(),
                json!({
                    "Timestamp": u64::try_from(timestamp).unwrap_or_default(),
                    "CloudWatchMetrics": [{
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Environment", "Function"]],
                        "Metrics": described,
                    }],
                }),
            ),
        ]);
        line.extend(values.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
        Value::Object(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    fn run() -> Run {
        let variables = [("OFFSITE_ENVIRONMENT".to_owned(), "production".to_owned())].into_iter().collect();
        Run::begin("backup-database", &variables)
    }

    #[test]
    fn each_described_metric_has_a_value_beside_its_dimensions() {
        let counted = [(Metric::Rows, 25_000), (Metric::StoredBytes, 1 << 40)];
        let line = run().line(Some(&counted), UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "Offsite");
        assert_eq!(metrics["Dimensions"], json!([["Environment", "Function"]]));
        assert_eq!((&line["Environment"], &line["Function"]), (&json!("production"), &json!("backup-database")));
        assert_eq!(
            (&line["Success"], &line["Rows"], &line["StoredBytes"]),
            (&json!(1), &json!(25_000), &json!(1_u64 << 40))
        );
        for metric in metrics["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
    }

    #[test]
    fn failed_run_counts_as_no_success_and_nothing_else() {
        let line = run().line(None, UNIX_EPOCH);
        assert_eq!(line["Success"], 0);
        let names: Vec<_> = line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["Name"].clone())
            .collect();
        assert_eq!(names, ["Success", "Seconds", "Retries"]);
    }
}
