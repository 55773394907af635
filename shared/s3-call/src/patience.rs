use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig};

/// How long to wait for S3, and how often to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// For one try of one call, with its body: 8 MiB must pass in it.
    pub attempt: Duration,
    /// For one try of completing a multipart upload, which takes S3 minutes if it is large.
    pub complete: Duration,
    /// Without a byte of a body in either direction.
    pub stall: Duration,
    /// How often a call is tried.
    pub tries: u32,
    /// Before the second try; doubled for each further one.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(90),
            complete: Duration::from_secs(300),
            stall: Duration::from_secs(20),
            tries: 5,
            pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
        }
    }
}

impl Patience {
    /// The same client without retries that we don't see, with timeouts for everything (`attempt` for one try of one call),
    /// and with no checksums but those that are asked for.
    pub fn client(&self, client: &Client, attempt: Duration) -> Client {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(self.connect).operation_attempt_timeout(attempt).build();
        let stalled = StalledStreamProtectionConfig::enabled().grace_period(self.stall).build();
        Client::from_conf(
            client
                .config()
                .to_builder()
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts)
                .stalled_stream_protection(stalled)
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                .build(),
        )
    }
}
