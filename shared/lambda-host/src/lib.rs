//! What every function needs of AWS Lambda around it: settings, secrets, logs, deadline, failures.

mod alarms;
mod bucket;
mod database;
mod failure;
mod keys;
mod memory;
mod metrics;
mod rds_token;
mod region;
mod scheduled;
mod secrets;
pub mod telemetry;
mod variables;
mod vault;

pub use alarms::unheard;
pub use bucket::BucketSettings;
pub use database::DatabaseSettings;
pub use failure::Failure;
pub use keys::KeySettings;
pub use memory::peak_resident_bytes;
pub use metrics::{Metric, Run};
pub use scheduled::Scheduled;
pub use secrets::Secrets;
pub use variables::Variables;
pub use vault::VaultSettings;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The instant at which Lambda ends this invocation.
pub fn end_of(context: &lambda_runtime::Context) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(context.deadline)
}

/// The configuration of AWS clients, from the function's role and Region.
pub async fn aws_config() -> aws_config::SdkConfig {
    aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await
}
